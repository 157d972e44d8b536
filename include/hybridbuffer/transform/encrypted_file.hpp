#pragma once

#include <hybridbuffer/detail/damaged_frames.hpp>
#include <hybridbuffer/detail/framed_object.hpp>
#include <hybridbuffer/detail/location.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/named_file.hpp>
#include <hybridbuffer/seeking_reader.hpp>
#include <hybridbuffer/transform/encryption_codec.hpp>
#include <hybridbuffer/transform/encryption_key.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Reads what publish() of an encrypted location gave a name when its options said PublishedForm::encrypted, out of any reader_at that
/// knows its size.
///
///     auto file = open_encrypted_file("/srv/archive/today.enc", key);      // Result<EncryptedFileReader<…>>
///     auto count = file->read_at(0, block);                                // nothing is delivered that was not verified
///     SeekingReader reader{std::move(*file)};                              // a Reader and Seeker
///
/// Its keys are not there in a forked child: there, as after a move, it answers `closed`.
/// Cost:    a read decrypts each chunk that it touches, 64 KiB unless the writer chose otherwise.
/// Threads: const members from any number at once, where those of Source may be called so.
template <sized_reader_at Source>
class EncryptedFileReader {
 public:
  /// Errors: `corrupted` when it is no encrypted file, was changed, cut or added to, or when `key` is not the one it was written with;
  ///         `closed` when `key` was moved from or is another process's; `no_space` (memory); those of the source.
  [[nodiscard]] static Result<EncryptedFileReader> open(Source source, const EncryptionKey& key) {
    try {
      const auto stored = source.size();
      if (!stored) return std::unexpected{stored.error()};
      if (*stored < least_bytes) return failure(errc::corrupted, "read an encrypted file", "it is too short");
      std::array<std::byte, EncryptionCodec::header_bytes> header;
      if (auto filled = fill(source, 0, header); !filled) return std::unexpected{std::move(filled).error()};
      auto codec = EncryptionCodec::of_file(header, key);
      if (!codec) return std::unexpected{std::move(codec).error()};

      std::array<std::byte, EncryptionCodec::closing_bytes> closing;
      if (auto filled = fill(source, *stored - closing.size(), closing); !filled) return std::unexpected{std::move(filled).error()};
      const auto size = codec->read_closing(closing);
      if (!size) return std::unexpected{size.error()};
      const std::uint64_t chunk = codec->shape().chunk_bytes;
      const std::uint64_t frames = *size / chunk + (*size % chunk != 0 ? 1 : 0);
      if (*stored != least_bytes + *size + frames * detail::aead_tag_bytes) {
        return failure(errc::corrupted, "read an encrypted file", "it is not as long as it says");
      }
      return EncryptedFileReader{std::move(source), std::make_shared<const EncryptionCodec>(*std::move(codec)), *size};
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "read an encrypted file", "out of memory");
    }
  }

  /// Reads content from `offset` on; short only at the end, 0 at and beyond it.
  /// Errors: `corrupted`, and a chunk that could not be verified stays so for this reader and its copies; those of the source; `out` then
  /// holds zeros. `closed`,
  ///         `no_space` (memory).
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const {
    if (auto usable = state_.check("read an encrypted file"); !usable) return std::unexpected{std::move(usable).error()};
    if (offset >= size_ || out.empty()) return std::size_t{0};
    const std::span<std::byte> all = out;
    out = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size_ - offset)));
    try {
      const std::size_t chunk = codec_->shape().chunk_bytes;
      detail::FrameMemory sealed_memory{true};
      detail::FrameMemory plain_memory{true};
      for (std::size_t done = 0; done < out.size();) {
        const std::uint64_t first = (offset + done) / chunk * chunk;
        const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(chunk, size_ - first));
        const auto inside = static_cast<std::size_t>(offset + done - first);
        const std::size_t count = std::min(size - inside, out.size() - done);
        const auto sealed = sealed_memory.first(size + detail::aead_tag_bytes, chunk + detail::aead_tag_bytes);
        const auto plain = plain_memory.first(size, chunk);
        const detail::FrameId frame = EncryptionCodec::file_frame(first, chunk);
        auto opened = damage_->check(frame.number);
        if (opened) opened = fill(source_, EncryptionCodec::header_bytes + first + first / chunk * detail::aead_tag_bytes, sealed);
        if (opened) {
          opened = codec_->decode(frame, sealed, plain);
          if (!opened && opened.error() == errc::corrupted) damage_->note(frame.number);
        }
        if (!opened) {
          std::ranges::fill(all, std::byte{});
          return std::unexpected{std::move(opened).error()};
        }
        std::memcpy(out.data() + done, plain.data() + inside, count);
        done += count;
      }
      return out.size();
    } catch (const std::bad_alloc&) {
      return failure(errc::no_space, "read an encrypted file", "out of memory");
    }
  }

  /// Bytes of content. Errors: `closed`.
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (auto usable = state_.check("ask for a size"); !usable) return std::unexpected{std::move(usable).error()};
    return size_;
  }

 private:
  static constexpr std::uint64_t least_bytes = EncryptionCodec::header_bytes + EncryptionCodec::closing_bytes;

  // Which frames were found damaged. Threads: any number at once.
  class Damage {
   public:
    [[nodiscard]] Result<void> check(std::uint64_t number) {
      if (!is_there_any_.load(std::memory_order_acquire)) return {};
      const std::scoped_lock lock{mutex_};
      if (frames_.contains(number)) return failure(errc::corrupted, "read an encrypted file", "it was damaged when it was first read");
      return {};
    }
    void note(std::uint64_t number) {
      const std::scoped_lock lock{mutex_};
      frames_.add(number);
      is_there_any_.store(true, std::memory_order_release);
    }

   private:
    std::atomic<bool> is_there_any_{false};
    std::mutex mutex_;
    detail::DamagedFrames frames_;
  };

  EncryptedFileReader(Source source, std::shared_ptr<const EncryptionCodec> codec, std::uint64_t size)
      : source_{std::move(source)}, codec_{std::move(codec)}, size_{size}, damage_{std::make_shared<Damage>()} {}

  [[nodiscard]] static Result<void> fill(const Source& source, std::uint64_t offset, std::span<std::byte> out) {
    return detail::all_read(
        detail::read_fully(out, [&](std::size_t done, std::span<std::byte> rest) { return source.read_at(offset + done, rest); }),
        out.size());
  }

  ReaderState state_;
  Source source_;
  std::shared_ptr<const EncryptionCodec> codec_;
  std::uint64_t size_;
  std::shared_ptr<Damage> damage_;
};

/// Errors: as EncryptedFileReader::open().
template <sized_reader_at Source>
[[nodiscard]] Result<EncryptedFileReader<Source>> open_encrypted(Source source, const EncryptionKey& key) {
  return EncryptedFileReader<Source>::open(std::move(source), key);
}

/// Opens an encrypted file by its path. Errors: those of open(2); as EncryptedFileReader::open().
[[nodiscard]] inline Result<EncryptedFileReader<NamedFile>> open_encrypted_file(const std::string& path, const EncryptionKey& key) {
  auto file = NamedFile::open(path);
  if (!file) return std::unexpected{std::move(file).error()};
  return open_encrypted(std::move(*file), key);
}

}  // namespace hybridbuffer::inline v0_1
