#pragma once

#include <hybridbuffer/detail/compressed_frame.hpp>
#include <hybridbuffer/detail/compression_choice.hpp>
#include <hybridbuffer/detail/compression_engines.hpp>
#include <hybridbuffer/detail/compression_sample.hpp>
#include <hybridbuffer/detail/framed_object.hpp>
#include <hybridbuffer/detail/process_noise.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/transform/compression_options.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <sys/random.h>
#include <utility>
#include <variant>

namespace hybridbuffer::inline v0_1 {

namespace detail {

/// What compressing locations share: the codecs' memory, and what Auto has learnt.
struct CompressionShared {
  /// `may_be_secret`: the backends beneath may keep secrets, all of them or some.
  explicit CompressionShared(const CompressionMethod& method, bool may_be_secret = false)
      : secret_pool{may_be_secret ? std::make_shared<EnginePool>(true) : nullptr} {
    if (const Auto* options = std::get_if<Auto>(&method)) {
      choice = std::make_unique<CompressionChoice>(options->store_bytes_per_second);
      if (options->clock != nullptr) clock = options->clock;
    }
  }

  /// Another one each call, so that no location takes the frames of another for its own. Against mistakes, not against a forger: whoever
  /// can write to the store can make right checksums. Hence no wait for the kernel's generator, early at boot. Processes that a fork made
  /// of one go on with the same count: the noise tells them apart.
  [[nodiscard]] std::uint64_t next_salt() noexcept { return first_salt + process_noise() + salts.fetch_add(1, std::memory_order_relaxed); }

  static std::uint64_t steady_clock() noexcept {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count());
  }

  [[nodiscard]] std::uint64_t random_salt() const noexcept {
    std::uint64_t salt = 0;
    if (::getrandom(&salt, sizeof(salt), GRND_NONBLOCK) == sizeof(salt)) return salt;
    return steady_clock() ^ reinterpret_cast<std::uintptr_t>(this);
  }

  /// The engines of a location. What those of secret ones keep of content goes with the last of these locations.
  /// Requires: `may_be_secret` was said if `is_secret`. Errors: std::bad_alloc.
  [[nodiscard]] static std::shared_ptr<EnginePool> engines_of(const std::shared_ptr<CompressionShared>& shared, bool is_secret) {
    if (is_secret) return EnginePool::while_used(shared->secret_pool);
    return {shared, &shared->pool};
  }

  EnginePool pool;
  std::shared_ptr<EnginePool> secret_pool;
  std::uint64_t first_salt = random_salt();
  std::atomic<std::uint64_t> salts{0};
  std::unique_ptr<CompressionChoice> choice;  // of Auto; null for any other method
  std::uint64_t (*clock)() noexcept = steady_clock;
};

/// Which codec and level `method` means; raw for Auto. The names of levels: docs/compression.md.
[[nodiscard]] inline Compressor compressor_of(const CompressionMethod& method) {
  struct Visitor {
    Compressor operator()(const Zstd& m) const noexcept { return {FrameCodec::zstd, m.level.number(1, 3, 7, 19)}; }
    Compressor operator()(const Lz4& m) const noexcept { return {FrameCodec::lz4, m.level.number(-7, 0, 4, 12)}; }
    Compressor operator()(const Snappy& /*none*/) const noexcept { return {FrameCodec::snappy, 0}; }
    Compressor operator()(const Gzip& m) const noexcept { return {FrameCodec::gzip, m.level.number(1, 6, 7, 9)}; }
    Compressor operator()(const Zlib& m) const noexcept { return {FrameCodec::zlib, m.level.number(1, 6, 7, 9)}; }
    Compressor operator()(const Deflate& m) const noexcept { return {FrameCodec::deflate, m.level.number(1, 6, 7, 9)}; }
    Compressor operator()(const Auto& /*for each chunk*/) const noexcept { return {}; }
  };
  return std::visit(Visitor{}, method);
}

}  // namespace detail

/// Compresses the frames of one location. The format, byte by byte: docs/compression.md.
///
/// Threads: any number at once.
class CompressionCodec {
 public:
  static constexpr bool is_secret = false;

  /// `before_secret`: the backend beneath keeps secrets. Errors: std::bad_alloc.
  CompressionCodec(std::shared_ptr<detail::CompressionShared> shared, detail::Compressor compressor, std::size_t chunk_bytes,
                   bool before_secret = false)
      : shared_{std::move(shared)},
        pool_{detail::CompressionShared::engines_of(shared_, before_secret)},
        compressor_{compressor},
        chunk_bytes_{chunk_bytes},
        header_{chunk_bytes, shared_->next_salt()} {}

  [[nodiscard]] detail::FrameShape shape() const noexcept {
    return {.header_bytes = detail::CompressedHeader::bytes,
            .chunk_bytes = chunk_bytes_,
            .overhead_bytes = detail::CompressedFrame::header_bytes,
            .fixed_overhead = false};
  }

  void write_header(std::uint64_t object, std::span<std::byte> out) const noexcept { header_.write(object, out); }

  /// Errors: `corrupted` when it differs from this location's.
  [[nodiscard]] Result<std::uint64_t> read_header(std::span<const std::byte> in) const noexcept { return header_.read(in); }

  /// What does not shrink by an eighth is stored raw; after some of that, so is what does not look as if it would.
  /// Errors: `no_space` (memory), `io`; std::bad_alloc.
  [[nodiscard]] Result<detail::EncodedFrame> encode(detail::EncodingHistory& history, detail::FrameId id, std::span<const std::byte> plain,
                                                    std::span<std::byte> stored) const {
    const Attempt attempt{history, id, plain, stored.subspan(detail::CompressedFrame::header_bytes)};
    const auto done = shared_->choice == nullptr ? compress(attempt, compressor_, detail::CompressionSample::judge_of(compressor_))
                                                 : compress_with_choice(attempt, *shared_->choice);
    if (!done) return std::unexpected{done.error()};
    const bool is_raw = done->bytes == 0;
    const std::span<const std::byte> payload = is_raw ? plain : attempt.room.first(done->bytes);
    detail::CompressedFrame::seal(header_.salt(), id, done->codec, plain.size(), payload, stored);
    return detail::EncodedFrame{detail::CompressedFrame::header_bytes + done->bytes, is_raw};
  }

  /// Errors: `corrupted`, `no_space` (memory); std::bad_alloc.
  [[nodiscard]] Result<void> decode(detail::FrameId id, std::span<const std::byte> stored, std::span<std::byte> plain) const {
    const auto frame = detail::CompressedFrame::open(header_.salt(), id, plain.size(), stored);
    if (!frame) return std::unexpected{frame.error()};
    if (!makes(frame->codec)) return failure(errc::corrupted, "decompress", "a codec that this location does not use");
    return pool_->with_engines([&](auto& engines) { return engines.decompress(frame->codec, frame->payload, plain); });
  }

 private:
  // What a location never writes it does not read either: of each library only the decoder that is needed sees stored bytes.
  [[nodiscard]] bool makes(detail::FrameCodec codec) const noexcept {
    using enum detail::FrameCodec;
    if (shared_->choice != nullptr) return codec == raw || codec == lz4 || codec == zstd;
    return codec == raw || codec == compressor_.codec;
  }

  struct Attempt {
    detail::EncodingHistory& history;
    detail::FrameId id;
    std::span<const std::byte> plain;
    std::span<std::byte> room;  // as long as `plain`
  };
  struct Compressed {
    detail::FrameCodec codec = detail::FrameCodec::raw;
    std::size_t bytes = 0;                 // in the room; 0: it did not shrink by an eighth, or was not tried
    std::optional<bool> sample_shrinks{};  // none: there was no need to ask
  };

  [[nodiscard]] Result<Compressed> compress(const Attempt& attempt, const detail::Compressor& compressor,
                                            const detail::Compressor& judge) const {
    Compressed done;
    if (detail::CompressionSample::comes_first(attempt.history, attempt.plain.size())) {
      const auto shrinks = sample_shrinks(attempt, judge);
      if (!shrinks) return std::unexpected{shrinks.error()};
      done.sample_shrinks = *shrinks;
      if (!*shrinks) {
        ++attempt.history.untried;
        return done;
      }
    }
    const auto out = attempt.room.first(attempt.plain.size() - (attempt.plain.size() + 7) / 8);
    if (!out.empty()) {
      const auto size = pool_->with_engines([&](auto& engines) { return engines.compress(compressor, attempt.plain, out); });
      if (!size) return std::unexpected{size.error()};
      done.bytes = *size;
      done.codec = *size == 0 ? detail::FrameCodec::raw : compressor.codec;
    }
    attempt.history = {.in_vain = done.bytes == 0 ? attempt.history.in_vain + 1 : 0};
    return done;
  }

  [[nodiscard]] Result<bool> sample_shrinks(const Attempt& attempt, const detail::Compressor& judge) const {
    return pool_->with_engines(
        [&](auto& engines) { return detail::CompressionSample::shrinks(engines, judge, attempt.id.number, attempt.plain, attempt.room); });
  }

  [[nodiscard]] Result<Compressed> compress_with_choice(const Attempt& attempt, detail::CompressionChoice& choice) const {
    const std::size_t size = attempt.plain.size();
    // What a chunk takes beside its bytes would make small ones look slow.
    const bool is_learnt_from = size >= chunk_bytes_;
    const std::size_t candidate = is_learnt_from ? choice.next() : choice.best();
    const detail::Compressor& compressor = detail::CompressionChoice::candidates[candidate];
    const bool is_compressed = compressor.codec != detail::FrameCodec::raw;
    const std::uint64_t begin = shared_->clock();
    auto done = is_compressed ? compress(attempt, compressor, detail::CompressionChoice::judge) : Compressed{};
    const std::uint64_t nanoseconds = shared_->clock() - begin;
    if (!done || !is_learnt_from) return done;

    // What no codec makes smaller says nothing of this one, and must not keep it from what comes after.
    if (is_compressed && done->bytes == 0 && detail::CompressionSample::suffices_for(size)) {
      const std::optional<bool> known = done->sample_shrinks;
      const auto shrinks = known ? Result<bool>{*known} : sample_shrinks(attempt, detail::CompressionChoice::judge);
      if (!shrinks) return std::unexpected{shrinks.error()};
      if (!*shrinks) return done;
    }
    choice.record(candidate, size, done->bytes == 0 ? size : done->bytes, nanoseconds);
    return done;
  }

  std::shared_ptr<detail::CompressionShared> shared_;
  std::shared_ptr<detail::EnginePool> pool_;
  detail::Compressor compressor_;
  std::size_t chunk_bytes_;
  detail::CompressedHeader header_;
};

static_assert(detail::frame_codec<CompressionCodec>);

}  // namespace hybridbuffer::inline v0_1
