#pragma once

#include <hybridbuffer/detail/compressed_frame.hpp>
#include <hybridbuffer/detail/compression_deflate.hpp>
#include <hybridbuffer/detail/compression_lz4.hpp>
#include <hybridbuffer/detail/compression_snappy.hpp>
#include <hybridbuffer/detail/compression_zstd.hpp>
#include <hybridbuffer/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <unistd.h>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// A codec at a level of its own numbers.
struct Compressor {
  FrameCodec codec = FrameCodec::raw;
  int level = 0;
};

/// Whether the codec has that level.
[[nodiscard]] inline bool is_usable(const Compressor& compressor) noexcept {
  switch (compressor.codec) {
    case FrameCodec::raw:
    case FrameCodec::snappy: return true;
    case FrameCodec::zstd: return ZstdEngine::has_level(compressor.level);
    case FrameCodec::lz4: return Lz4Engine::has_level(compressor.level);
    case FrameCodec::gzip:
    case FrameCodec::zlib:
    case FrameCodec::deflate: return DeflateEngine::has_level(compressor.level);
  }
  return false;
}

/// All codecs, with the memory that each keeps from its first use on.
///
/// Threads: one at a time.
class CompressionEngines {
 public:
  /// `is_secret`: that memory is overwritten before it is given back.
  explicit CompressionEngines(bool is_secret = false) noexcept
      : zstd_{is_secret}, lz4_{is_secret}, snappy_{is_secret}, deflate_{is_secret} {}

  /// Returns how many bytes of `out` it took; 0 when they do not suffice. Errors: `no_space` (memory), `io`; std::bad_alloc.
  [[nodiscard]] Result<std::size_t> compress(const Compressor& with, std::span<const std::byte> plain, std::span<std::byte> out) {
    switch (with.codec) {
      case FrameCodec::raw: return 0;
      case FrameCodec::zstd: return zstd_.compress(with.level, plain, out);
      case FrameCodec::lz4: return lz4_.compress(with.level, plain, out);
      case FrameCodec::snappy: return snappy_.compress(plain, out);
      case FrameCodec::gzip: return deflate_.compress(DeflateWrapper::gzip, with.level, plain, out);
      case FrameCodec::zlib: return deflate_.compress(DeflateWrapper::zlib, with.level, plain, out);
      case FrameCodec::deflate: return deflate_.compress(DeflateWrapper::none, with.level, plain, out);
    }
    return 0;
  }

  /// `plain` is as long as the content is known to be, and nothing is written behind it. On a failure it holds anything.
  /// Errors: `corrupted` when `stored` is not exactly that much content, `no_space` (memory); std::bad_alloc.
  /// Cost: time and memory are bounded by the lengths of the two spans, whatever `stored` says.
  [[nodiscard]] Result<void> decompress(FrameCodec codec, std::span<const std::byte> stored, std::span<std::byte> plain) {
    switch (codec) {
      case FrameCodec::raw:
        if (stored.size() != plain.size()) return failure(errc::corrupted, "decompress", "a raw frame of another length");
        std::memcpy(plain.data(), stored.data(), plain.size());
        return {};
      case FrameCodec::zstd: return zstd_.decompress(stored, plain);
      case FrameCodec::lz4: return Lz4Engine::decompress(stored, plain);
      case FrameCodec::snappy: return SnappyEngine::decompress(stored, plain);
      case FrameCodec::gzip: return deflate_.decompress(DeflateWrapper::gzip, stored, plain);
      case FrameCodec::zlib: return deflate_.decompress(DeflateWrapper::zlib, stored, plain);
      case FrameCodec::deflate: return deflate_.decompress(DeflateWrapper::none, stored, plain);
    }
    return failure(errc::corrupted, "decompress", "no known codec");
  }

 private:
  ZstdEngine zstd_;
  Lz4Engine lz4_;
  SnappyEngine snappy_;
  DeflateEngine deflate_;
};

/// Engines that are not at work: as many at most as there are processors.
///
/// Without a lock, which a child that was forked while another thread held it would wait for for ever; what is idle at a fork, both
/// processes have.
/// Threads: any number at once.
class EnginePool {
 public:
  /// `is_secret`: memory of engines is overwritten before it is given back.
  explicit EnginePool(bool is_secret = false) : is_secret_{is_secret}, idle_(processors()) {}
  EnginePool(const EnginePool&) = delete;
  EnginePool& operator=(const EnginePool&) = delete;
  ~EnginePool() { give_back_idle(); }

  /// Engines that are kept for as long as somebody uses the pool through what is returned. Errors: std::bad_alloc.
  [[nodiscard]] static std::shared_ptr<EnginePool> while_used(std::shared_ptr<EnginePool> pool) {
    EnginePool* const used = pool.get();
    used->users_.fetch_add(1, std::memory_order_relaxed);
    return {used, [owner = std::move(pool)](EnginePool* left) noexcept {
              if (left->users_.fetch_sub(1, std::memory_order_acq_rel) == 1) left->give_back_idle();
            }};
  }

  /// Runs `function(CompressionEngines&)` on some that no other thread uses meanwhile. Errors: std::bad_alloc.
  template <class Function>
  auto with_engines(Function&& function) {
    Lease lease{*this, taken()};
    return function(*lease.engines);
  }

 private:
  using Engines = std::unique_ptr<CompressionEngines>;

  struct Lease {
    Lease(EnginePool& from, Engines lent) noexcept : pool{from}, engines{std::move(lent)} {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() { pool.give_back(std::move(engines)); }
    EnginePool& pool;
    Engines engines;
  };

  static std::size_t processors() noexcept {
    const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : static_cast<std::size_t>(count);
  }

  // Both begin at the first place: as few engines are used as do, those that were used last, whose memory is in the caches still.
  [[nodiscard]] Engines taken() {
    for (auto& place : idle_) {
      if (place.load(std::memory_order_relaxed) == nullptr) continue;
      if (Engines engines{place.exchange(nullptr, std::memory_order_acquire)}) return engines;
    }
    return std::make_unique<CompressionEngines>(is_secret_);
  }
  void give_back(Engines engines) noexcept {
    for (auto& place : idle_) {
      CompressionEngines* none = nullptr;
      if (place.load(std::memory_order_relaxed) != nullptr) continue;
      if (place.compare_exchange_strong(none, engines.get(), std::memory_order_release, std::memory_order_relaxed)) {
        static_cast<void>(engines.release());  // NOLINT(bugprone-unused-return-value): the place owns them
        return;
      }
    }
  }

  void give_back_idle() noexcept {
    for (auto& place : idle_) delete place.exchange(nullptr, std::memory_order_acquire);
  }

  bool is_secret_;
  std::atomic<std::size_t> users_{0};                   // that keep engines here
  std::vector<std::atomic<CompressionEngines*>> idle_;  // owned; null where there are none
};

}  // namespace hybridbuffer::inline v0_1::detail
