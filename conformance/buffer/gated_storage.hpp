#pragma once

#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

/// \file
/// Files as a storage whose writers wait at a gate, so that a test holds a spill where it wants it.

namespace hybridbuffer::testing {

/// Open at first. Threads: any number at once.
class Gate {
 public:
  void shut() noexcept { is_shut_ = true; }
  void open() noexcept {
    is_shut_ = false;
    is_shut_.notify_all();
  }
  /// Returns when the gate is open.
  void pass() noexcept {
    ++arrived_;
    arrived_.notify_all();
    is_shut_.wait(true);
  }
  /// Returns when pass() was called so many times in all.
  void await_arrivals(std::uint64_t count) const noexcept {
    for (std::uint64_t seen = arrived_; seen < count; seen = arrived_) arrived_.wait(seen);
  }
  [[nodiscard]] std::uint64_t arrivals() const noexcept { return arrived_; }

 private:
  std::atomic<bool> is_shut_{false};
  std::atomic<std::uint64_t> arrived_{0};
};

class GatedBackend {
  using Inner = FileBackend;

 public:
  class Writer {
   public:
    Writer(FileWriter inner, Gate* gate) : inner_{std::move(inner)}, gate_{gate} {}
    Result<void> write(std::span<const std::byte> bytes) {
      gate_->pass();
      return inner_.write(bytes);
    }
    Result<void> close() { return inner_.close(); }

   private:
    FileWriter inner_;
    Gate* gate_;
  };

  GatedBackend(Inner inner, Gate* gate) : inner_{std::move(inner)}, gate_{gate} {}

  static constexpr Capabilities capabilities() {
    return {Capability::reader_at, Capability::append, Capability::shrink, Capability::discard, Capability::publish};
  }

  Result<Writer> create() { return wrap(inner_.create()); }
  [[nodiscard]] auto open() const { return inner_.open(); }
  Result<void> remove() { return inner_.remove(); }
  [[nodiscard]] auto open_reader_at() const { return inner_.open_reader_at(); }
  Result<Writer> append() { return wrap(inner_.append()); }
  Result<void> shrink(std::uint64_t size) { return inner_.shrink(size); }
  Result<void> discard(std::uint64_t offset, std::uint64_t n) { return inner_.discard(offset, n); }
  Result<void> publish(std::string_view destination, PublishMode mode) { return inner_.publish(destination, mode); }

 private:
  [[nodiscard]] Result<Writer> wrap(auto opened) const {
    if (!opened) return std::unexpected{opened.error()};
    return Writer{std::move(*opened), gate_};
  }

  Inner inner_;
  Gate* gate_;
};

/// Its storage. The gate must outlive all that is made of it.
class GatedStorage {
 public:
  explicit GatedStorage(Gate& gate) : gate_{&gate} {}

  [[nodiscard]] Result<GatedBackend> create_backend() const {
    auto made = inner_.create_backend();
    if (!made) return std::unexpected{std::move(made).error()};
    return GatedBackend{std::move(*made), gate_};
  }

 private:
  FileStorage inner_{};
  Gate* gate_;
};

}  // namespace hybridbuffer::testing
