#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {

Context::Context(Subject& subject, TracePage& page, const Options& options)
    : subject_{&subject},
      options_{options},
      trace_{page},
      random_{options.seed},
      traits_{subject.traits()},
      hooks_{subject.hooks()},
      chunks_{traits_.chunk_size ? Sizes{std::max<std::uint64_t>(*traits_.chunk_size, 1)} : options.assumed_chunks} {
  const auto distrust = [&](std::string_view name, auto& hook) {
    if (std::find(options.distrusted.begin(), options.distrusted.end(), name) != options.distrusted.end()) hook = nullptr;
  };
  distrust("stored_objects", hooks_.stored_objects);
  distrust("inject", hooks_.inject);
  distrust("damage", hooks_.damage);
  distrust("set_chunk_size", hooks_.set_chunk_size);
}

Location Context::make() {
  auto made = detail::traced(trace_, Operation::make, Subjects::harness, 0, 0, 0, [&] { return subject_->make(); });
  if (!made) fail("make_backend() must succeed, but failed: " + made.error().message());
  return Location{trace_, std::move(*made)};
}

Location Context::reattach(std::string_view identity) {
  auto found = detail::traced(trace_, Operation::reattach, Subjects::harness, 0, 0, 0, [&] { return subject_->reattach(identity); });
  if (!found) fail("reattach() must succeed, but failed: " + found.error().message());
  return Location{trace_, std::move(*found)};
}

bool Context::lower_chunk_size(std::uint64_t n) {
  if (!hooks_.set_chunk_size || !hooks_.set_chunk_size(n)) return false;
  chunks_ = {n};
  limit_sizes();
  return true;
}

Stamp Context::stamp(const Location& location, std::uint64_t size) {
  const Stamp stamp{location.number(), ++generation_};
  decoder_.remember(stamp, size);
  return stamp;
}
Object Context::object(const Location& location, std::uint64_t size) {
  reached(size);
  return Object{stamp(location, size), size};
}

void Context::write(Writer& writer, const Object& object, std::uint64_t from, std::uint64_t n) {
  constexpr std::uint64_t block = std::uint64_t{1} << 20U;
  for (std::uint64_t done = 0; done < n;) {
    const std::vector<std::byte> bytes = object.bytes(from + done, std::min(block, n - done));
    require(writer.write(bytes), "write() of " + std::to_string(bytes.size()) + " bytes at " + std::to_string(from + done));
    done += bytes.size();
  }
}
void Context::write(Writer& writer, const Object& object, const Sizes& pieces) {
  std::uint64_t done = 0;
  for (const std::uint64_t piece : pieces) {
    const std::vector<std::byte> bytes = object.bytes(done, piece);
    require(writer.write(bytes), "write() of " + std::to_string(piece) + " bytes at " + std::to_string(done));
    done += piece;
  }
}
void Context::store(Location& location, const Object& object) {
  Writer writer = require(location.create(), "create()");
  write(writer, object, 0, object.size());
  require(writer.close(), "close() of an object of " + std::to_string(object.size()) + " bytes");
}
void Context::store(Location& location, const Object& object, const Sizes& pieces) {
  Writer writer = require(location.create(), "create()");
  write(writer, object, pieces);
  require(writer.close(), "close() of an object of " + std::to_string(object.size()) + " bytes");
}
std::pair<Location, Object> Context::stored(std::uint64_t size) {
  Location location = make();
  Object object = this->object(location, size);
  store(location, object);
  return {std::move(location), std::move(object)};
}

void Context::expect_bytes(const Object& object, std::uint64_t offset, std::span<const std::byte> found, std::string_view what) {
  count_check();
  if (offset > object.size() || found.size() > object.size() - offset) {
    fail(std::string{what} + ": " + std::to_string(found.size()) + " bytes at offset " + std::to_string(offset) + " of an object of " +
         std::to_string(object.size()) + " bytes");
  }
  const auto at = object.first_difference(offset, found);
  if (!at) return;
  const std::uint64_t wrong = offset + *at;
  const std::vector<std::byte> expected = object.bytes(wrong, std::min<std::uint64_t>(12, object.size() - wrong));
  fail(std::string{what} + ": offset " + std::to_string(wrong) + " of " + std::to_string(object.size()) + " must hold " +
       decoder_.origin(expected, wrong) + "; it holds " + decoder_.origin(found.subspan(*at), wrong));
}

void Context::expect_rest(Reader& reader, const Object& object, std::uint64_t from, std::uint64_t piece, std::string_view what) {
  std::vector<std::byte> block(static_cast<std::size_t>(piece));
  std::uint64_t at = from;
  for (;;) {
    const std::string where =
        std::string{what} + ": read(" + std::to_string(piece) + ") at " + std::to_string(at) + " of " + std::to_string(object.size());
    const std::size_t count = require(reader.read(block), where);
    if (count > block.size()) fail(where + " returned " + std::to_string(count) + ", more than asked");
    if (count == 0) {
      check(at >= object.size(), where + " ended too early");
      check(require(reader.read(block), where + ", again at the end") == 0, where + " gave bytes after the end");
      return;
    }
    if (at >= object.size() || count > object.size() - at) fail(where + " returned " + std::to_string(count) + " bytes: beyond the end");
    expect_bytes(object, at, std::span{block}.first(count), what);
    at += count;
  }
}

void Context::expect_window(const ReaderAt& reader, const Object& object, std::uint64_t offset, std::uint64_t n) {
  std::vector<std::byte> block(static_cast<std::size_t>(n));
  const std::string what =
      "read_at(" + std::to_string(offset) + ", " + std::to_string(n) + ") of " + std::to_string(object.size()) + " bytes";
  const std::size_t count = require(reader.read_at(offset, block), what);
  const std::uint64_t expected = offset < object.size() ? std::min(n, object.size() - offset) : 0;
  check(count == expected, what + " returned " + std::to_string(count) + ", not " + std::to_string(expected));
  if (expected != 0) expect_bytes(object, offset, std::span{block}.first(count), what);
}

std::vector<Route> Context::routes() const {
  std::vector<Route> routes{Route::reader};
  if (has(Capability::seeker)) routes.push_back(Route::seeker);
  if (has(Capability::reader_at)) routes.push_back(Route::reader_at);
  if (has(Capability::map)) routes.push_back(Route::map);
  return routes;
}

void Context::expect_object(const Location& location, const Object& object, Route route, std::string_view what) {
  const std::string text{what};
  const std::uint64_t block = std::clamp<std::uint64_t>(object.size() / 3, 1, std::uint64_t{1} << 18U) | 1U;
  switch (route) {
    case Route::reader: {
      Reader reader = require(location.open(), text + ": open()");
      expect_rest(reader, object, 0, block, text + " by its reader");
      break;
    }
    case Route::seeker: {
      Reader seeker = require(location.open_seeker(), text + ": open_seeker()");
      const std::uint64_t end = require(seeker.seek(0, Whence::end), text + ": seek to the end");
      check(end == object.size(),
            text + ": seek(0, end) returned " + std::to_string(end) + ", the object has " + std::to_string(object.size()) + " bytes");
      const std::uint64_t middle = object.size() / 2;
      require(seeker.seek(static_cast<std::int64_t>(middle), Whence::begin), text + ": seek to the middle");
      expect_rest(seeker, object, middle, block, text + " by its seeker");
      require(seeker.seek(0, Whence::begin), text + ": seek to the start");
      expect_rest(seeker, object, 0, block, text + " by its seeker");
      break;
    }
    case Route::reader_at: {
      const ReaderAt reader = require(location.open_reader_at(), text + ": open_reader_at()");
      if (reader.has_size()) {
        const std::uint64_t size = require(reader.size(), text + ": size()");
        check(size == object.size(), text + ": size() is " + std::to_string(size) + ", not " + std::to_string(object.size()));
      }
      for (std::uint64_t at = 0; at < object.size(); at += block) expect_window(reader, object, at, block);
      expect_window(reader, object, object.size(), 1);
      break;
    }
    case Route::map: {
      for (std::uint64_t at = 0; at < object.size();) {
        const Window window = require(location.map(at, static_cast<std::size_t>(block)), text + ": map()");
        check(!window.bytes().empty() && window.bytes().size() <= block, text + ": a window of " + std::to_string(window.bytes().size()) +
                                                                             " bytes before the end, " + std::to_string(block) +
                                                                             " were asked for");
        expect_bytes(object, at, window.bytes(), text + " by map()");
        at += window.bytes().size();
      }
      const Window beyond = require(location.map(object.size(), 1), text + ": map() at the end");
      check(beyond.bytes().empty(), text + ": map() at the end shows bytes");
      break;
    }
  }
}
void Context::expect_object(const Location& location, const Object& object, std::string_view what) {
  for (const Route route : routes()) expect_object(location, object, route, what);
}

void Context::expect_absent(const Location& location, std::string_view what) {
  const std::string text{what};
  expect_error(location.open(), {errc::not_found}, text + ": open()");
  if (has(Capability::seeker)) expect_error(location.open_seeker(), {errc::not_found}, text + ": open_seeker()");
  if (has(Capability::reader_at)) expect_error(location.open_reader_at(), {errc::not_found}, text + ": open_reader_at()");
  if (has(Capability::map)) expect_error(location.map(0, 1), {errc::not_found}, text + ": map()");
}

bool Context::expect_residue(std::size_t objects, std::string_view what) {
  if (!hooks_.stored_objects) {
    not_run("the harness has no usable stored_objects(): what is left in the store cannot be seen");
    return false;
  }
  if (hooks_.trim) hooks_.trim();
  const std::size_t found = hooks_.stored_objects();
  check(found == objects, std::string{what} + ": stored_objects() is " + std::to_string(found) + ", not " + std::to_string(objects));
  return true;
}

void Context::not_run(std::string reason) {
  if (std::find(not_run_.begin(), not_run_.end(), reason) == not_run_.end()) not_run_.push_back(std::move(reason));
}

std::uint64_t Context::rounds(std::uint64_t wanted, std::uint64_t least) const noexcept {
  const auto affordable = static_cast<std::uint64_t>(budget() / std::max(cycle_, std::chrono::nanoseconds{100}));
  return std::clamp(affordable, std::min(least, wanted), wanted);
}

std::chrono::milliseconds Context::stress_time() const noexcept {
  using std::chrono::milliseconds;
  return options_.tier == Tier::quick ? milliseconds{150} : milliseconds{2000};
}

bool Context::inject(const Fault& fault) {
  if (!needs(hooks_.inject, "inject")) return false;
  Trace::Entry entry{trace_, Operation::inject, Subjects::harness, 0, fault.k, 0};
  const bool possible = hooks_.inject(fault);
  entry.succeed();
  if (!possible) not_run("the harness cannot make this fault");
  return possible;
}
std::uint64_t Context::disarm() {
  const std::uint64_t fired = hooks_.faults_fired ? hooks_.faults_fired() : 0;
  if (hooks_.inject) static_cast<void>(hooks_.inject(Fault{}));
  return fired;
}
std::uint64_t Context::sweep(Fault fault, const std::function<void(std::uint64_t)>& attempt, std::uint64_t most) {
  std::uint64_t hits = 0;
  for (std::uint64_t k = 1; k <= most; ++k) {
    fault.k = k;
    if (!inject(fault)) return hits;
    try {
      attempt(k);
    } catch (...) {
      disarm();
      throw;
    }
    if (disarm() == 0) break;
    ++hits;
  }
  if (hits == 0) not_run("no fault fired here: the operation has no primitive that fails this way");
  return hits;
}

void Context::in_threads(std::size_t count, const std::function<void(std::size_t)>& work) {
  std::atomic<std::size_t> waiting{0};
  std::mutex mutex;
  std::exception_ptr failure;
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i) {
      threads.emplace_back([&, i] {
        ++waiting;
        while (waiting.load() < count) std::this_thread::yield();
        try {
          work(i);
        } catch (...) {
          const std::lock_guard guard{mutex};
          if (!failure) failure = std::current_exception();
        }
      });
    }
  }
  if (failure) std::rethrow_exception(failure);
}

// Where chunks are known, an object may have as many as can be moved in the time there is (a life cycle takes about eight primitives),
// and sixteen in any case.
void Context::limit_sizes() {
  const std::uint64_t by_tier = std::uint64_t{1} << (options_.tier == Tier::quick ? 24U : options_.tier == Tier::full ? 26U : 33U);
  most_ = std::min(declared_most_, by_tier);
  if (chunks_.size() != 1) return;
  const auto affordable = static_cast<std::uint64_t>(budget() * 8 / std::max(cycle_, std::chrono::nanoseconds{100}));
  most_ = std::min(most_, std::max<std::uint64_t>(affordable, 16) * chunks_.front());
}

void Context::warm_up() {
  Location location = make();
  capabilities_ = location.capabilities();
  const auto cycle = [&] {
    const Object object = this->object(location, 1);
    const auto start = std::chrono::steady_clock::now();
    store(location, object);
    Reader reader = require(location.open(), "open()");
    std::byte one{};
    static_cast<void>(require(reader.read({&one, 1}), "read()"));
    reader.destroy();  // remove() may be busy while it is open
    require(location.remove(), "remove()");
    return std::chrono::steady_clock::now() - start;
  };
  // The first cycle also makes what the backend keeps, so the next ones tell the speed, without what else the machine was doing.
  static_cast<void>(cycle());
  cycle_ = cycle();
  for (int i = 0; i < 3 && cycle_ < std::chrono::milliseconds{20}; ++i) cycle_ = std::min<std::chrono::nanoseconds>(cycle_, cycle());
  declared_most_ = std::min(traits_.max_object_size.value_or(std::numeric_limits<std::uint64_t>::max()), location.max_object_size());
  limit_sizes();
  deadline_ = std::chrono::steady_clock::now() + budget();
  checks_ = 0;
  reached_ = 0;
  start_case();
}

}  // namespace hybridbuffer::conformance
