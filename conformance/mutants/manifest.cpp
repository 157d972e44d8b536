#include "manifest.hpp"

#include "bugs.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace hybridbuffer::conformance::mutants {
namespace {

void put_word(Bytes& out, std::uint64_t word) {
  const auto* bytes = reinterpret_cast<const std::byte*>(&word);
  out.insert(out.end(), bytes, bytes + sizeof word);
}
std::uint64_t word_at(std::span<const std::byte> bytes, std::size_t index) {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes.data() + index * sizeof word, sizeof word);
  return word;
}

}  // namespace

std::uint64_t checksum(std::uint64_t generation, std::uint64_t chunk, std::span<const std::byte> bytes) noexcept {
  constexpr std::uint64_t prime = 0x9E3779B97F4A7C15U;
  std::uint64_t sum = generation * prime ^ chunk ^ bytes.size() << 32U;
  const auto mix = [&](std::uint64_t word) { sum = std::rotl((sum ^ word) * prime, 29); };
  for (; bytes.size() >= sizeof(std::uint64_t); bytes = bytes.subspan(sizeof(std::uint64_t))) mix(word_at(bytes, 0));
  std::uint64_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  mix(rest);
  return sum;
}

Bytes Manifest::encoded() const {
  Bytes out;
  out.reserve(head_bytes + (chunks.size() + 1) * sizeof(std::uint64_t));
  for (const std::uint64_t word : {object, generation, size, chunk_size, std::uint64_t{chunks.size()}}) put_word(out, word);
  for (const std::uint64_t chunk : chunks) put_word(out, chunk);
  put_word(out, checksum(0, 0, out));
  return out;
}

std::size_t Manifest::length_by(std::span<const std::byte> head) {
  constexpr std::uint64_t most = std::uint64_t{1} << 32U;
  return head_bytes + (static_cast<std::size_t>(std::min(word_at(head, 4), most)) + 1) * sizeof(std::uint64_t);
}

std::optional<Manifest> Manifest::decoded(std::span<const std::byte> bytes) {
  if (bytes.size() < head_bytes + checksum_bytes || bytes.size() != length_by(bytes)) return {};
  const auto content = bytes.first(bytes.size() - checksum_bytes);
  const bool altered = checksum(0, 0, content) != word_at(bytes.subspan(content.size()), 0);
  if (altered && !has(Bug::metadata_never_verified)) return {};
  Manifest manifest{.object = word_at(bytes, 0),
                    .generation = word_at(bytes, 1),
                    .size = word_at(bytes, 2),
                    .chunk_size = word_at(bytes, 3),
                    .chunks = {}};
  const auto count = static_cast<std::size_t>(word_at(bytes, 4));
  manifest.chunks.reserve(count);
  for (std::size_t i = 0; i < count; ++i) manifest.chunks.push_back(word_at(bytes, 5 + i));
  return manifest;
}

std::string metadata_key(std::string_view prefix) { return std::string{prefix}.append("/meta"); }
std::string chunk_key(std::string_view prefix, std::uint64_t generation, std::uint64_t chunk) {
  if (has(Bug::chunk_index_in_16_bits)) chunk &= 0xffffU;
  return std::string{prefix}.append("/").append(std::to_string(generation)).append("/").append(std::to_string(chunk));
}

}  // namespace hybridbuffer::conformance::mutants
