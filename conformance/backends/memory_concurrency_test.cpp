#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>

#include "../support/forked_child.hpp"
#include "memory_support.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

constexpr std::size_t thread_count = 4;

// Runs `work(index)` in several threads at once and adds up what they return: the number of wrong answers.
template <class Work>
int wrong_answers_of_threads(Work&& work) {
  std::atomic<int> wrong{0};
  std::latch start{thread_count};
  std::vector<std::thread> threads;
  for (std::size_t index = 0; index < thread_count; ++index) {
    threads.emplace_back([&, index] {
      start.arrive_and_wait();
      wrong.fetch_add(work(index));
    });
  }
  for (std::thread& thread : threads) thread.join();
  return wrong.load();
}

// What a reader sees is the start of `expected`, or zeros where it may have been discarded.
bool is_prefix_of(const Bytes& seen, const Bytes& expected) {
  return seen.size() <= expected.size() && std::equal(seen.begin(), seen.end(), expected.begin());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(threads)

BOOST_AUTO_TEST_CASE(readers_of_one_handle_are_exact_while_the_object_grows) {
  constexpr std::size_t rounds = 600;
  constexpr std::size_t piece = 7;
  const Bytes expected = content(rounds * piece);
  SmallBackend backend;
  BOOST_TEST(replace(backend, {}).has_value());
  const auto shared = backend.open_reader_at().value();
  std::atomic<bool> grown{false};
  std::thread writer{[&] {
    for (std::size_t i = 0; i < rounds; ++i) (void)extend(backend, content(piece, 1, i * piece));
    grown.store(true);
  }};

  const int wrong = wrong_answers_of_threads([&](std::size_t) {
    int mine = 0;
    std::size_t last_size = 0;
    while (!grown.load()) {
      auto fresh = backend.open();
      const Bytes at = all_at(shared, expected.size() + 1);
      if (!fresh || at.size() < last_size || !is_prefix_of(at, expected) || !is_prefix_of(drain(*fresh, 50), expected)) ++mine;
      last_size = at.size();
    }
    return mine;
  });
  writer.join();

  BOOST_TEST(wrong == 0);
  BOOST_TEST(shows(backend, expected));
}

BOOST_AUTO_TEST_CASE(readers_are_exact_while_blocks_are_discarded_and_the_end_is_cut_and_rewritten) {
  constexpr std::size_t size = 16 * small_block;
  constexpr std::size_t rounds = 1000;
  SmallBackend backend;
  BOOST_TEST(replace(backend, content(size)).has_value());
  const auto shared = backend.open_reader_at().value();
  std::atomic<bool> changed{false};
  std::size_t rounds_done = 0;
  std::thread changer{[&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      const std::size_t kept = size / 2 + i % 11;
      bool done = backend.shrink(kept).has_value();
      done = done && extend(backend, content(size - kept, 1, kept)).has_value();
      done = done && backend.discard(0, small_block * (i * 8 / rounds)).has_value();
      if (done) ++rounds_done;
    }
    changed.store(true);
  }};

  const int wrong = wrong_answers_of_threads([&](std::size_t) {
    const Bytes expected = content(size);
    int mine = 0;
    while (!changed.load()) {
      const Bytes seen = all_at(shared, size + 1);
      const auto window = backend.map(size / 2 - small_block, small_block).value();
      if (seen.size() < size / 2 || seen.size() > size) ++mine;
      for (std::size_t i = 0; i < seen.size(); ++i) {
        const bool may_be_discarded = i < size / 2 && seen[i] == std::byte{0};
        if (seen[i] != expected[i] && !may_be_discarded) ++mine;
      }
      if (window.bytes().size() != small_block) ++mine;
    }
    return mine;
  });
  changer.join();

  BOOST_TEST(wrong == 0);
  BOOST_TEST(rounds_done == rounds);
  BOOST_TEST(shared.size().value() == size);
}

BOOST_AUTO_TEST_CASE(a_reader_opened_during_replacements_sees_one_whole_object) {
  constexpr unsigned rounds = 600;
  SmallBackend backend;
  BOOST_TEST(replace(backend, content(40, 0)).has_value());
  std::atomic<bool> replaced{false};
  std::thread writer{[&] {
    for (unsigned i = 1; i <= rounds; ++i) (void)replace(backend, content(40 + i % 30, i));
    replaced.store(true);
  }};

  const int wrong = wrong_answers_of_threads([&](std::size_t) {
    int mine = 0;
    while (!replaced.load()) {
      auto reader = backend.open();
      const Bytes seen = reader ? drain(*reader, 9) : Bytes{};
      bool whole = false;
      for (unsigned generation = 0; generation < 256 && !whole; ++generation)
        whole = !seen.empty() && seen == content(seen.size(), generation);
      if (!whole || seen.size() < 40) ++mine;
    }
    return mine;
  });
  writer.join();

  BOOST_TEST(wrong == 0);
  BOOST_TEST(shows(backend, content(40 + rounds % 30, rounds)));
}

BOOST_AUTO_TEST_CASE(locations_of_one_storage_made_in_many_threads_never_meet) {
  const auto storage = std::make_unique<MemoryStorage>();

  const int wrong = wrong_answers_of_threads([&](std::size_t index) {
    int mine = 0;
    for (unsigned cycle = 0; cycle < 50; ++cycle) {
      const auto generation = static_cast<unsigned>(index) * 50 + cycle;
      auto backend = storage->create_backend();
      if (!backend || !replace(*backend, content(1000, generation)) || !shows(*backend, content(1000, generation))) ++mine;
    }
    return mine;
  });

  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(handles_are_made_used_and_destroyed_in_different_threads) {
  auto backend = std::make_unique<SmallBackend>();
  auto writer = std::make_optional(backend->create().value());
  bool written = false;
  std::thread{[&] { written = writer->write(content(30)).has_value(); }}.join();
  std::thread{[&] { written = writer->close().has_value() && written; }}.join();
  std::thread{[&] { writer.reset(); }}.join();
  auto reader = std::make_optional(backend->open().value());
  Bytes seen;

  std::thread{[&] { backend.reset(); }}.join();
  std::thread{[&] { seen = drain(*reader, 4); }}.join();
  std::thread{[&] { reader.reset(); }}.join();

  BOOST_TEST(written);
  BOOST_TEST((seen == content(30)));
}

BOOST_AUTO_TEST_CASE(remove_in_another_thread_beats_or_follows_a_close_and_nothing_comes_back) {
  int came_back = 0;
  for (int round = 0; round < 300; ++round) {
    SmallBackend backend;
    auto writer = backend.append().value();
    BOOST_TEST_REQUIRE(writer.write(content(20)).has_value());
    std::latch start{2};
    std::thread closer{[&] {
      start.arrive_and_wait();
      (void)writer.close();
    }};

    start.arrive_and_wait();
    BOOST_TEST_REQUIRE(backend.remove().has_value());
    if (backend.open()) ++came_back;
    closer.join();

    if (backend.open()) ++came_back;
  }

  BOOST_TEST(came_back == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(processes)

BOOST_AUTO_TEST_CASE(in_a_forked_child_everything_is_closed_and_the_parent_is_not_touched) {
  auto backend = std::make_optional<SmallBackend>();
  BOOST_TEST(replace(*backend, content(20)).has_value());
  auto reader = std::make_optional(backend->open().value());
  auto reader_at = std::make_optional(backend->open_reader_at().value());
  auto window = std::make_optional(backend->map(0, 8).value());
  auto writer = std::make_optional(backend->append().value());
  BOOST_TEST(writer->write(content(15, 1, 20)).has_value());
  Bytes bytes(4);

  const int failed_check = first_failure_in_forked_child([&](auto holds) {
    const auto is_closed = [&](const auto& answer) { holds(code_of(answer) == errc::closed); };
    is_closed(reader->read(bytes));
    is_closed(reader->seek(0, Whence::begin));
    is_closed(reader_at->read_at(0, bytes));
    is_closed(reader_at->size());
    is_closed(writer->write(bytes));
    is_closed(writer->close());
    is_closed(backend->create());
    is_closed(backend->append());
    is_closed(backend->open());
    is_closed(backend->open_seeker());
    is_closed(backend->open_reader_at());
    is_closed(backend->remove());
    is_closed(backend->shrink(0));
    is_closed(backend->discard(0, 8));
    is_closed(backend->map(0, 8));
    is_closed(backend->transfer_to(1, 0, 8));
    is_closed(backend->transfer_from(0, 8));
    holds(window->bytes().size() == 8);
    writer.reset();
    reader.reset();
    reader_at.reset();
    backend.reset();
    window.reset();
    SmallBackend of_the_child;
    holds(replace(of_the_child, content(30, 2)).has_value() && shows(of_the_child, content(30, 2)));
  });

  BOOST_TEST(failed_check == 0);
  BOOST_TEST(writer->close().has_value());
  BOOST_TEST(shows(*backend, content(35)));
}

BOOST_AUTO_TEST_CASE(a_child_forked_in_the_middle_of_changes_by_another_thread_exits_normally) {
  auto backend = std::make_optional<SmallBackend>();
  BOOST_TEST(replace(*backend, content(8)).has_value());
  auto reader = std::make_optional(backend->open_reader_at().value());
  std::atomic<bool> stop{false};
  std::thread changer{[&] {
    while (!stop.load()) {
      (void)extend(*backend, content(300));
      (void)backend->discard(0, 100);
      (void)backend->shrink(5);
    }
  }};

  int failures = 0;
  for (int round = 0; round < 100; ++round) {
    const int failed_check = first_failure_in_forked_child([&](auto holds) {
      holds(code_of(backend->open()) == errc::closed);
      backend.reset();
      reader.reset();
      holds(true);
    });
    failures += failed_check == 0 ? 0 : 1;
  }
  stop.store(true);
  changer.join();

  BOOST_TEST(failures == 0);
}

BOOST_AUTO_TEST_SUITE_END()
