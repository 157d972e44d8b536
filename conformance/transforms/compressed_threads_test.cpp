#include "../support/forked_child.hpp"
#include "compressed_support.hpp"

#include <hybridbuffer/backend/memory.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <thread>
#include <vector>

// One storage, and one reader, in many threads: they share the codecs' memory and what Auto has learnt.

namespace hybridbuffer::testing {
namespace {

constexpr std::size_t thread_count = 4;

template <class Work>
void in_threads(Work work) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i != thread_count; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

BOOST_AUTO_TEST_CASE(locations_of_one_storage_are_independent) {
  for (const auto& [name, method] : all_methods()) {
    const auto storage = compressed(MemoryStorage{}, method, {.chunk_bytes = 4096});
    std::atomic<std::size_t> exact{0};
    in_threads([&](std::size_t thread) {
      for (std::size_t round = 0; round != 3; ++round) {
        auto backend = *storage.create_backend();
        const Bytes content = thread % 2 == 0 ? text(20'000 + thread) : alternating(20'000 + round);
        if (!write_all(backend.create(), content, 3000)) return;
        if (auto reader = backend.open(); read_all(*reader, 5000) == content) ++exact;
      }
    });
    BOOST_TEST_CONTEXT(name) { BOOST_TEST(exact == 3 * thread_count); }
  }
}

BOOST_AUTO_TEST_CASE(one_reader_serves_windows_to_many_threads) {
  for (const auto& [name, method] : all_methods()) {
    auto backend = *compressed(MemoryStorage{}, method, {.chunk_bytes = 1024}).create_backend();
    const Bytes content = alternating(30'000);
    BOOST_TEST_REQUIRE(write_all(backend.create(), content, 30'000).has_value());
    const auto reader = backend.open_reader_at();
    std::atomic<std::size_t> wrong{0};
    in_threads([&](std::size_t thread) {
      Bytes window(700);
      for (std::size_t at = thread; at + window.size() < content.size(); at += 613) {
        if (!(reader->read_at(at, window) == window.size()) ||
            !std::equal(window.begin(), window.end(), content.begin() + static_cast<std::ptrdiff_t>(at))) {
          ++wrong;
        }
      }
    });
    BOOST_TEST_CONTEXT(name) { BOOST_TEST(wrong == 0U); }
  }
}

// Small frames: the threads are nearly always at what they share.
BOOST_AUTO_TEST_CASE(a_child_forked_from_busy_threads_compresses_with_the_same_storage) {
  const std::array<CompressionMethod, 2> methods{Lz4{}, Auto{}};
  for (const CompressionMethod& method : methods) {
    const auto storage = compressed(MemoryStorage{}, method, {.chunk_bytes = 16});
    const auto stores = [&storage](const Bytes& content) {
      auto backend = storage.create_backend();
      if (!backend || !write_all(backend->create(), content, content.size() + 1)) return false;
      auto reader = backend->open();
      return reader && read_all(*reader, 5000) == content;
    };
    std::atomic<bool> stop{false};
    std::atomic<int> wrong{0};
    std::vector<std::thread> busy;
    for (int i = 0; i != 2; ++i) {
      busy.emplace_back([&] {
        while (!stop.load()) wrong += stores(text(4000)) ? 0 : 1;
      });
    }

    int failed_check = 0;
    for (int child = 0; child != 40 && failed_check == 0; ++child) {
      failed_check = first_failure_in_forked_child([&](auto holds) { holds(stores(text(300))); });
    }
    stop.store(true);
    for (std::thread& thread : busy) thread.join();

    BOOST_TEST_CONTEXT("method " << method.index()) {
      BOOST_TEST(failed_check == 0);
      BOOST_TEST(wrong.load() == 0);
    }
  }
}

BOOST_AUTO_TEST_CASE(engines_that_are_idle_are_used_again_and_none_by_two_at_once) {
  detail::EnginePool pool;
  const detail::CompressionEngines* first = nullptr;
  const detail::CompressionEngines* second = nullptr;
  pool.with_engines([&](auto& outer) {
    first = &outer;
    pool.with_engines([&](auto& inner) { second = &inner; });
  });
  BOOST_TEST(first != second);

  pool.with_engines([&](auto& outer) {
    BOOST_TEST((&outer == first || &outer == second));
    pool.with_engines([&](auto& inner) { BOOST_TEST(&inner != &outer); });
  });
}

BOOST_AUTO_TEST_CASE(threads_come_to_engines_while_others_leave_them_as_the_last) {
  const auto pool = std::make_shared<detail::EnginePool>(true);
  const Bytes content = text(2'000);
  std::atomic<std::size_t> exact{0};
  in_threads([&](std::size_t /*each does the same*/) {
    for (std::size_t round = 0; round != 50; ++round) {
      const auto used = detail::EnginePool::while_used(pool);
      Bytes stored(content.size());
      Bytes plain(content.size());
      const auto size = used->with_engines([&](auto& engines) { return engines.compress({detail::FrameCodec::lz4, 0}, content, stored); });
      if (!size) return;
      const auto read = used->with_engines(
          [&](auto& engines) { return engines.decompress(detail::FrameCodec::lz4, std::span{stored}.first(*size), plain); });
      if (read && plain == content) ++exact;
    }
  });
  BOOST_TEST(exact == 50 * thread_count);
}

}  // namespace
}  // namespace hybridbuffer::testing
