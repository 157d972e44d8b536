#include "../forked_child.hpp"
#include "../life.hpp"
#include "changes.hpp"
#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/process.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <sys/resource.h>
#include <utility>
#include <vector>

/// \file
/// ISO: locations never meet each other, wherever and by whomever they are made, and leave alone what is not theirs.

namespace hybridbuffer::conformance::clauses {
namespace {

// ISO-1 -------------------------------------------------------------------------------------------------------------------------------

// Locations from every source of equal ones that the harness has.
struct Instances {
  std::vector<std::unique_ptr<Subject>> harnesses;  // the other ones, which outlive what they made
  std::vector<Location> locations;
};

Instances make_instances(Context& c, std::size_t each) {
  Instances made;
  for (std::size_t i = 0; i < each; ++i) made.locations.push_back(c.make());
  for (int i = 0; i < 2; ++i) {
    auto another = c.subject().another();
    if (!another) break;
    for (std::size_t k = 0; k < each; ++k) made.locations.push_back(make_location(*another, c.trace()));
    made.harnesses.push_back(std::move(another));
  }
  if (!c.subject().has_factory()) return made;
  const Subject::Factory first = c.require(c.subject().make_factory(), "make_storage()");
  const Subject::Factory second = c.require(c.subject().make_factory(), "make_storage() again");
  const Subject::Factory copy = first;
  for (std::size_t k = 0; k < each; ++k) {
    for (const Subject::Factory* factory : {&first, &second, &copy}) {
      made.locations.push_back(Location{c.trace(), c.require((*factory)(), "create_backend()")});
    }
  }
  return made;
}

void expect_all(Context& c, const std::vector<Location>& locations, const std::vector<std::optional<Object>>& contents,
                const std::string& when) {
  for (std::size_t i = 0; i < locations.size(); ++i) {
    const std::string what = "instance " + std::to_string(i) + " of " + std::to_string(locations.size()) + " " + when;
    if (contents[i]) c.expect_object(locations[i], *contents[i], i % 3 == 0 ? c.routes().back() : Route::reader, what);
    else c.expect_absent(locations[i], what);
  }
}

// Writes an object to every location, a piece to each in turn, so that all writers are open at once.
void write_interleaved(Context& c, std::vector<Location>& locations, std::vector<std::optional<Object>>& contents, std::uint64_t size,
                       bool backwards) {
  std::vector<Writer> writers;
  std::vector<Object> next;
  for (Location& location : locations) {
    writers.push_back(c.require(location.create(), "create()"));
    next.push_back(c.object(location, size - writers.size() % (size / 2 + 1)));
  }
  for (int third = 0; third < 3; ++third) {
    for (std::size_t i = 0; i < locations.size(); ++i) {
      const std::uint64_t from = next[i].size() * static_cast<std::uint64_t>(third) / 3;
      c.write(writers[i], next[i], from, next[i].size() * static_cast<std::uint64_t>(third + 1) / 3 - from);
    }
  }
  expect_all(c, locations, contents, "while new objects are written to all");
  for (std::size_t i = 0; i < locations.size(); ++i) {
    const std::size_t turn = backwards ? locations.size() - 1 - i : i;
    c.require(writers[turn].close(), "close()");
    contents[turn] = next[turn];
    if (i % 8 == 0) expect_all(c, locations, contents, "while others are committed");
  }
}

void iso_1(Context& c) {
  Instances instances = make_instances(c, static_cast<std::size_t>(c.rounds(6, 2)));
  std::vector<Location>& locations = instances.locations;
  std::vector<std::optional<Object>> contents(locations.size());
  expect_all(c, locations, contents, "before anything was written");
  // Room is left for what extends some of them.
  const std::uint64_t added = std::min<std::uint64_t>(9, c.most() / 2);
  const std::uint64_t size = std::min<std::uint64_t>(std::min<std::uint64_t>(2 * c.chunk() + 3, 10'000), c.most() - added);
  for (const bool backwards : {false, true}) write_interleaved(c, locations, contents, size, backwards);
  expect_all(c, locations, contents, "after all were written");
  // What happens to one happens to no other.
  c.start_case();
  for (std::size_t i = 0; i < locations.size(); ++i) {
    Location& location = locations[i];
    switch (i % 5) {
      case 0:
        c.require(location.remove(), "remove()");
        contents[i].reset();
        break;
      case 1:
        contents[i] = new_object(c, location, size / 2 + i);
        c.store(location, *contents[i]);
        break;
      case 2: {
        Writer abandoned = c.require(location.create(), "create()");
        c.write(abandoned, *contents[i], 0, contents[i]->size() / 2);
        break;
      }
      case 3:
        if (c.has(Capability::append)) {
          const std::uint64_t from = contents[i]->size();
          contents[i]->append(c.stamp(location, from + added), added);
          Writer writer = c.require(location.append(), "append()");
          c.write(writer, *contents[i], from, added);
          c.require(writer.close(), "close()");
        }
        if (c.has(Capability::shrink) && i % 2 == 0) {
          contents[i]->truncate(3);
          c.require(location.shrink(3), "shrink()");
        }
        break;
      default: {
        location.destroy();
        location = c.make();
        contents[i].reset();
        break;
      }
    }
    if (i % 5 == 4 || i + 1 == locations.size()) expect_all(c, locations, contents, "after others were changed");
  }
  for (std::size_t i = 0; i < locations.size(); i += 2) {
    contents[i] = new_object(c, locations[i], 31);
    c.store(locations[i], *contents[i]);
  }
  expect_all(c, locations, contents, "after others were written again");
  while (locations.size() > 1) {
    const std::size_t gone = locations.size() / 2;
    locations.erase(locations.begin() + static_cast<std::ptrdiff_t>(gone));
    contents.erase(contents.begin() + static_cast<std::ptrdiff_t>(gone));
    if (locations.size() % 5 == 0) expect_all(c, locations, contents, "after others were destroyed");
  }
  expect_all(c, locations, contents, "which is the last");
}

// ISO-2 -------------------------------------------------------------------------------------------------------------------------------

// How many locations may hold an object at once: each may take a descriptor.
std::size_t most_at_once() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 64;
  const std::size_t used = open_descriptors();
  const std::size_t free = limit.rlim_cur > used ? static_cast<std::size_t>(limit.rlim_cur) - used : 0;
  return std::clamp<std::size_t>(free / 4, 8, 2500);
}

// A batch of locations made as fast as they can be, each with a few bytes of its own.
class Batch {
 public:
  Batch(Subject& subject, Trace& trace) : subject_{&subject}, trace_{&trace} {}

  void make(std::size_t count, std::mutex* mutex = nullptr) {
    for (std::size_t i = 0; i < count; ++i) {
      const auto lock = mutex != nullptr ? std::unique_lock{*mutex} : std::unique_lock<std::mutex>{};
      locations_.push_back(make_location(*subject_, *trace_));
    }
  }
  // `key` keeps the bytes of different processes apart: they count their handles alike.
  void store(std::uint32_t key) {
    for (Location& location : locations_) {
      contents_.emplace_back(Stamp{location.number(), 0x1000'0000U | key}, 8 + location.number() % 5);
      must_store(location, contents_.back(), 64);
    }
  }
  void check(const std::string& what) const {
    for (std::size_t i = 0; i < contents_.size(); ++i) must_show(locations_[i], contents_[i], 64, what);
  }
  void remove_some() {
    for (std::size_t i = 0; i < locations_.size(); i += 2) {
      must(locations_[i].remove(), "remove()");
      must_be(locations_[i].open(), errc::not_found, "open() after remove()");
    }
    for (std::size_t i = 1; i < locations_.size(); i += 2)
      must_show(locations_[i], contents_[i], 64, "a location after others were removed");
  }
  void clear() {
    locations_.clear();
    contents_.clear();
  }

 private:
  Subject* subject_;
  Trace* trace_;
  std::vector<Location> locations_;
  std::vector<Object> contents_;
};

void quick_instances(Context& c) {
  const std::uint64_t wanted = c.rounds(10'000, 32);
  const std::size_t at_once = most_at_once();
  Batch batch{c.subject(), c.trace()};
  for (std::uint64_t done = 0; done < wanted && (done == 0 || c.time_left());) {
    const std::size_t count = static_cast<std::size_t>(std::min<std::uint64_t>(at_once, wanted - done));
    batch.make(count);
    batch.store(1);
    batch.check("one of " + std::to_string(count) + " locations made in quick succession");
    batch.remove_some();
    batch.clear();
    done += count;
    c.count_check();
  }
}

void instances_of_threads(Context& c) {
  constexpr std::size_t threads = 8;
  const std::size_t each = static_cast<std::size_t>(std::min<std::uint64_t>(most_at_once() / threads, c.rounds(200, 2)));
  std::mutex making;
  std::vector<Batch> batches;
  for (std::size_t i = 0; i < threads; ++i) batches.emplace_back(c.subject(), c.trace());
  c.in_threads(threads, [&](std::size_t i) {
    batches[i].make(each, &making);
    batches[i].store(static_cast<std::uint32_t>(2 + i));
  });
  for (const Batch& batch : batches) batch.check("a location made in one of several threads");
  for (Batch& batch : batches) batch.remove_some();
  c.count_check();
}

// Each process makes locations, all hold their objects at once, then each looks at its own.
void instances_of_processes(Context& c) {
  constexpr std::size_t children = 2;
  const std::size_t count = static_cast<std::size_t>(c.rounds(4, 2));
  Batch before{c.subject(), c.trace()};
  before.make(count);
  before.store(100);
  const auto live = [&](std::uint32_t key) {
    return [&c, count, key](ParentLine& parent) {
      TracePage page;
      Trace trace{page};
      Batch batch{c.subject(), trace};
      batch.make(count);
      batch.store(key);
      parent.mark();
      parent.wait();
      batch.check("a location made in a forked child, while other processes have theirs");
      parent.mark();
      parent.wait();
      batch.remove_some();
      batch.clear();
      parent.mark();
    };
  };
  std::vector<std::unique_ptr<ForkedChild>> forked;
  for (std::size_t i = 0; i < children; ++i) forked.push_back(std::make_unique<ForkedChild>(live(static_cast<std::uint32_t>(101 + i))));
  Batch after{c.subject(), c.trace()};
  after.make(count);
  after.store(110);
  for (const char* const step : {"making locations", "looking at its own objects", "removing them"}) {
    for (auto& child : forked) child->expect_mark(step);
    before.check("a location made before a fork, while children are " + std::string{step});
    after.check("a location made after a fork, while children are " + std::string{step});
    for (auto& child : forked) child->go();
  }
  for (auto& child : forked) child->expect_end("ending");
  before.check("a location made before a fork, after the children ended");
  after.check("a location made after a fork, after the children ended");
  c.count_check();
}

void iso_2(Context& c) {
  quick_instances(c);
  instances_of_threads(c);
  instances_of_processes(c);
}

// ISO-3 -------------------------------------------------------------------------------------------------------------------------------

void iso_3(Context& c) {
  if (!c.needs(c.hooks().plant_foreign, "plant_foreign") || !c.needs(c.hooks().foreign_intact, "foreign_intact")) return;
  const auto expect_intact = [&](const std::string& after) {
    c.check(c.hooks().foreign_intact(), "data of somebody else near the namespace changed, after " + after);
  };
  Location early = c.make();
  c.hooks().plant_foreign();
  expect_intact("it was planted");
  c.expect_absent(early, "a location made before data of somebody else came near");
  Location late = c.make();
  c.expect_absent(late, "a location made beside data of somebody else");
  expect_intact("locations were made and opened");
  for (Location* location : {&early, &late}) {
    c.require(location->remove(), "remove() without an object");
    expect_intact("remove() without an object");
    live_through_everything(c, *location);
    expect_intact("a life with every operation");
    const std::uint64_t size = std::min<std::uint64_t>(3 * c.chunk() + 1, c.most());
    for (const std::uint64_t length : {size, std::uint64_t{1}, std::uint64_t{0}, size / 2}) {
      const Object content = c.object(*location, length);
      c.store(*location, content);
      c.expect_object(*location, content, "an object beside data of somebody else");
    }
    expect_intact("an object was replaced several times");
    {
      Writer abandoned = c.require(location->create(), "create()");
      c.write(abandoned, c.object(*location, size), 0, size);
    }
    expect_intact("a writer was abandoned");
    {
      Writer cut_off = c.require(location->create(), "create()");
      c.write(cut_off, c.object(*location, size), 0, size);
      c.require(location->remove(), "remove()");
      static_cast<void>(cut_off.close());
    }
    expect_intact("remove() with a writer open");
    c.store(*location, c.object(*location, size));
  }
  early.destroy();
  late.destroy();
  if (c.hooks().trim) c.hooks().trim();
  expect_intact("locations with objects were destroyed");
  if (c.hooks().inject) {
    Location failing = c.make();
    c.sweep(
        {.mode = FaultMode::error, .category = errc::io},
        [&](std::uint64_t) {
          auto writer = failing.create();
          if (writer && writer->write(std::array<std::byte, 40>{})) static_cast<void>(writer->close());
          static_cast<void>(failing.remove());
        },
        c.rounds(60, 4));
    c.require(failing.remove(), "remove()");
    expect_intact("operations failed");
  }
}

constexpr std::array all{
    Clause{.id = "ISO-1",
           .rule = "instances never share data, whether from one factory, from copies of it, or from equal configurations",
           .look_here = "names that two instances can have in common, and static tables",
           .run = iso_1},
    Clause{.id = "ISO-2",
           .rule = "instances made in quick succession, in threads and in forked children do not collide",
           .look_here = "names made of the time, a counter, the process id or a random state that a fork copies, alone",
           .run = iso_2},
    Clause{.id = "ISO-3",
           .rule = "data of others near the namespace is never read, changed or removed",
           .look_here = "cleaning up by a pattern or a prefix instead of by the names that were made",
           .obligation = Obligation::hooked,
           .run = iso_3},
};

}  // namespace

std::span<const Clause> isolation() { return all; }

}  // namespace hybridbuffer::conformance::clauses
