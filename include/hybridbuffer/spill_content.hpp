#pragma once

#include <hybridbuffer/memory/memory_policy.hpp>
#include <hybridbuffer/storage.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// What one spill writes: the bytes in memory, then a span of the caller's. Written in place, without a second copy.
template <memory_policy MemoryPolicy>
class SpillContent {
 public:
  /// What is in memory, and `incoming` behind it.
  SpillContent(const MemoryPolicy& memory, std::span<const std::byte> incoming) noexcept : memory_{memory}, incoming_{incoming} {}

  [[nodiscard]] std::uint64_t size() const noexcept { return memory_.size() + incoming_.size(); }

  /// Writes the content's bytes [offset, offset + length), many pieces a call where the backend declares that its writers gather.
  template <writer Writer>
  [[nodiscard]] Result<void> write_to(Writer& sink, Capabilities declared, std::uint64_t offset, std::uint64_t length) const {
    Batch<Writer> batch{sink, declared.has(Capability::gather)};
    std::uint64_t skip = offset;
    std::uint64_t left = length;
    const auto add = [&](std::span<const std::byte> piece) -> Result<void> {
      if (skip >= piece.size()) {
        skip -= piece.size();
        return {};
      }
      piece = piece.subspan(static_cast<std::size_t>(skip));
      skip = 0;
      piece = piece.first(static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), left)));
      left -= piece.size();
      return piece.empty() ? Result<void>{} : batch.add(piece);
    };
    for (std::span<const std::byte> chunk : memory_.chunks()) {
      if (left == 0) break;
      if (auto added = add(chunk); !added) return added;
    }
    if (auto added = add(incoming_); !added) return added;
    return batch.flush();
  }

 private:
  template <writer Writer>
  class Batch {
   public:
    Batch(Writer& sink, bool gathers) noexcept : sink_{sink}, gathers_{gathers} {}
    [[nodiscard]] Result<void> add(std::span<const std::byte> piece) {
      if constexpr (gathering_writer<Writer>) {
        if (gathers_) {
          pieces_[count_++] = piece;
          return count_ == pieces_.size() ? flush() : Result<void>{};
        }
      }
      return sink_.write(piece);
    }
    [[nodiscard]] Result<void> flush() {
      if constexpr (gathering_writer<Writer>) {
        const std::size_t count = std::exchange(count_, 0);
        if (count != 0) return sink_.write(std::span<const std::span<const std::byte>>{pieces_}.first(count));
      }
      return {};
    }

   private:
    static constexpr std::size_t most = gathering_writer<Writer> ? 64 : 1;
    Writer& sink_;
    bool gathers_;
    std::array<std::span<const std::byte>, most> pieces_{};
    std::size_t count_ = 0;
  };

  const MemoryPolicy& memory_;
  std::span<const std::byte> incoming_;
};

}  // namespace hybridbuffer::inline v0_1
