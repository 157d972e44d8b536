#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// Backends that store nothing: they write down each call with its arguments, and answer with what tells the call. Which members there
/// are is composed, so that each capability can be there alone, or be the one that is missing.

namespace hybridbuffer::testing {

/// What was called, by all backends of the running test.
inline std::vector<std::string>& calls() {
  static std::vector<std::string> all;
  return all;
}
inline void note(std::string call) { calls().push_back(std::move(call)); }

template <class T>
[[nodiscard]] errc code_of(const Result<T>& result) {
  return result ? errc{} : result.error().code();
}

[[nodiscard]] inline std::string text_of(std::span<const std::byte> bytes) {
  std::string text(bytes.size(), '\0');
  std::transform(bytes.begin(), bytes.end(), text.begin(), [](std::byte byte) { return static_cast<char>(byte); });
  return text;
}
[[nodiscard]] inline std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span{text}); }

/// A size that makes a handle too large for any slot, or leaves it as it is.
template <std::size_t bytes>
struct Ballast {
  std::array<std::byte, bytes> weight{};
};
template <>
struct Ballast<0> {};

/// A write of "fail" is `no_space`, one of "throw" throws.
template <std::size_t weight = 0>
struct NotingWriter : Ballast<weight> {
  Result<void> write(std::span<const std::byte> bytes) {
    const std::string text = text_of(bytes);
    note("write " + text);
    if (text == "throw") throw std::runtime_error{"thrown by the held writer"};
    if (text == "fail") return failure(errc::no_space, "write a note");
    return {};
  }
  Result<void> close() {
    note("close");
    return failure(errc::timeout, "close a note");
  }
};
struct GatheringNotingWriter : NotingWriter<> {
  using NotingWriter<>::write;
  Result<void> write(std::span<const std::span<const std::byte>> pieces) {
    note("write " + std::to_string(pieces.size()) + " pieces");
    return {};
  }
};

template <std::size_t weight = 0>
struct NotingReader : Ballast<weight> {
  Result<std::size_t> read(std::span<std::byte> bytes) {
    note("read " + std::to_string(bytes.size()));
    return std::size_t{3};
  }
};
struct NotingSeeker : NotingReader<> {
  Result<std::uint64_t> seek(std::int64_t offset, Whence whence) {
    note("seek " + std::to_string(offset) + " " + std::to_string(static_cast<int>(whence)));
    return std::uint64_t{17};
  }
  [[nodiscard]] std::uint64_t size() const { return 70; }  // NOLINT(readability-convert-member-functions-to-static)
};
template <std::size_t weight = 0>
struct NotingReaderAt : Ballast<weight> {
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    note("read_at " + std::to_string(offset) + " " + std::to_string(bytes.size()));
    return std::size_t{5};
  }
  [[nodiscard]] Result<std::uint64_t> size() const { return std::uint64_t{71}; }
};
struct NotingWindow {
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_of("window"); }
};

// The optional members, each with the capability that declares it.

struct WithReaderAt {
  static constexpr Capability declares = Capability::reader_at;
  Result<NotingReaderAt<>> open_reader_at() const { return note("open_reader_at"), NotingReaderAt<>{}; }
};
struct WithSeeker {
  static constexpr Capability declares = Capability::seeker;
  Result<NotingSeeker> open_seeker() const { return note("open_seeker"), NotingSeeker{}; }
};
struct WithAppend {
  static constexpr Capability declares = Capability::append;
  Result<NotingWriter<>> append() { return note("append"), NotingWriter<>{}; }
};
struct WithAppendGranularity {
  static constexpr Capability declares = Capability::append_granularity;
  [[nodiscard]] std::uint64_t append_granularity() const { return note("append_granularity"), 4096; }
};
struct WithShrink {
  static constexpr Capability declares = Capability::shrink;
  Result<void> shrink(std::uint64_t n) { return note("shrink " + std::to_string(n)), failure(errc::busy, "shrink"); }
};
struct WithDiscard {
  static constexpr Capability declares = Capability::discard;
  Result<void> discard(std::uint64_t offset, std::uint64_t n) {
    return note("discard " + std::to_string(offset) + " " + std::to_string(n)), failure(errc::busy, "discard");
  }
};
struct WithMap {
  static constexpr Capability declares = Capability::map;
  Result<NotingWindow> map(std::uint64_t offset, std::size_t n) const {
    return note("map " + std::to_string(offset) + " " + std::to_string(n)), NotingWindow{};
  }
};
struct WithTransfer {
  static constexpr Capability declares = Capability::transfer;
  Result<std::uint64_t> transfer_to(int target, std::uint64_t offset, std::uint64_t n) const {
    return note("transfer_to " + std::to_string(target) + " " + std::to_string(offset) + " " + std::to_string(n)), 11;
  }
  Result<std::uint64_t> transfer_from(int source, std::uint64_t n) {
    return note("transfer_from " + std::to_string(source) + " " + std::to_string(n)), 12;
  }
};
struct WithPublish {
  static constexpr Capability declares = Capability::publish;
  Result<void> publish(std::string_view destination, PublishMode mode) {
    return note("publish " + std::string{destination} + " " + std::to_string(static_cast<int>(mode))),
           failure(errc::already_exists, "publish");
  }
};
struct WithMaxObjectSize {
  static constexpr Capability declares = Capability::max_object_size;
  [[nodiscard]] std::uint64_t max_object_size() const { return note("max_object_size"), 1000; }
};

/// What every backend has; `Writer` gathers or not, `Reader` is small or large.
template <class Writer, class Reader>
struct Required {
  Result<Writer> create() { return note("create"), Writer{}; }
  Result<Reader> open() const { return note("open"), Reader{}; }
  Result<void> remove() { return note("remove"), failure(errc::permission, "remove"); }
};

/// Declares exactly what it is composed of.
template <class... Members>
struct DeclaredBackend : Required<NotingWriter<>, NotingReader<>>, Members... {
  static constexpr Capabilities capabilities() noexcept { return {Members::declares...}; }
};
template <>
struct DeclaredBackend<> : Required<NotingWriter<>, NotingReader<>> {};

struct GatheringBackend : Required<GatheringNotingWriter, NotingReader<>> {
  static constexpr Capabilities capabilities() noexcept { return {Capability::gather}; }
};

using CompleteBackend = DeclaredBackend<WithReaderAt, WithSeeker, WithAppend, WithAppendGranularity, WithShrink, WithDiscard, WithMap,
                                        WithTransfer, WithPublish, WithMaxObjectSize>;

/// Has every member, and says at run time which of them count.
struct RunTimeBackend : Required<NotingWriter<>, NotingReader<>>,
                        WithReaderAt,
                        WithSeeker,
                        WithAppend,
                        WithAppendGranularity,
                        WithShrink,
                        WithDiscard,
                        WithMap,
                        WithTransfer,
                        WithPublish,
                        WithMaxObjectSize {
  [[nodiscard]] Capabilities capabilities() const noexcept { return declared; }
  Capabilities declared{};
};

/// Too large for every slot, as are its handles.
struct LargeBackend : Required<NotingWriter<1000>, NotingReader<1000>>, Ballast<1000> {
  static constexpr Capabilities capabilities() noexcept { return {Capability::reader_at}; }
  Result<NotingReaderAt<1000>> open_reader_at() const { return note("open_reader_at"), NotingReaderAt<1000>{}; }
};

/// Every call throws.
struct ThrowingBackend {
  Result<NotingWriter<>> create() { throw std::runtime_error{"create"}; }
  Result<NotingReader<>> open() const { throw std::runtime_error{"open"}; }
  Result<void> remove() { throw std::runtime_error{"remove"}; }
};

}  // namespace hybridbuffer::testing
