#include <hybridbuffer/transform/encrypted.hpp>

#include "../buffer/random.hpp"
#include "../transforms/open_storage.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

// Any bytes as what happens to an encrypted object: extensions, cuts and discards by its owner; by whoever holds the store: bits turned,
// bytes cut off, added, moved, brought back from earlier and taken from another location. Whatever is read is exact, or `corrupted`.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using Backend = EncryptedBackend<OpenBackend>;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

struct Location {
  explicit Location(EncryptionOptions options)
      : backend{*encrypted(store, std::move(options)).create_backend()}, stored{store.made->front()} {}

  OpenStorage store;
  Backend backend;
  std::shared_ptr<OpenObject> stored;
  std::optional<Bytes> content;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> discarded;  // what may read as zeros
  Bytes earlier;                                                   // of the store
  bool is_touched = false;                                         // by somebody else, since it was written anew

  /// Whether `bytes` may be what stands at `offset`.
  [[nodiscard]] bool may_be(std::uint64_t offset, std::span<const std::byte> bytes) const {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      const std::uint64_t at = offset + i;
      const bool is_discarded = std::ranges::any_of(discarded, [&](const auto& range) { return at >= range.first && at < range.second; });
      if (!is_discarded && bytes[i] != (*content)[static_cast<std::size_t>(at)]) return false;
    }
    return true;
  }
};

/// What a failure of a call on the location may be: nothing fails while nobody touched the store.
void accept(const Location& location, const Error& error) {
  require(location.is_touched, "nothing fails on a store that nobody touched");
  require(error == errc::corrupted || error == errc::not_found || error == errc::invalid_argument || error == errc::io,
          "a failure is one of damage");
}

void write(Location& location, bool extends, std::size_t count, std::size_t piece, std::uint64_t salt) {
  const Bytes bytes = hybridbuffer::testing::pattern(count, salt + 1);
  const auto done = write_all(extends ? location.backend.append() : location.backend.create(), bytes, piece);
  if (!done) return accept(location, done.error());
  if (!extends || !location.content) {
    location.content.emplace();
    location.discarded.clear();
    location.is_touched = false;
  }
  location.content->insert(location.content->end(), bytes.begin(), bytes.end());
}

void read(const Location& location, std::uint64_t offset, std::size_t count) {
  const auto reader = location.backend.open_reader_at();
  if (!location.content) return require(!reader && reader.error() == errc::not_found, "what was never written is not found");
  if (!reader) return accept(location, reader.error());
  const auto out = std::make_unique<std::byte[]>(count);  // of exactly that size, for the address sanitizer
  const auto got = reader->read_at(offset, {out.get(), count});
  if (!got) return accept(location, got.error());
  const std::uint64_t left = location.content->size() - std::min<std::uint64_t>(offset, location.content->size());
  require(*got == std::min<std::uint64_t>(count, left), "a read is short at the end only");
  require(location.may_be(offset, {out.get(), *got}), "what is read is what was written");
}

void read_through(const Location& location, std::size_t piece) {
  auto reader = location.backend.open();
  if (!reader) return;  // seen by read()
  const auto all = read_all(*reader, piece);
  if (!all) return accept(location, all.error());
  require(all->size() == location.content->size() && location.may_be(0, *all), "what is read from end to end is what was written");
}

/// Something that whoever holds the store can do. Returns: whether it changed anything.
bool damage(Location& location, const Location& other, Random& choices) {
  auto& stored = location.stored->bytes;
  if (!stored || stored->empty()) return false;
  const Bytes before = *stored;
  const auto some = [&](std::size_t most) { return static_cast<std::size_t>(choices.up_to(most)); };
  const auto at = [&](std::size_t offset) { return stored->begin() + static_cast<std::ptrdiff_t>(offset); };
  switch (choices.below(7)) {
    case 0: (*stored)[some(stored->size() - 1)] ^= std::byte{1} << choices.below(8); break;
    case 1: stored->resize(some(stored->size())); break;
    case 2: stored->insert(stored->end(), some(200), std::byte{0x41}); break;
    case 3: location.earlier = *stored; break;
    case 4:
      if (!location.earlier.empty()) *stored = location.earlier;
      break;
    case 5: {
      const std::size_t from = some(stored->size() - 1);
      const std::size_t to = some(stored->size() - 1);
      const std::size_t count = some(stored->size() - std::max(from, to));
      const Bytes moved{at(from), at(from + count)};
      std::copy(moved.begin(), moved.end(), at(to));
      break;
    }
    default:
      if (other.stored->bytes && !other.stored->bytes->empty()) {
        const std::size_t from = some(std::min(stored->size(), other.stored->bytes->size()) - 1);
        const std::size_t count = some(std::min(stored->size(), other.stored->bytes->size()) - from);
        std::copy_n(other.stored->bytes->begin() + static_cast<std::ptrdiff_t>(from), count, at(from));
      }
  }
  return *stored != before;
}

}  // namespace

// NOLINTNEXTLINE(readability-identifier-naming): libFuzzer calls it by this name
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Random choices{std::as_bytes(std::span{data, size})};
  constexpr std::array<std::size_t, 4> chunks{16, 48, 100, 4096};
  const EncryptionOptions options{.cipher = choices.one_in(2) ? Cipher::aes_256_gcm : Cipher::chacha20_poly1305,
                                  .chunk_bytes = chunks[choices.below(chunks.size())]};
  Location one{options};
  Location other{options};
  std::uint64_t salt = 0;
  write(one, false, static_cast<std::size_t>(choices.below(600)), 600, salt++);
  write(other, false, static_cast<std::size_t>(choices.below(600)), 600, salt++);
  for (int step = 0; step < 60 && !choices.is_exhausted(); ++step) {
    const std::uint64_t length = one.content ? one.content->size() : 0;
    switch (choices.below(8)) {
      case 0:
        write(one, true, static_cast<std::size_t>(choices.below(300)), 1 + static_cast<std::size_t>(choices.below(255)), salt++);
        break;
      case 1:
        write(one, false, static_cast<std::size_t>(choices.below(600)), 1 + static_cast<std::size_t>(choices.below(255)), salt++);
        break;
      case 2: {
        const std::uint64_t cut = choices.up_to(length);
        if (const auto done = one.backend.shrink(cut); !done) {
          if (one.content) accept(one, done.error());
        } else {
          one.content->resize(static_cast<std::size_t>(cut));
        }
        break;
      }
      case 3: {
        const std::uint64_t offset = choices.up_to(length);
        const std::uint64_t count = choices.up_to(length - offset);
        if (one.content && one.backend.discard(offset, count)) one.discarded.emplace_back(offset, offset + count);
        break;
      }
      case 4:
      case 5: one.is_touched = damage(one, other, choices) || one.is_touched; break;
      default: break;
    }
    read(one, choices.up_to(length + 20), static_cast<std::size_t>(choices.below(300)));
    if (choices.one_in(4)) read_through(one, 1 + static_cast<std::size_t>(choices.below(255)));
  }
  return 0;
}
