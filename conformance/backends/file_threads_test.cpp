#include <boost/test/unit_test.hpp>

#include "file_support.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <latch>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using namespace std::chrono_literals;

// Runs `work(number)` in so many threads at once.
template <class Work>
void in_threads(int count, Work work) {
  std::latch start{count};
  std::vector<std::thread> threads;
  for (int number = 0; number < count; ++number) {
    threads.emplace_back([&, number] {
      start.arrive_and_wait();
      work(number);
    });
  }
  for (auto& thread : threads) thread.join();
}

struct Fixture {
  TemporaryDirectory directory;
  FileStorage storage{{.directory = directory.path(), .recycled_files = 4}};
  FileBackend backend = make_backend(storage);
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(threads, Fixture)

BOOST_AUTO_TEST_CASE(many_threads_read_one_object_by_one_handle_and_by_their_own) {
  constexpr std::size_t size = 300'000;
  const Bytes bytes = pattern(size);
  BOOST_TEST_REQUIRE(store(backend.create(), bytes).has_value());
  const auto at = backend.open_reader_at();
  std::atomic<int> wrong{0};

  in_threads(8, [&](int number) {
    std::mt19937 random{static_cast<unsigned>(number)};
    auto own = backend.open();
    if (!own || drain(*own, 1'000U + static_cast<unsigned>(number)) != bytes) ++wrong;
    Bytes block(5'000);
    for (int round = 0; round < 300; ++round) {
      const std::size_t offset = random() % (size + 10);
      const std::size_t n = random() % block.size();
      const std::size_t expected = offset < size ? std::min(n, size - offset) : 0;
      const auto count = at->read_at(offset, std::span{block}.first(n));
      if (!count || *count != expected ||
          !std::equal(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(expected),
                      bytes.begin() + static_cast<std::ptrdiff_t>(std::min(offset, size)))) {
        ++wrong;
      }
    }
  });

  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_CASE(readers_beside_extensions_see_a_whole_number_of_them) {
  constexpr std::size_t step = 10'007;
  constexpr std::size_t steps = 100;
  const Bytes bytes = pattern(step * steps);
  BOOST_TEST_REQUIRE(store(backend.create(), {}).has_value());
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::thread writer{[&] {
    for (std::size_t i = 0; i < steps; ++i) {
      if (!store(backend.append(), std::span{bytes}.subspan(i * step, step))) ++wrong;
    }
    done = true;
  }};

  in_threads(3, [&](int) {
    do {
      auto reader = backend.open();
      auto size = reader->size();
      auto all = drain(*reader);
      if (!all || all->size() % step != 0 || all->size() < *size || !std::equal(all->begin(), all->end(), bytes.begin())) ++wrong;
    } while (!done);
  });
  writer.join();

  BOOST_TEST(wrong == 0);
  BOOST_TEST(shows(backend, bytes));
}

BOOST_AUTO_TEST_CASE(readers_beside_replacements_and_removals_see_one_whole_object_or_none) {
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  const auto size_of = [](std::uint64_t key) { return static_cast<std::size_t>(5'000 + key * 997 % 20'000); };
  std::thread writer{[&] {
    for (std::uint64_t key = 1; key <= 150; ++key) {
      Bytes bytes = pattern(size_of(key), key);
      bytes[0] = static_cast<std::byte>(key);
      if (!store(backend.create(), bytes)) ++wrong;
      if (key % 10 == 0 && !backend.remove()) ++wrong;
    }
    done = true;
  }};

  in_threads(3, [&](int) {
    do {
      auto all = content_of(backend);
      if (!all) {
        if (all.error() != errc::not_found) ++wrong;
        continue;
      }
      const auto key = std::to_integer<std::uint64_t>(all->front());
      Bytes expected = pattern(size_of(key), key);
      expected[0] = all->front();
      if (*all != expected) ++wrong;
    } while (!done);
  });
  writer.join();

  BOOST_TEST(wrong == 0);
  BOOST_TEST(storage.recycled().reused > 0U);
}

BOOST_AUTO_TEST_CASE(readers_beside_shrinks_see_a_beginning_of_the_object_and_never_damage) {
  constexpr std::size_t size = 200'000;
  const Bytes bytes = pattern(size);
  BOOST_TEST_REQUIRE(store(backend.create(), bytes).has_value());
  const auto at = backend.open_reader_at();
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::thread writer{[&] {
    for (std::size_t round = 0; round < 500; ++round) {
      const std::size_t n = round * 7'919 % size;
      if (!backend.shrink(n)) ++wrong;
      std::this_thread::sleep_for(50us);  // time for a reader to meet the new end
      auto extension = backend.append();
      for (std::size_t end = n; end < size; end += 4'096) {  // in pages, which the kernel then does not deliver at one blow
        if (!extension->write(std::span{bytes}.subspan(end, std::min<std::size_t>(4'096, size - end)))) ++wrong;
      }
      if (!extension->close()) ++wrong;
    }
    done = true;
  }};

  in_threads(3, [&](int) {
    Bytes block(size);
    do {
      const auto count = at->read_at(0, block);
      if (!count || !std::equal(block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*count), bytes.begin())) ++wrong;
    } while (!done);
  });
  writer.join();

  BOOST_TEST(wrong == 0);
  BOOST_TEST(shows(backend, bytes));
}

BOOST_AUTO_TEST_CASE(one_factory_serves_many_threads_from_its_first_call_on_and_locations_never_meet) {
  std::optional<FileStorage> shared{std::in_place, FileOptions{.directory = directory.path(), .recycled_files = 3}};
  std::vector<std::optional<FileBackend>> kept(16);
  std::atomic<int> wrong{0};

  in_threads(16, [&](int number) {
    const auto own = static_cast<std::size_t>(number);
    for (std::uint64_t round = 0; round < 30; ++round) {
      auto location = round % 2 == 0 ? shared->create_backend() : FileStorage{*shared}.create_backend();
      const std::uint64_t key = own * 100 + round;
      if (!location || !store(location->append(), pattern(3'000 + own, key)) || content_of(*location) != pattern(3'000 + own, key)) ++wrong;
      if (location) kept[own] = *std::move(location);
    }
  });
  shared.reset();

  BOOST_TEST(wrong == 0);
  for (std::size_t own = 0; own < kept.size(); ++own) BOOST_TEST(shows(*kept[own], pattern(3'000 + own, own * 100 + 29)));
  BOOST_TEST(directory.names().empty());
}

BOOST_AUTO_TEST_CASE(handles_may_be_made_used_and_dropped_in_different_threads) {
  std::optional<FileWriter> writer;
  std::optional<FileReader> reader;
  std::thread{[&] { writer = *backend.create(); }}.join();
  std::thread{[&] { BOOST_TEST(writer->write(pattern(10'000)).has_value()); }}.join();
  std::thread{[&] { BOOST_TEST(writer->close().has_value()); }}.join();
  std::thread{[&] { reader = *backend.open(); }}.join();
  std::thread{[&] { BOOST_TEST((drain(*reader) == pattern(10'000))); }}.join();
  std::thread{[&] { reader.reset(); }}.join();
  writer.reset();
  BOOST_TEST(shows(backend, pattern(10'000)));
}

// What one location claimed ahead is taken back while others write: the lists and tails of all are shared then.
BOOST_AUTO_TEST_CASE(taking_claims_back_beside_writers_loses_nothing) {
  const detail::PlaceRef place{new detail::FilePlace{{.directory = directory.path(), .recycled_files = 2}}};
  std::atomic<int> writing{4};
  std::atomic<int> wrong{0};

  in_threads(5, [&](int number) {
    if (number == 4) {
      for (std::mt19937 random{1}; writing > 0; std::this_thread::sleep_for(random() % 300 * 1us)) place->reclaim();
      return;
    }
    for (std::uint64_t round = 0; round < 10; ++round) {
      const auto file = place->make_file();
      LocationState<detail::FileRef> location{*file};
      for (std::uint64_t step = 0; step < 20; ++step) {
        FileWriter writer{*location.start_writer("append"), *file, place->max_object_size()};
        for (std::uint64_t part = 0; part < 3; ++part) {
          if (!writer.write(pattern(50'021, round, (step * 3 + part) * 50'021))) ++wrong;
        }
        if (!writer.close()) ++wrong;
      }
      FileReader reader{FileReaderAt{*file}};
      if (drain(reader) != pattern(60 * std::size_t{50'021}, round)) ++wrong;
    }
    --writing;
  });

  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(resources, Fixture)

BOOST_AUTO_TEST_CASE(ten_thousand_quick_locations_are_distinct_and_leave_no_descriptor) {
  const std::size_t before = open_descriptors();
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    auto location = storage.create_backend();
    BOOST_TEST_REQUIRE(location.has_value());
    if (i % 10 != 0) continue;
    BOOST_TEST_REQUIRE((code_of(location->open()) == errc::not_found));
    BOOST_TEST_REQUIRE(store(location->create(), pattern(100, i)).has_value());
    BOOST_TEST_REQUIRE((content_of(*location) == pattern(100, i)));
  }
  storage.trim();
  BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(a_thousand_cycles_of_every_handle_leave_descriptors_where_they_were) {
  BOOST_TEST_REQUIRE(store(backend.create(), pattern(5'000)).has_value());
  const std::size_t before = open_descriptors();
  for (int round = 0; round < 1'000; ++round) {
    auto writer = backend.append();
    BOOST_TEST_REQUIRE(writer->write(pattern(10)).has_value());
    const auto reader = backend.open();
    const auto at = backend.open_reader_at();
    const auto window = backend.map(0, 10);
    const auto busy = backend.create();
    BOOST_TEST_REQUIRE(!busy.has_value());
  }
  for (int round = 0; round < 100; ++round) BOOST_TEST_REQUIRE(store(backend.create(), pattern(5'000)).has_value());
  storage.trim();
  BOOST_TEST(open_descriptors() == before);
  BOOST_TEST(shows(backend, pattern(5'000)));
}

BOOST_AUTO_TEST_SUITE_END()
