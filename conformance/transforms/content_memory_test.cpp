#include "../buffer/fault_support.hpp"
#include "open_storage.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/detail/content_memory.hpp>
#include <hybridbuffer/detail/secrecy.hpp>
#include <hybridbuffer/transform/checksummed.hpp>
#include <hybridbuffer/transform/compressed.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/retrying.hpp>
#include <hybridbuffer/transform/tiered.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <span>
#include <string_view>
#include <utility>

#ifdef __has_feature
#define HYBRIDBUFFER_HAS_ADDRESS_SANITIZER __has_feature(address_sanitizer)
#endif

// The memory that transforms keep content in: none of it is left there where a secret passes, and it is no more than was granted.
namespace {

constexpr std::size_t mark_bytes = 32;
constexpr std::byte mark(std::size_t i) { return static_cast<std::byte>(i % mark_bytes * 7 + 1); }

/// What is given back, and how much there is, while it watches.
struct Watch {
  bool is_on = false;
  std::size_t with_content = 0;  // blocks that held content when they were given back
  std::size_t live = 0;          // bytes
  std::size_t largest = 0;       // that was asked for at once
};
Watch watch;

bool holds_content(const void* block, std::size_t size) noexcept {
  const auto* bytes = static_cast<const std::byte*>(block);
  for (std::size_t at = 0; at + mark_bytes <= size; ++at) {
    std::size_t same = 0;
    while (same != mark_bytes && bytes[at + same] == mark(same)) ++same;
    if (same == mark_bytes) return true;
  }
  return false;
}

void note_allocation(void* block, std::size_t size) noexcept {
  if (!watch.is_on || block == nullptr) return;
  std::memset(block, 0, size);  // what another test left there is none of this one's
  watch.live += ::malloc_usable_size(block);
  watch.largest = std::max(watch.largest, size);
}
void note_release(void* block) noexcept {
  if (!watch.is_on || block == nullptr) return;
  const std::size_t size = ::malloc_usable_size(block);
  watch.live -= size;
  if (holds_content(block, size)) ++watch.with_content;
}

}  // namespace

// What new makes, and what C libraries ask malloc for.
// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): glibc's own names for them, and the sanitizer's
#if defined(__SANITIZE_ADDRESS__) || HYBRIDBUFFER_HAS_ADDRESS_SANITIZER
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*allocated)(const volatile void*, std::size_t),
                                                         void (*released)(const volatile void*));
namespace {
const int hooks_are_installed = ::__sanitizer_install_malloc_and_free_hooks(
    [](const volatile void* block, std::size_t size) { note_allocation(const_cast<void*>(block), size); },
    [](const volatile void* block) { note_release(const_cast<void*>(block)); });
}  // namespace
#else
extern "C" void* __libc_malloc(std::size_t size) noexcept;
extern "C" void* __libc_calloc(std::size_t count, std::size_t size) noexcept;
extern "C" void __libc_free(void* block) noexcept;
extern "C" void* malloc(std::size_t size) noexcept {
  void* block = __libc_malloc(size);
  note_allocation(block, size);
  return block;
}
extern "C" void* calloc(std::size_t count, std::size_t size) noexcept {
  void* block = __libc_calloc(count, size);
  note_allocation(block, count * size);
  return block;
}
extern "C" void free(void* block) noexcept {
  note_release(block);
  __libc_free(block);
}
#endif
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)

namespace hybridbuffer::testing {
namespace {

std::array<std::byte, 60'000> content = [] {
  std::array<std::byte, 60'000> bytes{};
  for (std::size_t i = 0; i != bytes.size(); ++i) bytes[i] = mark(i);
  return bytes;
}();
std::array<std::byte, 1000> window;
constexpr std::size_t piece = 10'000;

template <class Reader>
void read_a_part(Reader reader) {
  BOOST_TEST_REQUIRE(reader.has_value());
  for (int i = 0; i != 5; ++i) BOOST_TEST_REQUIRE(reader->read(window).value() == window.size());
  BOOST_TEST_REQUIRE(std::equal(window.begin(), window.end(), content.begin() + 4000));
}

/// A life with every way in which content waits in memory. Returns: the blocks that were given back with content in them.
template <class Storage>
std::size_t blocks_with_content_after(Storage made) {
  watch = {.is_on = true};
  {
    const Storage storage = std::move(made);
    auto location = storage.create_backend().value();
    {
      auto writer = location.create().value();
      for (std::size_t at = 0; at != content.size(); at += piece) {
        BOOST_TEST_REQUIRE(writer.write(std::span{content}.subspan(at, piece)).has_value());
      }
      BOOST_TEST_REQUIRE(writer.close().has_value());
    }
    {
      auto abandoned = location.append().value();
      BOOST_TEST_REQUIRE(abandoned.write(std::span{content}.first(piece)).has_value());
    }
    {
      auto extension = location.append().value();
      auto moved = std::move(extension);
      BOOST_TEST_REQUIRE(moved.write(std::span{content}.first(piece)).has_value());
      extension = std::move(moved);
      BOOST_TEST_REQUIRE(extension.close().has_value());
    }
    read_a_part(location.open());
    read_a_part(location.open_seeker());
    {
      const auto reader = location.open_reader_at().value();
      BOOST_TEST_REQUIRE(reader.read_at(500, window).value() == window.size());
      BOOST_TEST_REQUIRE(std::equal(window.begin(), window.end(), content.begin() + 500));
    }
    BOOST_TEST_REQUIRE(location.shrink(50'001).has_value());
    BOOST_TEST_REQUIRE(location.remove().has_value());
  }
  return std::exchange(watch, {}).with_content;
}

auto ignoring() {
  return [](const Observation&) noexcept {};
}

BOOST_AUTO_TEST_CASE(what_stands_before_an_encrypted_storage_leaves_no_content_in_memory_that_it_gives_back) {
  const OpenStorage open;
  BOOST_TEST(blocks_with_content_after(encrypted(open)) == 0U);
  BOOST_TEST(blocks_with_content_after(retrying(encrypted(open))) == 0U);
  BOOST_TEST(blocks_with_content_after(checksummed(encrypted(open))) == 0U);
  BOOST_TEST(blocks_with_content_after(tiered(encrypted(open), encrypted(open))) == 0U);
}

BOOST_AUTO_TEST_CASE(so_do_transforms_of_transforms_and_those_whose_types_are_forgotten) {
  const OpenStorage open;
  const AnyStorage secret{encrypted(open)};
  BOOST_TEST(blocks_with_content_after(retrying(observed(encrypted(open), ignoring()))) == 0U);
  BOOST_TEST(blocks_with_content_after(retrying(checksummed(encrypted(compressed(open, Lz4{}))))) == 0U);
  BOOST_TEST(blocks_with_content_after(retrying(tiered(encrypted(open), encrypted(open)))) == 0U);
  BOOST_TEST(blocks_with_content_after(retrying(secret)) == 0U);
  BOOST_TEST(blocks_with_content_after(checksummed(secret)) == 0U);
  BOOST_TEST(blocks_with_content_after(tiered(secret, secret)) == 0U);
  BOOST_TEST(blocks_with_content_after(tiered(secret, encrypted(open))) == 0U);
  BOOST_TEST(blocks_with_content_after(AnyStorage{retrying(AnyStorage{checksummed(AnyStorage{observed(secret, ignoring())})})}) == 0U);
}

const std::array<std::pair<std::string_view, CompressionMethod>, 11> methods{{{"Zstd", Zstd{}},
                                                                              {"Zstd 1", Zstd{.level = 1}},
                                                                              {"Zstd 19", Zstd{.level = 19}},
                                                                              {"Lz4", Lz4{}},
                                                                              {"Lz4 9", Lz4{.level = 9}},
                                                                              {"Lz4 12", Lz4{.level = 12}},
                                                                              {"Snappy", Snappy{}},
                                                                              {"Gzip", Gzip{}},
                                                                              {"Zlib", Zlib{}},
                                                                              {"Deflate 9", Deflate{.level = 9}},
                                                                              {"Auto", Auto{}}}};

/// While it lives, the content is noise that no codec makes smaller, but for a few marks.
class Noise {
 public:
  Noise() : before_{content} {
    const Bytes noise = pattern(content.size());
    for (std::size_t i = 0; i != content.size(); ++i) {
      if (i % 8'000 >= mark_bytes) content[i] = noise[i];
    }
  }
  Noise(const Noise&) = delete;
  Noise& operator=(const Noise&) = delete;
  ~Noise() { content = before_; }

 private:
  decltype(content) before_;
};

BOOST_AUTO_TEST_CASE(what_is_compressed_before_it_is_encrypted_is_left_neither_in_frames_nor_in_the_codecs_memory) {
  const OpenStorage open;
  for (const auto& [name, method] : methods) {
    BOOST_TEST_INFO_SCOPE(name);
    BOOST_TEST(blocks_with_content_after(compressed(encrypted(open), method)) == 0U);
    BOOST_TEST(blocks_with_content_after(compressed(encrypted(open), method, {.chunk_bytes = 16'384})) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(nor_is_what_does_not_compress_or_what_was_sampled) {
  const OpenStorage open;
  const Noise noise;
  for (const auto& [name, method] : methods) {
    BOOST_TEST_INFO_SCOPE(name);
    BOOST_TEST(blocks_with_content_after(compressed(encrypted(open), method)) == 0U);
    BOOST_TEST(blocks_with_content_after(compressed(encrypted(open), method, {.chunk_bytes = 8'192})) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(nor_what_is_compressed_before_other_transforms_of_secrets) {
  const OpenStorage open;
  const AnyStorage secret{encrypted(open)};
  for (const auto& [name, method] : methods) {
    BOOST_TEST_INFO_SCOPE(name);
    BOOST_TEST(blocks_with_content_after(compressed(secret, method)) == 0U);
    BOOST_TEST(blocks_with_content_after(compressed(tiered(encrypted(open), secret), method)) == 0U);
    BOOST_TEST(blocks_with_content_after(retrying(compressed(observed(checksummed(secret), ignoring()), method))) == 0U);
    BOOST_TEST(blocks_with_content_after(AnyStorage{compressed(AnyStorage{retrying(secret)}, method)}) == 0U);
    BOOST_TEST(blocks_with_content_after(compressed(compressed(secret, Zstd{}), method)) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(nor_what_is_published_from_there) {
  const TemporaryDirectory directory;
  const auto blocks_after = [&](const auto& made) {
    auto location = made.create_backend().value();
    auto writer = location.create().value();
    BOOST_TEST_REQUIRE(writer.write(content).has_value());
    BOOST_TEST_REQUIRE(writer.close().has_value());
    watch = {.is_on = true};
    BOOST_TEST_REQUIRE(location.publish(directory.path() + "/published", PublishMode::replace).has_value());
    return std::exchange(watch, {}).with_content;
  };
  const FileStorage files{FileOptions{.directory = directory.path()}};

  BOOST_TEST(blocks_after(compressed(encrypted(files), Lz4{})) == 0U);
  BOOST_TEST(blocks_after(compressed(files, Lz4{})) != 0U);
}

BOOST_AUTO_TEST_CASE(what_codecs_keep_of_secrets_goes_with_the_last_location) {
  const auto live_a_life_in = [](auto& location) {
    BOOST_TEST_REQUIRE(write_all(location.create(), content, piece).has_value());
    read_a_part(location.open());
    BOOST_TEST_REQUIRE(location.remove().has_value());
  };
  const auto kept_after_all = [&](const auto& storage) {
    constexpr std::size_t before = 100 * content.size();
    watch = {.is_on = true, .live = before};
    {
      auto first = storage.create_backend().value();
      {
        auto second = storage.create_backend().value();
        live_a_life_in(second);
      }
      live_a_life_in(first);
    }
    return std::exchange(watch, {}).live - before;
  };
  const OpenStorage open;
  static_cast<void>(kept_after_all(encrypted(open)));  // what other libraries make at their first use is none of this

  for (const auto& [name, method] : methods) {
    BOOST_TEST_INFO_SCOPE(name);
    BOOST_TEST(kept_after_all(compressed(encrypted(open), method)) < 4'096U);
    BOOST_TEST(kept_after_all(compressed(AnyStorage{encrypted(open)}, method)) < 4'096U);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_secret_costs_no_overwriting) {
  // Which is known without an object. And the watch sees what is left.
  static_assert(!CompressedBackend<OpenBackend>::keeps_secrets() && CompressedBackend<EncryptedBackend<OpenBackend>>::keeps_secrets());
  static_assert(!detail::may_keep_secrets<OpenBackend>() && detail::may_keep_secrets<AnyBackend>());
  const OpenStorage open;
  BOOST_TEST(blocks_with_content_after(retrying(compressed(open, Lz4{}))) != 0U);
  for (const auto& [name, method] : methods) {
    BOOST_TEST_INFO_SCOPE(name);
    BOOST_TEST(blocks_with_content_after(compressed(open, method)) != 0U);
    BOOST_TEST(blocks_with_content_after(compressed(AnyStorage{open}, method)) != 0U);
  }
  BOOST_TEST(blocks_with_content_after(checksummed(AnyStorage{compressed(open, Lz4{})})) != 0U);
  BOOST_TEST(blocks_with_content_after(tiered(compressed(open, Lz4{}), compressed(open, Lz4{}))) != 0U);
}

// How much is kept -------------------------------------------------------------------------------------------------------------------

/// Keeps nothing, and allocates nothing for it.
struct Nowhere {
  struct Writer {
    Result<void> write(std::span<const std::byte> /*bytes*/) { return {}; }
    Result<void> close() { return {}; }
  };
  struct Reader {
    Result<std::size_t> read(std::span<std::byte> /*bytes*/) { return 0; }
  };
  Result<Writer> create() { return Writer{}; }
  Result<Reader> open() const { return Reader{}; }
  Result<void> remove() { return {}; }
};
struct NowhereStorage {
  Result<Nowhere> create_backend() const { return Nowhere{}; }
};

BOOST_AUTO_TEST_CASE(what_a_writer_kept_is_given_back_when_it_is_closed) {
  const auto given_back = [](const auto& storage) {
    auto location = storage.create_backend().value();
    auto writer = location.create().value();
    BOOST_TEST_REQUIRE(writer.write(content).has_value());
    constexpr std::size_t before = 10 * content.size();
    watch = {.is_on = true, .live = before};
    BOOST_TEST_REQUIRE(writer.close().has_value());
    return before - std::exchange(watch, {}).live;
  };

  BOOST_TEST(given_back(retrying(NowhereStorage{})) >= content.size());
  BOOST_TEST(given_back(tiered(NowhereStorage{}, NowhereStorage{})) >= content.size());
}

BOOST_AUTO_TEST_CASE(writers_keep_no_more_memory_than_replay_bytes) {
  constexpr std::size_t most = 50'000;  // no piece times a power of two
  const auto largest = [](const auto& storage) {
    auto location = storage.create_backend().value();
    auto writer = location.create().value();
    watch = {.is_on = true};
    for (std::size_t at = 0; at != content.size(); at += 1000) {
      BOOST_TEST_REQUIRE(writer.write(std::span{content}.subspan(at, 1000)).has_value());
    }
    BOOST_TEST_REQUIRE(writer.close().has_value());
    return std::exchange(watch, {}).largest;
  };

  BOOST_TEST(largest(retrying(NowhereStorage{}, {.replay_bytes = most})) == most);
  BOOST_TEST(largest(tiered(NowhereStorage{}, NowhereStorage{}, {.replay_bytes = most})) == most);
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_what_was_added_up_to_the_most) {
  for (std::size_t most = 0; most <= 20; ++most) {
    for (std::size_t size = 1; size <= 7; ++size) {
      detail::KeptBytes kept{most, true};
      std::size_t added = 0;
      const std::span<const std::byte> all{content};
      for (; added + 2 * size <= most; added += 2 * size) {
        const std::array pieces{all.subspan(added, size), all.subspan(added + size, size)};
        BOOST_TEST_REQUIRE(kept.add(pieces));
      }
      const std::array pieces{all.subspan(added, size), all.subspan(added + size, size)};
      BOOST_TEST(!kept.add(pieces));
      detail::KeptBytes moved = std::move(kept);
      BOOST_TEST(std::equal(moved.bytes().begin(), moved.bytes().end(), content.begin(), content.begin() + added));
      BOOST_TEST(moved.empty() == (added == 0));
      moved.clear();
      BOOST_TEST(moved.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(no_size_that_a_library_asks_for_wraps_around) {
  // Not constants, whose allocation the compiler would refuse.
  for (const std::size_t below : {0U, 1U, 15U, 16U, 17U}) BOOST_TEST(detail::SecretAllocation::make(SIZE_MAX - below) == nullptr);
  void* const made = detail::SecretAllocation::make(0);
  BOOST_TEST(made != nullptr);
  detail::SecretAllocation::give_back(made);
}

}  // namespace
}  // namespace hybridbuffer::testing
