#pragma once

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

/// \file
/// Backends at the edge of the contract, and beyond it. odd_backends.hpp has those that are legal in every way.

namespace hybridbuffer::testing {

/// Says that it read more than fits.
class OverstatingBackend {
 public:
  using Writer = MemoryBackend::Writer;
  struct Reader {
    MemoryBackend::Reader inner;
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
      auto count = inner.read(out);
      if (count && *count != 0) *count = out.size() + 1;
      return count;
    }
  };
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept { return {Capability::gather}; }
  [[nodiscard]] Result<Writer> create() { return inner_.create(); }
  [[nodiscard]] Result<Reader> open() const {
    auto opened = inner_.open();
    if (!opened) return std::unexpected{opened.error()};
    return Reader{std::move(*opened)};
  }
  [[nodiscard]] Result<void> remove() { return inner_.remove(); }

 private:
  MemoryBackend inner_;
};

/// Its objects can hold nothing.
class EmptyObjects {
 public:
  using Writer = MemoryBackend::Writer;
  using Reader = MemoryBackend::Reader;
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept { return {Capability::gather, Capability::max_object_size}; }
  [[nodiscard]] static std::uint64_t max_object_size() noexcept { return 0; }
  [[nodiscard]] Result<Writer> create() { return inner_.create(); }
  [[nodiscard]] Result<Reader> open() const { return inner_.open(); }
  [[nodiscard]] Result<void> remove() { return inner_.remove(); }

 private:
  MemoryBackend inner_;
};

/// Files that nothing is ever moved into or out of inside the kernel, without saying that they cannot.
class IdleTransfers {
 public:
  IdleTransfers() : inner_{FileStorage{}.create_backend().value()} {}
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept {
    return {Capability::append, Capability::transfer, Capability::gather};
  }
  [[nodiscard]] auto create() { return inner_.create(); }
  [[nodiscard]] auto append() { return inner_.append(); }
  [[nodiscard]] auto open() const { return inner_.open(); }
  [[nodiscard]] auto remove() { return inner_.remove(); }
  [[nodiscard]] static Result<std::uint64_t> transfer_to(int, std::uint64_t, std::uint64_t) { return ++asked, std::uint64_t{0}; }
  [[nodiscard]] static Result<std::uint64_t> transfer_from(int, std::uint64_t) { return ++asked, std::uint64_t{0}; }

  static inline int asked = 0;

 private:
  FileBackend inner_;
};

inline constexpr const char* one_file_system = "/var/tmp";  // within which the kernel can copy

/// Files of at most 1000 bytes, into which the kernel moves bytes.
class BoundedFiles {
 public:
  BoundedFiles() : inner_{FileStorage{{.directory = one_file_system}}.create_backend().value()} {}
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept {
    return {Capability::append, Capability::transfer, Capability::gather, Capability::max_object_size};
  }
  [[nodiscard]] static std::uint64_t max_object_size() noexcept { return 1000; }
  [[nodiscard]] auto create() { return inner_.create(); }
  [[nodiscard]] auto append() { return inner_.append(); }
  [[nodiscard]] auto open() const { return inner_.open(); }
  [[nodiscard]] auto remove() { return inner_.remove(); }
  [[nodiscard]] auto transfer_to(int descriptor, std::uint64_t offset, std::uint64_t count) const {
    return inner_.transfer_to(descriptor, offset, count);
  }
  [[nodiscard]] auto transfer_from(int descriptor, std::uint64_t count) {
    auto taken = inner_.transfer_from(descriptor, count);
    size_ += taken.value_or(0);
    largest = std::max(largest, size_);
    return taken;
  }

  static inline std::uint64_t largest = 0;  // that was moved into one

 private:
  FileBackend inner_;
  std::uint64_t size_ = 0;
};

/// Takes nothing, and gives nothing, while it is told to.
class RefusingBackend {
 public:
  using Writer = MemoryBackend::Writer;
  struct Reader {
    MemoryBackend::Reader inner;
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
      if (gives_nothing) return failure(errc::io, "read");
      return inner.read(out);
    }
  };
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept { return {Capability::append, Capability::gather}; }
  [[nodiscard]] Result<Writer> create() {
    if (takes_nothing) return failure(errc::no_space, "create");
    return inner_.create();
  }
  [[nodiscard]] Result<Writer> append() {
    if (takes_nothing) return failure(errc::no_space, "append");
    return inner_.append();
  }
  [[nodiscard]] Result<Reader> open() const {
    auto opened = inner_.open();
    if (!opened) return std::unexpected{opened.error()};
    return Reader{std::move(*opened)};
  }
  [[nodiscard]] Result<void> remove() { return inner_.remove(); }

  static inline std::atomic<bool> takes_nothing{false};
  static inline std::atomic<bool> gives_nothing{false};

 private:
  MemoryBackend inner_;
};

}  // namespace hybridbuffer::testing
