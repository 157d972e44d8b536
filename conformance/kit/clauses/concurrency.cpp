#include "../life.hpp"
#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// CONC: many threads on one location, and on many. Widened by repetition within stress_time(); the checks of other threads throw.

namespace hybridbuffer::conformance::clauses {
namespace {

using Clock = std::chrono::steady_clock;

std::uint64_t several_chunks(const Context& c) {
  return std::min<std::uint64_t>(std::clamp<std::uint64_t>(4 * c.chunk() + 17, 2000, 200'000), c.most());
}

// A step for which all threads meet, so that they do it at the same time.
class Meeting {
 public:
  explicit Meeting(std::size_t count) noexcept : count_{count} {}
  void wait() noexcept {
    const std::size_t round = here_.fetch_add(1) / count_;
    while (here_.load() < (round + 1) * count_ && !broken_.load()) std::this_thread::yield();
  }
  /// Nobody waits any more: somebody will not come.
  void break_up() noexcept { broken_.store(true); }

 private:
  std::size_t count_;
  std::atomic<std::size_t> here_{0};
  std::atomic<bool> broken_{false};
};

// CONC-1 ------------------------------------------------------------------------------------------------------------------------------

void conc_1(Context& c) {
  constexpr std::size_t threads = 8;
  auto [location, content] = c.stored(several_chunks(c));
  const Location& shared = location;
  const Object& object = content;
  std::array<std::size_t, threads> pieces{
      1021, 64, static_cast<std::size_t>(std::min<std::uint64_t>(c.chunk(), 1 << 20U)), 4096, 333, 100'000, 17, 2500};
  // A slow store is read in few pieces.
  const auto least = static_cast<std::size_t>(content.size() / c.rounds(10'000, 4) + 1);
  for (std::size_t& piece : pieces) piece = std::max(piece, least);
  const auto end = Clock::now() + c.stress_time();
  // Opened by one thread and read by all at once: a position that is shared shows at once.
  std::vector<Reader> opened;
  for (std::size_t i = 0; i < threads; ++i) {
    opened.push_back(i % 2 == 1 && c.has(Capability::seeker) ? c.require(location.open_seeker(), "open_seeker()")
                                                             : c.require(location.open(), "open()"));
  }
  c.in_threads(threads, [&](std::size_t i) {
    const std::string what = "a reader in one of " + std::to_string(threads) + " threads";
    if (!reads_exactly(opened[i], object, 0, pieces[i], what)) throw Failure{what + " reported an error, although nothing changes"};
    c.count_check();
    std::size_t piece = pieces[i];
    do {
      const bool seeks = i % 2 == 1 && c.has(Capability::seeker);
      Reader reader = must(seeks ? shared.open_seeker() : shared.open(), "open() in a thread");
      std::uint64_t from = 0;
      if (seeks) from = must(reader.seek(static_cast<std::int64_t>(object.size() / (i + 1)), Whence::begin), "seek() in a thread");
      if (!reads_exactly(reader, object, from, piece, what)) throw Failure{what + " reported an error, although nothing changes"};
      c.count_check();
      piece = std::max<std::size_t>(piece * 7 % 5000 + 60, least);
    } while (Clock::now() < end);
  });
}

// CONC-2 ------------------------------------------------------------------------------------------------------------------------------

// One full cycle of a location in its thread.
void cycle(const Context& c, Location& location, std::uint32_t generation, std::uint64_t size) {
  const std::size_t piece = static_cast<std::size_t>(size / 3 + 1);
  Object content = content_of(location, generation, size);
  {
    Writer writer = must(location.create(), "create()");
    const auto bytes = content.bytes();
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      must(writer.write(std::span{bytes}.subspan(at, std::min(piece, bytes.size() - at))), "write()");
      std::this_thread::yield();
    }
    must(writer.close(), "close()");
  }
  must_show(location, content, piece, "one of many instances");
  if (c.has(Capability::append)) {
    const std::uint64_t from = content.size();
    content.append(Stamp{location.number(), 0x7000'0000U | generation}, 10);
    Writer writer = must(location.append(), "append()");
    must(writer.write(content.bytes(from, 10)), "write() of an extension");
    must(writer.close(), "close() of an extension");
    must_show(location, content, piece, "one of many instances, extended");
  }
  if (c.has(Capability::reader_at)) {
    const ReaderAt reader = must(location.open_reader_at(), "open_reader_at()");
    std::vector<std::byte> all(static_cast<std::size_t>(content.size()));
    const std::size_t count = must(reader.read_at(0, all), "read_at()");
    must_hold(std::span{all}.first(std::min(count, all.size())), content, 0, "read_at() of one of many instances");
  }
  static_cast<void>(must(location.create(), "create()"));  // abandoned
  if (generation % 2 == 0) {
    must(location.remove(), "remove()");
    must_be(location.open(), errc::not_found, "open() after remove()");
  } else {
    must_show(location, content, piece, "one of many instances, after an abandoned writer");
  }
}

// Makes locations from any thread: by a storage factory, which is made for that, else one at a time.
class Maker {
 public:
  explicit Maker(Context& c) : c_{&c} {
    if (c.subject().has_factory()) factory_ = c.require(c.subject().make_factory(), "make_storage()");
  }
  [[nodiscard]] Location make() {
    if (factory_) return Location{c_->trace(), must(factory_(), "create_backend() in a thread")};
    const std::lock_guard guard{mutex_};
    return make_location(c_->subject(), c_->trace());
  }

 private:
  Context* c_;
  Subject::Factory factory_;
  std::mutex mutex_;
};

void conc_2(Context& c) {
  constexpr std::size_t threads = 16;
  Maker maker{c};
  const auto end = Clock::now() + c.stress_time();
  const std::uint64_t rounds = std::max<std::uint64_t>(c.rounds(50 * threads, threads) / threads, 1);
  const std::uint64_t size = std::min<std::uint64_t>(std::min<std::uint64_t>(2 * c.chunk() + 9, 20'000), c.most() / 2);
  Meeting meeting{threads};
  c.in_threads(threads, [&](std::size_t i) {
    try {
      for (std::uint64_t round = 0; round < rounds || (round < 4 * rounds && Clock::now() < end); ++round) {
        if (round < 3) meeting.wait();  // so that the first calls of all really meet
        Location location = maker.make();
        must_be(location.open(), errc::not_found, "open() of a new location in a thread");
        for (std::uint32_t generation = 0; generation < 2; ++generation) cycle(c, location, generation, size - generation * (i + 1) % size);
        c.count_check();
      }
    } catch (...) {
      meeting.break_up();
      throw;
    }
    meeting.break_up();
  });
}

// CONC-3 ------------------------------------------------------------------------------------------------------------------------------

// A thread that lives as long as this object and does what it is told, so that handles can pass between threads that are alive.
class Worker {
 public:
  Worker() : thread_{[this] { serve(); }} {}
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker() {
    const std::lock_guard guard{mutex_};
    stopped_ = true;
    changed_.notify_all();
  }
  void operator()(std::function<void()> work) {
    std::unique_lock lock{mutex_};
    work_ = std::move(work);
    changed_.notify_all();
    changed_.wait(lock, [&] { return !work_; });
    if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  void serve() {
    std::unique_lock lock{mutex_};
    for (;;) {
      changed_.wait(lock, [&] { return stopped_ || work_; });
      if (!work_) return;
      try {
        work_();
      } catch (...) {
        failure_ = std::current_exception();
      }
      work_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> work_;
  std::exception_ptr failure_;
  bool stopped_ = false;
  std::jthread thread_;
};

using Run = std::function<void(std::function<void()>)>;

// One life in which each step is taken by another thread. `step` runs a function in the next one.
void wander(Context& c, const Run& step) {
  c.start_case();
  std::optional<Location> location;
  std::optional<Writer> writer;
  std::optional<Reader> reader;
  const std::uint64_t size = std::min<std::uint64_t>(2 * c.chunk() + 3, c.most());
  step([&] { location.emplace(make_location(c.subject(), c.trace())); });
  Object content = c.object(*location, size);
  const auto write = [&](const Object& object, std::uint64_t from) {
    step([&] { must(writer->write(object.bytes(from, (object.size() - from) / 2)), "write() in another thread"); });
    step([&] {
      const std::uint64_t middle = from + (object.size() - from) / 2;
      must(writer->write(object.bytes(middle, object.size() - middle)), "write() in a third thread");
    });
    step([&] { must(writer->close(), "close() in another thread than create()"); });
    step([&] { writer.reset(); });
  };
  step([&] { writer.emplace(must(location->create(), "create()")); });
  write(content, 0);
  c.expect_object(*location, content, "what several threads wrote one after the other");
  for (const bool seeks : {false, true}) {
    if (seeks && !c.has(Capability::seeker)) continue;
    std::array<std::byte, 100> block{};
    std::size_t at = 0;
    step([&] { reader.emplace(must(seeks ? location->open_seeker() : location->open(), "open()")); });
    step([&] { at = must(reader->read(block), "read() in another thread than open()"); });
    c.expect_bytes(content, 0, std::span{block}.first(std::min(at, block.size())), "what another thread read");
    step([&] {
      c.check(reads_exactly(*reader, content, at, 1000, "a reader that went to a third thread"),
              "a reader that went to a third thread failed");
    });
    step([&] { reader.reset(); });
  }
  if (c.has(Capability::reader_at)) {
    std::optional<ReaderAt> reader_at;
    step([&] { reader_at.emplace(must(location->open_reader_at(), "open_reader_at()")); });
    step([&] { c.expect_window(*reader_at, content, 1, content.size()); });
    step([&] { reader_at.reset(); });
  }
  if (c.has(Capability::map)) {
    std::optional<Window> window;
    step([&] { window.emplace(must(location->map(0, 64), "map()")); });
    step([&] { c.expect_bytes(content, 0, window->bytes(), "a window in another thread"); });
    step([&] { window.reset(); });
  }
  if (c.has(Capability::append) && c.most() > 2 * size) {
    content.append(c.stamp(*location, 2 * size), size);
    step([&] { writer.emplace(must(location->append(), "append()")); });
    write(content, size);
    c.expect_object(*location, content, "what several threads appended one after the other");
  }
  step([&] { writer.emplace(must(location->create(), "create()")); });
  step([&] { static_cast<void>(writer->write(content.bytes(0, 1))); });
  step([&] { writer.reset(); });  // abandoned by another thread
  c.expect_object(*location, content, "the object after a writer was abandoned in another thread");
  step([&] { must(location->remove(), "remove() in another thread"); });
  c.expect_absent(*location, "after remove() in another thread");
  step([&] { must_store(*location, content, 1000); });
  step([&] { location.reset(); });
}

void conc_3(Context& c) {
  // Each thread ends before the next step: what hangs on it is gone.
  wander(c, [](const std::function<void()>& work) { in_thread(work); });
  // They all stay alive.
  std::array<Worker, 3> workers;
  std::size_t turn = 0;
  wander(c, [&](std::function<void()> work) { workers[turn++ % workers.size()](std::move(work)); });
}

// CONC-4 ------------------------------------------------------------------------------------------------------------------------------

void open_on_every_route(const Context& c, const Location& location, const Object& content, std::size_t turn) {
  const std::string what = "opened by several threads at once";
  switch (turn % 4) {
    case 1:
      if (c.has(Capability::reader_at)) {
        const ReaderAt reader = must(location.open_reader_at(), "open_reader_at() in several threads");
        std::vector<std::byte> all(static_cast<std::size_t>(content.size()));
        const std::size_t count = must(reader.read_at(0, all), "read_at()");
        must_hold(std::span{all}.first(std::min(count, all.size())), content, 0, what);
        return;
      }
      break;
    case 2:
      if (c.has(Capability::seeker)) {
        Reader reader = must(location.open_seeker(), "open_seeker() in several threads");
        if (!reads_exactly(reader, content, 0, 900, what)) throw Failure{"a seeker " + what + " failed"};
        return;
      }
      break;
    case 3:
      if (c.has(Capability::map)) {
        const Window window = must(location.map(0, 50), "map() in several threads");
        if (window.bytes().empty() || content.first_difference(0, window.bytes())) throw Failure{"a window " + what + " shows wrong bytes"};
        return;
      }
      break;
    default: break;
  }
  must_show(location, content, 700, what);
}

// First calls race for whatever is made lazily, so each round has a new location.
void race_first_opens(Context& c) {
  constexpr std::size_t threads = 8;
  const auto end = Clock::now() + c.stress_time();
  std::vector<Location> locations;
  std::vector<Object> contents;
  const std::uint64_t rounds = c.rounds(60, 3);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    locations.push_back(c.make());
    contents.push_back(c.object(locations.back(), std::min<std::uint64_t>(c.chunk() + 1, c.most())));
    if (i % 4 != 3) c.store(locations.back(), contents.back());
  }
  Meeting meeting{threads};
  c.in_threads(threads, [&](std::size_t i) {
    try {
      for (std::size_t round = 0; round < locations.size() && (round < 3 || Clock::now() < end); ++round) {
        meeting.wait();
        const Location& location = locations[round];
        if (round % 4 == 3) must_be(location.open(), errc::not_found, "open() of a new location in several threads");
        else open_on_every_route(c, location, contents[round], i + round);
        c.count_check();
      }
    } catch (...) {
      meeting.break_up();
      throw;
    }
    meeting.break_up();
  });
}

// D11: open* is safe also while another thread is inside any operation that changes the location.
void race_with_changes(Context& c) {
  c.start_case();
  constexpr std::size_t threads = 4;
  const auto end = Clock::now() + c.stress_time();
  Location location = c.make();
  const Location& shared = location;
  const std::uint64_t size = std::min<std::uint64_t>(c.chunk() + 1, c.most() / 2);
  const Object content = c.object(location, size);
  std::atomic<bool> ended{false};
  c.in_threads(threads, [&](std::size_t i) {
    if (i == 0) {
      try {
        std::uint64_t rounds = 0;
        do {
          must_store(location, content, static_cast<std::size_t>(size / 2 + 1));
          static_cast<void>(must(location.create(), "create()"));
          if (c.has(Capability::append)) {
            Writer writer = must(location.append(), "append()");
            must(writer.close(), "close() of an empty extension");
          }
          if (const auto removed = location.remove(); !removed && removed.error() != errc::busy) must(removed, "remove()");
        } while (++rounds < 3 || Clock::now() < end);
      } catch (...) {
        ended = true;
        throw;
      }
      ended = true;
      return;
    }
    while (!ended) {
      // Any error may come of an object that goes away meanwhile; wrong bytes may not.
      if (auto reader = shared.open(); reader) static_cast<void>(reads_exactly(*reader, content, 0, 997, "an object that comes and goes"));
      if (c.has(Capability::reader_at)) {
        if (const auto reader = shared.open_reader_at(); reader) {
          std::array<std::byte, 64> block{};
          const auto count = reader->read_at(0, block);
          if (count &&
              (*count != std::min<std::uint64_t>(block.size(), size) || content.first_difference(0, std::span{block}.first(*count)))) {
            throw Failure{"read_at() of an object that comes and goes gave wrong bytes, or too few"};
          }
        }
      }
      c.count_check();
    }
  });
  c.require(location.remove(), "remove()");
  c.expect_absent(location, "after the last remove()");
}

void conc_4(Context& c) {
  race_first_opens(c);
  race_with_changes(c);
}

// CONC-5 ------------------------------------------------------------------------------------------------------------------------------

// Generations of different sizes, so that a mixture of two has the wrong size or the wrong bytes somewhere.
class Generations {
 public:
  Generations(const Location& location, std::uint64_t size) : instance_{location.number()}, size_{size} {}
  [[nodiscard]] Object at(std::uint64_t generation) const {
    return Object{Stamp{instance_, 0x2000'0000U | static_cast<std::uint32_t>(generation)}, size_ + generation * 389 % (size_ / 2 + 1)};
  }
  // Which of [first, last] these bytes are, wholly; thrown at otherwise.
  std::uint64_t which(std::span<const std::byte> found, std::uint64_t first, std::uint64_t last) const {
    for (std::uint64_t generation = first; generation <= last; ++generation) {
      const Object object = at(generation);
      if (object.size() == found.size() && !object.first_difference(0, found)) return generation;
    }
    throw Failure{"a reader that was opened when generation " + std::to_string(first) + " was committed, and not later than " +
                  std::to_string(last) + ", gave " + std::to_string(found.size()) + " bytes: " + described(found, last)};
  }

 private:
  [[nodiscard]] std::string described(std::span<const std::byte> found, std::uint64_t last) const {
    StampDecoder decoder;
    for (std::uint64_t generation = 0; generation <= last + 1; ++generation) decoder.remember(at(generation).pieces().front().stamp, 64);
    const std::string start = "they start with " + decoder.origin(found, 0);
    const std::size_t tail = found.size() > 12 ? found.size() - 12 : 0;
    return start + " and end with " + decoder.origin(found.subspan(tail), tail);
  }
  std::uint32_t instance_;
  std::uint64_t size_;
};

struct Replacements {
  const Location& location;
  const Generations& generations;
  std::atomic<std::uint64_t> started{0};    // the newest whose close() may have begun
  std::atomic<std::uint64_t> committed{0};  // the newest whose close() returned
  std::atomic<std::uint64_t> reads{0};      // how many showed a whole object
  std::atomic<bool> ended{false};
};

// A handle opened between `first` and `last` shows one generation of them, wholly, or an error.
void read_during_replacements(const Context& c, Replacements& shared, std::size_t i, std::size_t round) {
  const std::uint64_t first = shared.committed.load();
  const bool at_once = (i + round) % 2 == 0 && c.has(Capability::reader_at);
  const bool seeks = (i + round) % 3 == 0 && c.has(Capability::seeker);
  const auto refuse_not_found = [](const Error& error) {
    if (error == errc::not_found) throw Failure{"open() during a replacement is not_found, although there always is an object"};
  };
  if (at_once) {
    const auto reader = shared.location.open_reader_at();
    const std::uint64_t last = shared.started.load();
    if (!reader) return refuse_not_found(reader.error());
    std::vector<std::byte> all(static_cast<std::size_t>(shared.generations.at(0).size() * 2));
    // In two windows, the later first: both must be of one generation.
    const std::size_t cut = all.size() / 4;
    const auto back = reader->read_at(cut, std::span{all}.subspan(cut));
    const auto front = reader->read_at(0, std::span{all}.first(cut));
    if (!back || !front) return;
    if (*front != cut) throw Failure{"read_at() during a replacement gave too few bytes"};
    static_cast<void>(shared.generations.which(std::span{all}.first(cut + std::min(*back, all.size() - cut)), first, last));
    ++shared.reads;
    return;
  }
  auto reader = seeks ? shared.location.open_seeker() : shared.location.open();
  const std::uint64_t last = shared.started.load();
  if (!reader) return refuse_not_found(reader.error());
  const auto found = read_all(*reader, round % 8 == 0 ? 501 : 100'000, shared.generations.at(0).size() * 2);
  if (!found) return;
  static_cast<void>(shared.generations.which(*found, first, last));
  ++shared.reads;
}

void conc_5(Context& c) {
  constexpr std::size_t threads = 5;
  Location location = c.make();
  const std::uint64_t size = std::min<std::uint64_t>(std::clamp<std::uint64_t>(2 * c.chunk(), 600, 20'000), c.most() / 2);
  const Generations generations{location, size};
  must_store(location, generations.at(0), 4096);
  const auto end = Clock::now() + 2 * c.stress_time();
  // On a busy machine it takes longer until as many readers met a replacement.
  const auto last_end = end + 6 * c.stress_time();
  Replacements shared{.location = location, .generations = generations};
  c.in_threads(threads, [&](std::size_t i) {
    if (i == 0) {
      try {
        const auto goes_on = [&](std::uint64_t generation) {
          const auto now = Clock::now();
          const bool enough = generation > 400 && shared.reads > 4000;
          return generation < 4 || now < end || (!enough && now < last_end);
        };
        for (std::uint64_t generation = 1; goes_on(generation); ++generation) {
          const Object next = generations.at(generation);
          Writer writer = must(location.create(), "create() while readers are open");
          const auto bytes = next.bytes();
          const std::size_t half = bytes.size() / 2;
          must(writer.write(std::span{bytes}.first(half)), "write()");
          std::this_thread::yield();
          must(writer.write(std::span{bytes}.subspan(half)), "write()");
          shared.started = generation;
          must(writer.close(), "close() while readers are open");
          shared.committed = generation;
        }
      } catch (...) {
        shared.ended = true;
        throw;
      }
      shared.ended = true;
      return;
    }
    for (std::size_t round = 0; !shared.ended; ++round) {
      read_during_replacements(c, shared, i, round);
      c.count_check();
    }
  });
  must_show(location, generations.at(shared.committed), 777, "the object after the last replacement");
  c.reached(size);
}

constexpr std::array all{
    Clause{.id = "CONC-1",
           .rule = "readers of one object in several threads are all exact",
           .look_here = "a file position or buffer that all readers share",
           .run = conc_1},
    Clause{.id = "CONC-2",
           .rule = "instances in different threads live independently of each other",
           .look_here = "static state: a buffer, a counter, a table without a lock",
           .run = conc_2},
    Clause{.id = "CONC-3",
           .rule = "a handle may be made, used and destroyed in different threads, one at a time",
           .look_here = "thread_local state, and locks that belong to a thread",
           .run = conc_3},
    Clause{.id = "CONC-4",
           .rule = "open() and its kin are safe from several threads at once, also while the location changes",
           .look_here = "what the first open() makes lazily, and what open() reads of the location without a lock",
           .run = conc_4},
    Clause{.id = "CONC-5",
           .rule = "a reader opened during a replacement shows the old object or the new one, wholly; one opened after it the new one",
           .look_here = "a commit in several steps that open() can fall between",
           .run = conc_5},
};

}  // namespace

std::span<const Clause> concurrency() { return all; }

}  // namespace hybridbuffer::conformance::clauses
