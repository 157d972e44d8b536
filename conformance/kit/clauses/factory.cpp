#include "clauses.hpp"

#include "extension.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/subject.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// FACTORY: what storage factories make.

namespace hybridbuffer::conformance::clauses {
namespace {

using Make = std::function<Location()>;

/// Wraps what makes locations; the clause fails when one cannot be made.
Make making(Context& c, Subject::Factory factory, std::string name) {
  return [&c, factory = std::move(factory), name = std::move(name)] {
    auto made = detail::traced(c.trace(), Operation::make, Subjects::harness, 0, 0, 0, [&] { return factory(); });
    if (!made) throw Failure{name + " must make a location, but failed: " + made.error().message()};
    return Location{c.trace(), std::move(*made)};
  };
}

Make factory_of(Context& c, Subject& subject) {
  auto made = subject.make_factory();
  Subject::Factory factory = c.require(std::move(made), "make_storage()");
  return making(c, std::move(factory), "create_backend()");
}

struct Kept {
  Location location;
  std::optional<Object> object{};
};

void expect_all(Context& c, const std::vector<Kept>& all, std::string_view what) {
  for (const Kept& one : all) {
    if (one.object) c.expect_object(one.location, *one.object, what);
    else c.expect_absent(one.location, what);
  }
}

// Locations of all of them in turn: each is new and empty, and nothing done to one shows in another.
void never_meet(Context& c, const std::vector<Make>& makes, std::string_view whose) {
  c.start_case();
  const std::string what = "a location of " + std::string{whose};
  std::vector<Kept> all;
  const std::uint64_t rounds = std::clamp<std::uint64_t>(c.rounds(8 * makes.size(), 2 * makes.size()) / makes.size(), 2, 8);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    for (const Make& make : makes) {
      all.push_back({make()});
      c.expect_absent(all.back().location, what + ", new");
      if (round % 4 == 3) continue;
      all.back().object = c.object(all.back().location, std::min(c.chunk() + all.size(), extension_limit(c) / 2));
      c.store(all.back().location, *all.back().object);
    }
  }
  expect_all(c, all, what);
  for (std::size_t i = 0; i < all.size(); ++i) {
    switch (i % 5) {
      case 0:
        c.require(all[i].location.remove(), "remove()");
        all[i].object.reset();
        break;
      case 1:
        all[i].object = c.object(all[i].location, std::min<std::uint64_t>(i, extension_limit(c)));
        c.store(all[i].location, *all[i].object);
        break;
      case 2:
        if (c.has(Capability::append) && all[i].object) {
          extend(c, all[i].location, *all[i].object, std::min<std::uint64_t>(i, extension_limit(c) - all[i].object->size()));
        }
        break;
      case 3: {
        Writer abandoned = c.require(all[i].location.create(), "create()");
        c.require(abandoned.write(std::array<std::byte, 9>{}), "write()");
        break;
      }
      default: all[i].location.destroy(); break;
    }
  }
  for (std::size_t i = all.size(); i-- > 0;) {
    if (i % 5 == 4) all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
  }
  expect_all(c, all, what + ", after others were changed and removed");
}

// What a location does all its life, once what made it is gone.
void full_life(Context& c, Location location, std::string_view what) {
  const std::string text{what};
  c.expect_absent(location, text);
  Object object = c.object(location, std::min(2 * c.chunk() + 1, extension_limit(c) / 2));
  c.store(location, object);
  c.expect_object(location, object, text);
  if (c.has(Capability::append)) extend(c, location, object, std::min<std::uint64_t>(7, extension_limit(c) - object.size()));
  const Object next = c.object(location, 3);
  Reader reader = c.require(location.open(), text + ": open()");
  Writer writer = c.require(location.create(), text + ": create()");
  c.write(writer, next, 0, 3);
  c.require(writer.close(), text + ": close()");
  c.expect_object(location, next, text);
  reader.destroy();  // some backends are busy while somebody reads
  c.require(location.remove(), text + ": remove()");
  c.expect_absent(location, text);
}

void outlive_their_factory(Context& c, Subject& subject) {
  c.start_case();
  std::vector<Kept> all;
  std::optional<Writer> writer;
  std::optional<Object> unfinished;
  std::optional<Location> empty;
  {
    const Make make = factory_of(c, subject);
    for (const std::uint64_t size : {std::uint64_t{1}, std::min(c.chunk() + 1, extension_limit(c))}) {
      all.push_back({make()});
      all.back().object = c.object(all.back().location, size);
      c.store(all.back().location, *all.back().object);
    }
    empty.emplace(make());
    all.push_back({make()});
    unfinished = c.object(all.back().location, std::min<std::uint64_t>(100, extension_limit(c)));
    writer.emplace(c.require(all.back().location.create(), "create()"));
    c.write(*writer, *unfinished, 0, unfinished->size() / 2);
  }
  expect_all(c, all, "a location whose factory is gone");
  c.write(*writer, *unfinished, unfinished->size() / 2, unfinished->size() - unfinished->size() / 2);
  c.require(writer->close(), "close() of a writer whose factory is gone");
  all.back().object = unfinished;
  expect_all(c, all, "a location whose factory is gone");
  full_life(c, std::move(*empty), "a location, new, whose factory is gone");
  // Another factory like it meets nothing of what the first left.
  const Make again = factory_of(c, subject);
  c.expect_absent(again(), "a location of a later factory");
  expect_all(c, all, "a location whose factory is gone, after a later factory made another");
}

void made_in_threads(Context& c, const std::vector<Make>& makes) {
  c.start_case();
  constexpr std::size_t threads = 16;
  const std::uint64_t rounds = std::max<std::uint64_t>(c.rounds(c.tier() == Tier::quick ? 320 : 3200, threads) / threads, 1);
  std::mutex mutex;
  std::vector<Kept> kept;
  std::vector<Stamp> stamps;
  for (std::size_t i = 0; i < threads; ++i) stamps.push_back(c.object(c.make(), 4000).pieces().front().stamp);
  c.in_threads(threads, [&](std::size_t i) {
    const auto must = [&](auto result, const char* what) {
      if (!result)
        throw Failure{std::string{what} + " of a location made in " + std::to_string(threads) +
                      " threads at once must succeed, but failed: " + result.error().message()};
      c.count_check();
      return result;
    };
    for (std::uint64_t round = 0; round < rounds; ++round) {
      Location location = makes[(i + round) % makes.size()]();
      if (location.open()) throw Failure{"a location made in " + std::to_string(threads) + " threads at once is not empty"};
      const Object object{stamps[i], std::min(100 + (i * 211 + round * 17) % 3900, extension_limit(c))};
      auto writer = must(location.create(), "create()");
      must(writer->write(object.bytes()), "write()");
      must(writer->close(), "close()");
      auto reader = must(location.open(), "open()");
      std::vector<std::byte> block(static_cast<std::size_t>(object.size()) + 1);
      std::size_t done = 0;
      for (std::size_t count = 1; count != 0 && done < block.size();) {
        count = *must(reader->read(std::span{block}.subspan(done)), "read()");
        done += count;
      }
      if (done != object.size() || object.first_difference(0, std::span{block}.first(done)))
        throw Failure{"a location made in " + std::to_string(threads) + " threads at once holds other bytes than were written"};
      if (round % 3 == 0) {
        const std::lock_guard guard{mutex};
        kept.push_back({std::move(location), object});
      }
    }
  });
  expect_all(c, kept, "a location that was made in one of " + std::to_string(threads) + " threads");
}

void factory_1(Context& c) {
  Subject& subject = c.subject();
  const Make make = [&c] { return c.make(); };
  // A harness has to live as long as what it made: the order of these two is the order of their destruction.
  const std::unique_ptr<Subject> equal = subject.another();
  if (equal != nullptr) {
    const Make other = making(c, [&equal] { return equal->make(); }, "make_backend() of a second harness");
    never_meet(c, {make, other}, "two harnesses alike");
    made_in_threads(c, {make, other});
  } else {
    c.not_run("the harness cannot be default-constructed: no second one like it");
    never_meet(c, {make}, "one harness");
    made_in_threads(c, {make});
  }
  if (!subject.has_factory()) return c.not_run("the harness has no make_storage()");
  const Subject::Factory first = c.require(subject.make_factory(), "make_storage()");
  const Subject::Factory copy = first;  // NOLINT(performance-unnecessary-copy-initialization): a copy is what is tried
  const std::vector<Make> makes{making(c, first, "create_backend()"), making(c, copy, "create_backend() of a copy"), factory_of(c, subject),
                                make};
  never_meet(c, makes, "a factory, its copy, an equal one and the harness");
  made_in_threads(c, makes);
  outlive_their_factory(c, subject);
}

constexpr std::array all{
    Clause{.id = "FACTORY-1",
           .rule = "what one factory, its copies and equal factories make never meets, and outlives them; create_backend() is thread-safe",
           .look_here = "names that are drawn once per factory or from a counter, and settings that a backend only refers to",
           .run = factory_1},
};

}  // namespace

std::span<const Clause> factory() { return all; }

}  // namespace hybridbuffer::conformance::clauses
