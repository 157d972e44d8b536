#include "../fault_scene.hpp"
#include "../forked_child.hpp"
#include "../life.hpp"
#include "clauses.hpp"
#include "file_watch.hpp"
#include "slopes.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>
#include <vector>

/// \file
/// RES: what a backend takes of the process and of the machine, and gives back.

namespace hybridbuffer::conformance::clauses {
namespace {

std::uint64_t small_size(const Context& c) { return std::min<std::uint64_t>(std::min<std::uint64_t>(c.chunk() + 9, 5000), c.most() / 2); }

// RES-1 -------------------------------------------------------------------------------------------------------------------------------

void full_cycle(const Context& c, Location& location, std::uint32_t generation, std::uint64_t size) {
  Object content = content_of(location, 2 * generation, size);
  must_store(location, content, static_cast<std::size_t>(size / 2 + 1));
  must_show(location, content, static_cast<std::size_t>(size / 2 + 1), "an object in one of many cycles");
  if (c.has(Capability::reader_at)) {
    const ReaderAt reader = must(location.open_reader_at(), "open_reader_at()");
    std::array<std::byte, 16> block{};
    static_cast<void>(must(reader.read_at(1, block), "read_at()"));
  }
  if (c.has(Capability::map)) static_cast<void>(must(location.map(0, 16), "map()"));
  if (c.has(Capability::append)) {
    Writer writer = must(location.append(), "append()");
    must(writer.write(content.bytes(0, size / 2)), "write()");
    must(writer.close(), "close()");
  }
  if (c.has(Capability::shrink)) must(location.shrink(3), "shrink()");
  must_store(location, content_of(location, 2 * generation + 1, size - 1), static_cast<std::size_t>(size));
}

// Every way to be refused that needs no failing store.
void refused_cycle(const Context& c, Location& location, Location& fresh) {
  static_cast<void>(fresh.open());
  if (c.has(Capability::seeker)) static_cast<void>(fresh.open_seeker());
  if (c.has(Capability::reader_at)) static_cast<void>(fresh.open_reader_at());
  if (c.has(Capability::map)) static_cast<void>(fresh.map(0, 1));
  if (c.has(Capability::shrink)) static_cast<void>(location.shrink(~std::uint64_t{0}));
  static_cast<void>(fresh.remove());
  Writer writer = must(fresh.create(), "create()");
  static_cast<void>(fresh.create());
  if (c.has(Capability::append)) static_cast<void>(fresh.append());
  static_cast<void>(fresh.remove());
  static_cast<void>(writer.write(std::array<std::byte, 5>{}));
  static_cast<void>(writer.close());
  static_cast<void>(writer.write(std::array<std::byte, 5>{}));
  static_cast<void>(writer.close());
  static_cast<void>(fresh.remove());
  if (c.has(Capability::seeker)) {
    Reader seeker = must(location.open_seeker(), "open_seeker()");
    static_cast<void>(seeker.seek(-1, Whence::begin));
    const Reader live = seeker.moved();
    static_cast<void>(seeker.seek(0, Whence::begin));
  }
  Location moved = fresh.moved();
  static_cast<void>(fresh.open());
  static_cast<void>(fresh.create());
  fresh.assign_object_from(moved);
}

// A life in which the store fails somewhere.
void failing_cycle(Context& c, Location& location, std::uint32_t generation, std::uint64_t size) {
  const Fault fault{.k = 1 + generation % 7, .category = generation % 2 == 0 ? errc::io : errc::timeout};
  if (!c.hooks().inject(fault)) return;
  const Object content = content_of(location, generation, size);
  const auto attempt = [&] {
    auto writer = location.create();
    if (!writer) return;
    if (!writer->write(content.bytes()) || !writer->close()) return;
    auto reader = location.open();
    if (reader) static_cast<void>(read_all(*reader, 1000, content.size()));
    if (c.has(Capability::append)) {
      auto extension = location.append();
      if (extension && extension->write(content.bytes(0, 5))) static_cast<void>(extension->close());
    }
  };
  try {
    attempt();
    static_cast<void>(location.remove());
  } catch (...) {
    static_cast<void>(c.hooks().inject(Fault{}));
    throw;
  }
  static_cast<void>(c.hooks().inject(Fault{}));
  must(location.remove(), "remove() once the store works again");
}

void res_1(Context& c) {
  const std::uint64_t times = c.rounds(1000, 20);
  const std::uint64_t size = small_size(c);
  Location location = c.make();
  expect_flat(c, "a full cycle", times, [&](std::uint32_t i) { full_cycle(c, location, i, size); });
  expect_flat(c, "a full cycle with remove()", times / 2, [&](std::uint32_t i) {
    full_cycle(c, location, i, size);
    must(location.remove(), "remove()");
  });
  expect_flat(c, "a location made, used and destroyed", times / 2, [&](std::uint32_t i) {
    Location next = make_location(c.subject(), c.trace());
    if (i % 2 == 0) full_cycle(c, next, i, size);
    if (i % 4 == 0) must(next.remove(), "remove()");
  });
  expect_flat(c, "an abandoned writer", times, [&](std::uint32_t i) {
    Writer writer = must(i % 3 == 0 && c.has(Capability::append) ? location.append() : location.create(), "create()");
    must(writer.write(content_of(location, i, size * (i % 3)).bytes()), "write()");
  });
  Location stored = c.make();
  c.store(stored, c.object(stored, size));
  Location fresh = c.make();
  expect_flat(c, "being refused", times, [&](std::uint32_t) { refused_cycle(c, stored, fresh); });
  if (c.needs(c.hooks().inject, "inject")) {
    Location failing = c.make();
    expect_flat(c, "a failing store", times, [&](std::uint32_t i) { failing_cycle(c, failing, i, size); });
  }
}

// RES-2 -------------------------------------------------------------------------------------------------------------------------------

void res_2(Context& c) {
  const std::uint64_t times = c.rounds(1000, 20);
  const std::uint64_t size = small_size(c);
  auto [location, content] = c.stored(size);
  const std::size_t before = c.hooks().stored_objects ? c.hooks().stored_objects() : 0;
  std::array<std::byte, 10> block{};
  const auto read_some = [&](Reader reader, std::uint32_t i) {
    for (std::uint32_t k = 0; k < i % 3; ++k) static_cast<void>(must(reader.read(block), "read()"));
  };
  expect_flat(c, "a reader dropped", times, [&](std::uint32_t i) { read_some(must(location.open(), "open()"), i); });
  if (c.has(Capability::seeker)) {
    expect_flat(c, "a seeker dropped", times, [&](std::uint32_t i) {
      Reader seeker = must(location.open_seeker(), "open_seeker()");
      static_cast<void>(must(seeker.seek(i % 5, Whence::begin), "seek()"));
      read_some(std::move(seeker), i);
    });
  }
  if (c.has(Capability::reader_at)) {
    expect_flat(c, "a reader_at dropped", times, [&](std::uint32_t i) {
      const ReaderAt reader = must(location.open_reader_at(), "open_reader_at()");
      if (i % 2 == 0) static_cast<void>(must(reader.read_at(i % 7, block), "read_at()"));
    });
  }
  if (c.has(Capability::map)) {
    expect_flat(c, "a window dropped", times, [&](std::uint32_t i) { static_cast<void>(must(location.map(i % 7, 1 + i % 900), "map()")); });
  }
  for (const bool extends : {false, true}) {
    if (extends && !c.has(Capability::append)) continue;
    expect_flat(c, extends ? "an extension dropped" : "a writer dropped", times, [&](std::uint32_t i) {
      Writer writer = must(extends ? location.append() : location.create(), "create()");
      if (i % 3 != 0) must(writer.write(content.bytes(0, i % 3 == 1 ? 1 : size)), "write()");
    });
  }
  c.expect_object(location, content, "the object whose handles were dropped");
  if (c.hooks().stored_objects) c.expect_residue(before, "after handles were dropped without close()");
  expect_flat(c, "a location dropped without remove()", times / 2, [&](std::uint32_t i) {
    Location next = make_location(c.subject(), c.trace());
    must_store(next, content_of(next, i, size), 10'000);
    if (i % 3 == 0) static_cast<void>(must(next.create(), "create()"));
  });
  if (c.hooks().stored_objects) c.expect_residue(before, "after locations were dropped without remove()");
}

// RES-3 -------------------------------------------------------------------------------------------------------------------------------

void res_3(Context& c) {
  const std::uint64_t size = std::min<std::uint64_t>(3 * c.chunk() + 1, c.most() / 2);
  const auto expect_gone = [&](std::string_view after) {
    if (c.hooks().stored_objects) c.expect_residue(0, "after a location was destroyed without remove(), " + std::string{after});
    else c.not_run("the harness has no usable stored_objects(): what is left in the store cannot be seen");
    c.expect_absent(c.make(), "a new location, after another was destroyed without remove(), " + std::string{after});
  };
  const auto stored = [&] { return c.stored(size); };
  c.start_case();
  static_cast<void>(c.make());
  expect_gone("which never held an object");
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, size}) {
    c.start_case();
    static_cast<void>(c.stored(length));
    expect_gone("which held " + std::to_string(length) + " bytes");
  }
  c.start_case();
  {
    auto [location, content] = stored();
    for (int i = 0; i < 3; ++i) c.store(location, c.object(location, size - static_cast<std::uint64_t>(i)));
    if (c.has(Capability::append)) {
      Writer writer = c.require(location.append(), "append()");
      c.require(writer.write(content.bytes(0, size / 2)), "write()");
      c.require(writer.close(), "close()");
    }
    if (c.has(Capability::shrink)) c.require(location.shrink(size / 2), "shrink()");
  }
  expect_gone("whose object was replaced and changed");
  for (const bool extends : {false, true}) {
    if (extends && !c.has(Capability::append)) continue;
    c.start_case();
    auto [location, content] = stored();
    Writer writer = c.require(extends ? location.append() : location.create(), "create()");
    c.write(writer, content, 0, size);
    Writer other = writer.moved();
    location.destroy();
    other.destroy();
    expect_gone("with a writer open, which went after it");
    auto [second, second_content] = stored();
    {
      Writer abandoned = c.require(extends ? second.append() : second.create(), "create()");
      c.write(abandoned, second_content, 0, size);
    }
    second.destroy();
    expect_gone("after a writer was abandoned");
  }
  c.start_case();
  {
    auto [location, content] = stored();
    std::vector<Reader> readers;
    readers.push_back(c.require(location.open(), "open()"));
    readers.push_back(c.require(location.open(), "open()"));
    std::vector<ReaderAt> readers_at;
    if (c.has(Capability::reader_at)) readers_at.push_back(c.require(location.open_reader_at(), "open_reader_at()"));
    location.destroy();
    std::array<std::byte, 4> block{};
    static_cast<void>(readers.front().read(block));
  }
  expect_gone("with readers open, which went after it");
  // A process that ends as it should.
  c.start_case();
  ForkedChild child{[&](ParentLine&) {
    TracePage page;
    Trace trace{page};
    Location first = make_location(c.subject(), trace);
    must_store(first, content_of(first, 1, size), 10'000);
    Location second = make_location(c.subject(), trace);
    must_store(second, content_of(second, 2, 10), 10'000);
    static_cast<void>(must(second.create(), "create()"));
  }};
  child.expect_end("making locations and destroying them");
  expect_gone("in a process that ended");
}

// RES-4 -------------------------------------------------------------------------------------------------------------------------------

// Files are private whatever the caller's mask is.
class NoMask {
 public:
  NoMask() noexcept : before_{::umask(0)} {}
  NoMask(const NoMask&) = delete;
  NoMask& operator=(const NoMask&) = delete;
  ~NoMask() { ::umask(before_); }

 private:
  ::mode_t before_;
};

void res_4(Context& c) {
  const NoMask mask;
  FileWatch watch{c};
  const std::uint64_t size = std::min<std::uint64_t>(3 * c.chunk() + 40, c.most() / 2);
  watch.look("before anything was made", "no such content");
  Location location = c.make();
  Object content = c.object(location, size);
  const std::vector<std::byte> first = content.bytes(0, std::min<std::uint64_t>(16, size));
  const std::string_view key{reinterpret_cast<const char*>(first.data()), first.size()};
  watch.look("after make_backend()", key);
  Writer writer = c.require(location.create(), "create()");
  watch.look("after create()", key);
  c.write(writer, content, 0, size / 2);
  watch.look("after write()", key);
  c.write(writer, content, size / 2, size - size / 2);
  watch.look("after another write()", key);
  c.require(writer.close(), "close()");
  watch.look("after close()", key);
  {
    Reader reader = c.require(location.open(), "open()");
    std::array<std::byte, 8> block{};
    static_cast<void>(c.require(reader.read(block), "read()"));
    std::vector<Reader> seekers;
    std::vector<ReaderAt> readers_at;
    std::vector<Window> windows;
    if (c.has(Capability::seeker)) seekers.push_back(c.require(location.open_seeker(), "open_seeker()"));
    if (c.has(Capability::reader_at)) readers_at.push_back(c.require(location.open_reader_at(), "open_reader_at()"));
    if (c.has(Capability::map)) windows.push_back(c.require(location.map(0, 8), "map()"));
    watch.look("while readers are", key);
    if (c.has(Capability::append)) {
      Writer extension = c.require(location.append(), "append()");
      c.write(extension, content, 0, size / 2);
      watch.look("while an object is extended", key);
    }
    Writer replacement = c.require(location.create(), "create()");
    c.write(replacement, content, 0, size);
    watch.look("while an object is replaced", key);
  }
  if (c.has(Capability::publish) && c.hooks().publish_destination) {
    const std::string destination = c.hooks().publish_destination();
    c.require(location.publish(destination, PublishMode::replace), "publish()");
    struct stat status{};
    if (::lstat(destination.c_str(), &status) == 0) {
      c.check((status.st_mode & 077U) == 0, "a published file may be opened by others");
    }
    if (c.hooks().remove_published) c.hooks().remove_published(destination);
  }
  c.require(location.remove(), "remove()");
  watch.look("after remove()", key);
  location.destroy();
  watch.look("after the location was destroyed", key);
  if (!c.hooks().roots) c.not_run("the harness has no usable roots(): whether files are made elsewhere cannot be seen");
}

// RES-5 -------------------------------------------------------------------------------------------------------------------------------

constexpr bool has_sanitizer() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(undefined_behavior_sanitizer)
  return true;
#else
  return false;
#endif
#else
  return false;
#endif
}

void res_5(Context& c) {
  Location location = c.make();
  for (int i = 0; i < 2; ++i) live_through_everything(c, location);
  Location other = location.moved();
  live_through_everything(c, other);
  std::vector<Location> many;
  for (int i = 0; i < 3; ++i) many.push_back(c.make());
  c.in_threads(many.size(), [&](std::size_t i) {
    for (std::uint32_t round = 0; round < 5; ++round) full_cycle(c, many[i], round, small_size(c));
    c.count_check();
  });
  if (!has_sanitizer()) c.not_run("the kit was not built with a sanitizer, which would see what nothing else shows");
}

constexpr std::array all{
    Clause{.id = "RES-1",
           .rule = "descriptors, threads and memory stay flat over many cycles, with abandoned and failed ones among them",
           .look_here = "what an early return leaves: a descriptor, a lock, a registration",
           .run = res_1},
    Clause{.id = "RES-2",
           .rule = "handles that are dropped without close() give everything back",
           .look_here = "what only close() releases",
           .run = res_2},
    Clause{.id = "RES-3",
           .rule = "destroying a location without remove() leaves nothing in the store, the end of a process neither",
           .look_here = "the destructor of the backend",
           .run = res_3},
    Clause{.id = "RES-4",
           .rule = "nothing is made outside the declared roots; descriptors close on exec; files are 0600",
           .look_here = "open() without O_CLOEXEC or a mode, and fallbacks to /tmp",
           .run = res_4},
    Clause{.id = "RES-5",
           .rule = "a life with every operation is clean under address, undefined-behaviour and thread sanitizers",
           .look_here = "what the sanitizer's report says",
           .run = res_5},
};

}  // namespace

std::span<const Clause> resource() { return all; }

}  // namespace hybridbuffer::conformance::clauses
