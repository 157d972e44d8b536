#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/schedule.hpp>

#include "changes.hpp"
#include "faults.hpp"
#include "second_writer.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// CREATE: starting objects, and replacing them.

namespace hybridbuffer::conformance::clauses {
namespace {

// CREATE-1 -----------------------------------------------------------------------------------------------------------------------

void create_and_check(Context& c, Location& location, std::uint64_t size, const std::string& when) {
  const Object content = new_object(c, location, size);
  Writer writer = c.require(location.create(), "create() " + when);
  c.write(writer, content, 0, content.size());
  c.require(writer.close(), "close() " + when);
  c.expect_object(location, content, "the object created " + when);
}

void after_each_end_of_a_writer(Context& c, std::uint64_t chunk) {
  for (const std::uint64_t written : {std::uint64_t{0}, std::uint64_t{1}, chunk, 3 * chunk}) {
    for (const Way way : ways(c)) {
      c.start_case();
      Change change = new_change(c, way, written);
      {
        Writer writer = started(c, change);
        write_part(c, writer, change, 0, change.size());
      }
      create_and_check(c, change.location, chunk + 1, "after a writer was abandoned with " + std::to_string(written) + " bytes");
      {
        Writer writer = c.require(change.location.create(), "create() over an object");
        write_part(c, writer, change, 0, change.size());
        c.require(change.location.remove(), "remove() with a writer open");
        static_cast<void>(writer.close());
      }
      create_and_check(c, change.location, chunk, "after remove() cut off a writer");
      for (int i = 0; i < 3; ++i) static_cast<void>(c.require(change.location.create(), "create() after a writer was abandoned"));
      create_and_check(c, change.location, 2, "after three writers were abandoned");
    }
  }
}

// A name that does not differ from instance to instance shows with many of them at once.
void on_many_instances(Context& c, std::uint64_t chunk) {
  c.start_case();
  struct Kept {
    Location location;
    Object content;
    Writer writer;
  };
  std::vector<Kept> all;
  const std::uint64_t count = c.rounds(24, 4);
  for (std::uint64_t i = 0; i < count; ++i) {
    Location location = c.make();
    Object content = new_object(c, location, chunk / 2 + i + 1);
    Writer writer = c.require(location.create(), "create() while " + std::to_string(i) + " other instances have a writer open");
    all.push_back(Kept{std::move(location), std::move(content), std::move(writer)});
  }
  for (Kept& kept : all) c.write(kept.writer, kept.content, 0, kept.content.size() / 2);
  for (Kept& kept : all) c.write(kept.writer, kept.content, kept.content.size() / 2, kept.content.size() - kept.content.size() / 2);
  for (Kept& kept : all) c.require(kept.writer.close(), "close() with other instances' writers open");
  for (const Kept& kept : all) c.expect_object(kept.location, kept.content, "one of several instances written at once");
  all.erase(all.begin());
  create_and_check(c, all.front().location, chunk, "after another instance was destroyed");
  c.expect_object(all.back().location, all.back().content, "an instance beside one that was written again");
}

// A whole life at random, against a model of one location.
struct Step {
  enum class Kind : std::uint8_t { create, append, write, close, abandon, remove, look, replace };
  Kind kind;
  std::uint64_t size;
};

std::vector<Step> random_life(Context& c, std::uint64_t chunk, std::uint64_t count) {
  using Kind = Step::Kind;
  const Sizes sizes = normalised({0, 1, 2, chunk - 1, chunk, chunk + 1, 2 * chunk + 1}, c.most() / 8);
  std::vector<Kind> kinds{Kind::create, Kind::create,  Kind::write,  Kind::write, Kind::close,
                          Kind::close,  Kind::abandon, Kind::remove, Kind::look,  Kind::replace};
  if (c.has(Capability::append)) kinds.insert(kinds.end(), {Kind::append, Kind::append});
  std::vector<Step> steps;
  for (std::uint64_t i = 0; i < count; ++i) steps.push_back({kinds[c.random()() % kinds.size()], sizes[c.random()() % sizes.size()]});
  return steps;
}

void live(Context& c, const std::vector<Step>& steps) {
  using Kind = Step::Kind;
  Location location = c.make();
  std::optional<Object> committed;
  std::optional<Writer> writer;
  Object pending;
  const auto start = [&](bool append) {
    if (writer) return;
    writer = append ? c.require(location.append(), "append()") : c.require(location.create(), "create()");
    pending = append && committed ? *committed : Object{};
  };
  const auto write = [&](std::uint64_t size) {
    if (!writer || size > c.most() - pending.size()) return;
    const std::uint64_t from = pending.size();
    pending.append(c.stamp(location, from + size), size);
    c.require(writer->write(pending.bytes(from, size)), "write() of " + std::to_string(size) + " bytes");
  };
  const auto close = [&] {
    if (!writer) return;
    c.require(writer->close(), "close()");
    writer.reset();
    committed = pending;
  };
  for (const Step& step : steps) {
    switch (step.kind) {
      case Kind::create: start(false); break;
      case Kind::append: start(true); break;
      case Kind::write: write(step.size); break;
      case Kind::close: close(); break;
      case Kind::abandon: writer.reset(); break;
      case Kind::remove:
        c.require(location.remove(), "remove()");
        writer.reset();
        committed.reset();
        break;
      case Kind::look: break;
      case Kind::replace:
        writer.reset();
        start(false);
        write(step.size);
        close();
        break;
    }
    // One route at a time: the others have their turn after other steps.
    const std::vector<Route> routes = c.routes();
    if (committed) c.expect_object(location, *committed, routes[step.size % routes.size()], "the committed object");
    else c.expect_absent(location, "a location without a committed object");
  }
}

void create_1(Context& c) {
  const std::uint64_t chunk = scales(c).front();
  c.start_case();
  Location location = c.make();
  create_and_check(c, location, 1, "on a new location");
  create_and_check(c, location, chunk + 1, "over an object");
  for (int i = 0; i < 3; ++i) {
    c.require(location.remove(), "remove()");
    create_and_check(c, location, chunk + static_cast<std::uint64_t>(i), "after remove()");
  }
  c.start_case();
  Location removed = c.make();
  c.require(removed.remove(), "remove() of nothing");
  c.expect_absent(removed, "a location with nothing");
  create_and_check(c, removed, chunk, "after remove() and open() of nothing");
  on_many_instances(c, chunk);
  after_each_end_of_a_writer(c, chunk);
  Quota lives{c, 1, 50};
  for (std::uint64_t i = c.rounds(c.tier() == Tier::quick ? 8 : 80); i > 0 && lives.another(); --i) {
    run_schedule<Step>(c, random_life(c, chunk, c.rounds(150, 20)), live);
  }
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::uint64_t small = chunk_for_faults(c);
  Quota quota = quota_for_faults(c);
  for (const Fault& fault : faults_of_writing()) {
    if (!quota.another()) return;
    at_each_primitive(
        c, fault, quota, [&] { return new_attempt(c, Way::replace, small + 1, small); },
        [](Attempt& attempt) { run_stages(attempt, Attempt::Stage::start, Attempt::Stage::close); },
        [&](Attempt& attempt, const std::string& what) {
          attempt.writer.reset();
          create_and_check(c, attempt.change.location, small + 2, "after a writer met " + what);
        });
  }
}

// CREATE-2 -----------------------------------------------------------------------------------------------------------------------

void create_2(Context& c) {
  for (const Way way : {Way::create, Way::replace, Way::append_first}) {
    if (way == Way::append_first && !c.has(Capability::append)) continue;
    for (const int empty_writes : {0, 1, 3}) {
      c.start_case();
      Change change = new_change(c, way, 0, 2 * scales(c).front() + 1);
      Writer writer = started(c, change);
      const std::array<std::byte, 1> something{};
      for (int i = 0; i < empty_writes; ++i) {
        c.require(writer.write({}), "write() of {nullptr, 0}");
        c.require(writer.write(std::span{something}.first(0)), "write() of an empty span");
      }
      expect_shown(c, change.location, change.before, "before close()");
      c.require(writer.close(), "close() without a byte written");
      c.expect_object(change.location, Object{}, "an object that was closed without a byte");
      c.require(change.location.remove(), "remove() of an empty object");
      c.expect_absent(change.location, "after remove() of an empty object");
    }
  }
  c.start_case();
  auto [location, content] = c.stored(0);
  for (int i = 0; i < 3; ++i) {
    c.store(location, Object{});
    c.expect_object(location, Object{}, "an empty object in the place of an empty one");
  }
  create_and_check(c, location, scales(c).front() + 1, "over an empty object");
}

// CREATE-3 -----------------------------------------------------------------------------------------------------------------------

// Handles opened before a writer: what they show is not touched either.
struct Early {
  std::vector<Reader> at_middle{};
  std::vector<Reader> at_end{};
  std::vector<ReaderAt> windows{};
};

Early open_early(Context& c, const Change& change) {
  Early early;
  if (!change.before) return early;
  std::vector<std::byte> half(static_cast<std::size_t>(change.before->size() / 2));
  const auto add = [&](auto&& open) {
    early.at_end.push_back(open());
    c.expect_rest(early.at_end.back(), *change.before, 0, change.before->size() + 1, "a reader opened before the writer");
    Reader reader = open();
    for (std::size_t done = 0; done < half.size();) {
      const std::size_t count = c.require(reader.read(std::span{half}.subspan(done)), "read() before the writer");
      c.check(count != 0 && count <= half.size() - done, "read() before the end returned " + std::to_string(count) + " bytes");
      done += count;
    }
    early.at_middle.push_back(std::move(reader));
  };
  add([&] { return c.require(change.location.open(), "open()"); });
  if (c.has(Capability::seeker)) add([&] { return c.require(change.location.open_seeker(), "open_seeker()"); });
  if (c.has(Capability::reader_at)) early.windows.push_back(c.require(change.location.open_reader_at(), "open_reader_at()"));
  return early;
}

void expect_early_untouched(Context& c, Early& early, const Change& change) {
  if (!change.before) return;
  const Object& old = *change.before;
  const std::string what = "a handle opened before the writer, before close()";
  for (Reader& reader : early.at_middle) expect_old_rest(c, reader, old, old.size() / 2, old.size() + 1, false, what);
  for (Reader& reader : early.at_end) expect_old_rest(c, reader, old, old.size(), 1, false, what);
  for (const ReaderAt& reader : early.windows) expect_old_windows(c, reader, old, false, what);
}

void create_3(Context& c) {
  Quota quota{c, 8};
  for (const std::uint64_t chunk : scales(c)) {
    for (const Way way : ways(c)) {
      for (const Sizes& pieces : {Sizes{3 * chunk + 1, 3 * chunk + 1, 3 * chunk + 1}, Sizes{1, chunk - 1, 1, chunk, 2 * chunk}}) {
        if (!quota.another()) return;
        c.start_case();
        std::uint64_t total = 0;
        for (const std::uint64_t piece : pieces) total += piece;
        Change change = new_change(c, way, total);
        Early early = open_early(c, change);
        Writer writer = started(c, change);
        expect_shown(c, change.location, change.before, "after the writer was opened");
        std::uint64_t done = 0;
        for (const std::uint64_t piece : pieces) {
          const std::uint64_t count = std::min(piece, change.size() - done);
          write_part(c, writer, change, done, count);
          done += count;
          expect_shown(c, change.location, change.before, "before close(), with " + std::to_string(done) + " bytes written");
        }
        expect_early_untouched(c, early, change);
        c.require(writer.close(), "close()");
        c.expect_object(change.location, change.after, "the object after close()");
      }
    }
  }
}

// CREATE-4 -----------------------------------------------------------------------------------------------------------------------

void create_4(Context& c) {
  Quota quota{c, 60};
  for (const std::uint64_t chunk : scales(c)) {
    const Sizes sizes = normalised({0, 1, chunk - 1, chunk, chunk + 1, 2 * chunk, 3 * chunk + 1}, c.most());
    // Long over short and short over long first: what is left of the old one, and what is missing of the new one.
    Location location = c.make();
    for (const std::uint64_t second : shuffled(sizes, c.random())) {
      for (const std::uint64_t first : shuffled(sizes, c.random())) {
        if (!quota.another()) return;
        c.start_case();
        const Object old = new_object(c, location, first);
        c.store(location, old);
        c.expect_object(location, old, "an object of " + std::to_string(first) + " bytes");
        const Object content = new_object(c, location, second);
        c.store(location, content);
        c.expect_object(location, content, std::to_string(second) + " bytes in the place of " + std::to_string(first));
        c.expect_object(location, content, "the same, read again");
      }
    }
    c.start_case();
    for (std::uint64_t i = c.rounds(24, 6); i > 0; --i) {
      const Object content = new_object(c, location, sizes[c.random()() % sizes.size()]);
      c.store(location, content, random_pieces(c.random(), content.size(), chunk + 1));
      if (i % 3 == 0) c.expect_object(location, content, "the last of several replacements in a row");
    }
    if (c.has(Capability::append)) {
      // A replacement is no extension of what append() brought there.
      Change change = new_change(c, Way::append, 2 * chunk + 1);
      Writer writer = started(c, change);
      write_part(c, writer, change, 0, change.size());
      c.require(writer.close(), "close() of an extension");
      create_and_check(c, change.location, chunk, "over an extended object");
    }
  }
}

// CREATE-5 -----------------------------------------------------------------------------------------------------------------------

void abandon_replacements(Context& c, std::uint64_t chunk, Quota& quota) {
  const Sizes written{1, 3 * chunk, chunk, chunk - 1, chunk + 1, 0};
  for (const std::uint64_t old_size : Sizes{3 * chunk + 1, chunk, 1, 0}) {
    for (const Way way : {Way::replace, Way::append}) {
      if (way == Way::append && !c.has(Capability::append)) continue;
      for (const std::uint64_t size : written) {
        if (!quota.another()) return;
        c.start_case();
        Change change = new_change(c, way, size, old_size);
        const std::string what = "an object after a writer over it was abandoned with " + std::to_string(size) + " bytes";
        for (int i = 0; i < 2; ++i) {
          {
            Writer writer = started(c, change);
            write_pieces(c, writer, change, even_pieces(change.size(), chunk / 2 + 1));
          }
          c.expect_object(change.location, *change.before, what);
        }
        Writer writer = started(c, change);
        write_part(c, writer, change, 0, change.size());
        c.require(writer.close(), "close() of the change, tried again");
        c.expect_object(change.location, change.after, "the change, tried again");
      }
    }
  }
}

void create_5(Context& c) {
  Quota abandoned{c, 12, 50};
  for (const std::uint64_t chunk : scales(c)) abandon_replacements(c, chunk, abandoned);
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::uint64_t chunk = chunk_for_faults(c);
  std::vector<Way> replacing{Way::replace};
  if (c.has(Capability::append)) replacing.push_back(Way::append);
  Quota faults = quota_for_faults(c);
  for (const Fault& fault : faults_of_writing()) {
    for (const Way way : replacing) {
      if (!faults.another()) return;
      at_each_primitive(
          c, fault, faults, [&] { return new_attempt(c, way, 3 * chunk + 1, chunk); },
          [](Attempt& attempt) { run_stages(attempt, Attempt::Stage::start, Attempt::Stage::close); },
          [&](Attempt& attempt, const std::string& what) {
            const std::optional<Object> seen = judge_attempt(c, attempt, what);
            attempt.writer.reset();
            expect_shown(c, attempt.change.location, seen, what + ", after the writer is gone");
          });
    }
  }
}

constexpr std::array all{
    Clause{.id = "CREATE-1",
           .rule = "create() succeeds whenever no writer is open: on a new location, after remove(), after a failed or abandoned writer",
           .look_here = "a constant name opened with O_EXCL; a flag 'writer open' that is only reset by a successful close()",
           .run = create_1},
    Clause{.id = "CREATE-2",
           .rule = "create() and close() without a byte commit an empty object",
           .look_here = "whether the store is only touched by the first byte",
           .run = create_2},
    Clause{.id = "CREATE-3",
           .rule = "before close() nothing new is visible: not_found for a first object, the old bytes for a replacement",
           .look_here = "a writer that opens, truncates or extends the committed object in place; metadata updated by write()",
           .run = create_3},
    Clause{.id = "CREATE-4",
           .rule = "a replacement is exact whatever the two lengths and whichever route reads it",
           .look_here = "the tail of a longer old object; a cache of size or chunks that a new create() does not drop",
           .run = create_4},
    Clause{.id = "CREATE-5",
           .rule = "an abandoned or definitely failed replacement leaves the old object readable and exact",
           .look_here = "chunks that are written under the old object's names; cleaning up that deletes the old object with the new one",
           .run = create_5},
    Clause{.id = "CREATE-6",
           .rule = "create() with a writer open is busy, or an independent writer where the last successful close wins; never a mixture",
           .look_here =
               "a second create() that re-points the first writer, or shares its chunks' names; the trait second_writer of the harness",
           .run = create_6},
};

}  // namespace

std::span<const Clause> create() { return all; }

}  // namespace hybridbuffer::conformance::clauses
