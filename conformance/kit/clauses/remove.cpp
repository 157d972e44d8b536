#include "clauses.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include "changes.hpp"
#include "faults.hpp"
#include "watchers.hpp"

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
/// REMOVE: what is gone, and what may be left of it.

namespace hybridbuffer::conformance::clauses {
namespace {

void expect_nothing_left(Context& c, const Location& location, const std::string& what) {
  c.expect_absent(location, what);
  c.expect_residue(0, what);
}

// REMOVE-1 -----------------------------------------------------------------------------------------------------------------------

void remove_1(Context& c) {
  const std::uint64_t chunk = scales(c).front();
  const auto remove_thrice = [&](Location& location, const std::string& when) {
    for (int i = 1; i <= 3; ++i) {
      c.require(location.remove(), "remove() " + when + ", call " + std::to_string(i));
      c.expect_absent(location, "after remove() " + when);
    }
  };
  c.start_case();
  Location location = c.make();
  remove_thrice(location, "on a new location");
  for (const std::uint64_t size : Sizes{3 * chunk + 1, 0, 1, chunk}) {
    store_and_check(c, location, size, "an object stored after remove() of nothing");
    remove_thrice(location, "of an object of " + std::to_string(size) + " bytes");
  }
  for (const Way way : ways(c)) {
    c.start_case();
    Change change = new_change(c, way, chunk + 1);
    {
      Writer writer = started(c, change);
      write_part(c, writer, change, 0, change.size());
    }
    remove_thrice(change.location, "after a writer was abandoned");
    static_cast<void>(started(c, change));
    remove_thrice(change.location, "after a writer was abandoned without a byte");
    store_and_check(c, change.location, 2 * chunk, "an object stored after all that");
    remove_thrice(change.location, "of that object");
  }
  // Removing one is nothing to the others.
  c.start_case();
  auto [kept, content] = c.stored(chunk + 1);
  for (std::uint64_t i = c.rounds(20, 3); i > 0; --i) {
    Location other = c.make();
    c.require(other.remove(), "remove() on a new location");
    c.require(other.remove(), "remove() again");
  }
  c.expect_object(kept, content, "an object beside locations that were removed");
}

// REMOVE-2 -----------------------------------------------------------------------------------------------------------------------

// Every small number of chunks, and those round powers of two: the number may be rounded, and the last one be counted wrongly.
void remove_so_many_chunks(Context& c) {
  if (!c.hooks().stored_objects || !c.traits().chunk_size) return;
  Sizes counts = around({32, 64, 128, 256}, 1);
  for (std::uint64_t m = 2; m <= 20; ++m) counts.push_back(m);
  Quota quota{c, 20, 25};
  Location location = c.make();
  for (const std::uint64_t m : normalised(counts, c.most() / c.chunk())) {
    if (!quota.another()) return;
    for (const std::uint64_t more : {std::uint64_t{0}, std::uint64_t{1}}) {
      c.start_case();
      c.store(location, new_object(c, location, m * c.chunk() + more));
      c.require(location.remove(), "remove()");
      c.expect_residue(0, "after remove() of " + std::to_string(m) + " chunks and " + std::to_string(more) + " bytes");
    }
  }
}

void remove_2(Context& c) {
  remove_so_many_chunks(c);
  Quota quota{c, 8};
  for (const std::uint64_t chunk : scales(c)) {
    const std::vector<Sizes> lives{
        {3 * chunk + 1}, {3 * chunk + 1, 1, 2 * chunk}, {0}, {chunk, chunk, chunk}, {1, 3 * chunk, 0}, {0, chunk + 1}, Sizes(9, chunk + 1)};
    for (const Sizes& sizes : lives) {
      if (!quota.another()) return;
      c.start_case();
      Location location = c.make();
      for (const std::uint64_t size : sizes) store_and_check(c, location, size, "an object");
      c.require(location.remove(), "remove()");
      expect_nothing_left(c, location, "after remove() of the last of " + std::to_string(sizes.size()) + " objects");
      c.require(location.remove(), "remove() again");
      expect_nothing_left(c, location, "after a second remove()");
    }
    if (!c.has(Capability::append)) continue;
    c.start_case();
    Change change = new_change(c, Way::append, chunk + 1);
    for (const std::uint64_t size : Sizes{chunk / 2 + 1, chunk, 1}) {
      Writer writer = started(c, change);
      write_part(c, writer, change, 0, change.size());
      c.require(writer.close(), "close() of an extension");
      next_change(c, change, Way::append, size);
    }
    store_and_check(c, change.location, 1, "a replacement of an extended object");
    c.require(change.location.remove(), "remove()");
    expect_nothing_left(c, change.location, "after remove() of an object that took the place of an extended one");
  }
}

// REMOVE-3 -----------------------------------------------------------------------------------------------------------------------

enum class Ending : std::uint8_t { write_and_close, close, destroy, close_twice };

void end_writer(Writer& writer, const Change& change, std::uint64_t from, Ending ending) {
  // Any answer is right: what counts is that nothing comes of it.
  if (ending == Ending::write_and_close && from < change.size()) {
    static_cast<void>(writer.write(change.bytes(from, change.size() - from)));
  }
  if (ending != Ending::destroy) static_cast<void>(writer.close());
  if (ending == Ending::close_twice) static_cast<void>(writer.close());
  writer.destroy();
}

void remove_under_a_writer(Context& c, Way way, std::uint64_t size, std::uint64_t written, Ending ending) {
  c.start_case();
  Change change = new_change(c, way, size);
  written = std::min(written, change.size());
  Writer writer = started(c, change);
  write_part(c, writer, change, 0, written);
  c.require(change.location.remove(), "remove() with a writer open");
  c.expect_absent(change.location, "after remove(), with the writer still open");
  end_writer(writer, change, written, ending);
  expect_nothing_left(c, change.location, "after remove() and the end of the writer that was open (" + std::string{name_of(way)} + ")");
  store_and_check(c, change.location, 1, "the next object");
  c.require(change.location.remove(), "remove()");
  expect_nothing_left(c, change.location, "after the last remove()");
}

// The cut off writer ends after another one has committed, or before.
void successor_of_a_removed_writer(Context& c, Way way, std::uint64_t size, bool old_ends_first) {
  c.start_case();
  Change change = new_change(c, way, size);
  Writer old = started(c, change);
  write_part(c, old, change, 0, change.size() / 2);
  c.require(change.location.remove(), "remove() with a writer open");
  auto next = change.location.create();
  if (!next) {  // the old writer still counts as open
    c.expect_error(next, {errc::busy}, "create() after remove(), with the old writer still there");
    old.destroy();
    next = change.location.create();
  }
  Writer writer = c.require(std::move(next), "create() after remove()");
  const Object content = new_object(c, change.location, size / 2 + 3);
  c.write(writer, content, 0, content.size() / 2);
  const auto end_old = [&] {
    static_cast<void>(old.write(change.bytes(change.size() / 2, change.size() - change.size() / 2)));
    static_cast<void>(old.close());
  };
  if (old_ends_first) {
    end_old();
    c.expect_absent(change.location, "after a cut off writer's close()");
  }
  c.write(writer, content, content.size() / 2, content.size() - content.size() / 2);
  c.require(writer.close(), "close() of the writer that came after remove()");
  c.expect_object(change.location, content, "the object of the writer that came after remove()");
  if (!old_ends_first) end_old();
  c.expect_object(change.location, content, "the new object, after the cut off writer's close()");
  old.destroy();
  c.expect_object(change.location, content, "the new object, after the cut off writer was destroyed");
}

// A cut off writer has no place to free any more, and nothing to give back twice: the place is its successor's, and what it had written
// may be anybody's.
void end_beside_a_successor(Context& c, Way way, std::uint64_t size, bool closes) {
  c.start_case();
  Change change = new_change(c, way, size);
  Writer old = started(c, change);
  write_part(c, old, change, 0, change.size());
  c.require(change.location.remove(), "remove() with a writer open");
  auto next = change.location.create();
  if (!next) return c.expect_error(next, {errc::busy}, "create() after remove(), with the old writer still there");
  const Object content = new_object(c, change.location, size);
  c.write(*next, content, 0, content.size() / 2);
  if (closes) static_cast<void>(old.close());
  auto [other, other_content] = c.stored(size);
  old.destroy();
  if (c.traits().second_writer == SecondWriter::busy)
    c.expect_error(change.location.create(), {errc::busy}, "create() beside the successor of a cut off writer that has ended");
  auto [third, third_content] = c.stored(size);
  c.write(*next, content, content.size() / 2, content.size() - content.size() / 2);
  c.require(next->close(), "close() of the successor of a cut off writer that has ended");
  c.expect_object(change.location, content, "the object of a cut off writer's successor");
  c.expect_object(other, other_content, "another location's object, written before a cut off writer was destroyed");
  c.expect_object(third, third_content, "another location's object, written after a cut off writer was destroyed");
}

// D11: a writer that outlives its backend cannot commit.
void backend_gone_under_a_writer(Context& c, Way way, std::uint64_t size) {
  c.start_case();
  Change change = new_change(c, way, size);
  Writer writer = started(c, change);
  write_part(c, writer, change, 0, change.size() / 2);
  change.location.destroy();
  static_cast<void>(writer.write(change.bytes(change.size() / 2, change.size() - change.size() / 2)));
  c.expect_error(writer.close(), {errc::closed, errc::not_found}, "close() of a writer whose backend was destroyed");
  writer.destroy();
  c.expect_residue(0, "after a writer that outlived its backend");
}

void remove_3(Context& c) {
  Quota quota{c, 16};
  for (const Way way : ways(c)) {
    for (const bool closes : {false, true}) end_beside_a_successor(c, way, 3 * scales(c).front() + 1, closes);
  }
  for (const std::uint64_t chunk : scales(c)) {
    for (const Ending ending : {Ending::write_and_close, Ending::close, Ending::destroy, Ending::close_twice}) {
      for (const Way way : ways(c)) {
        for (const std::uint64_t written : Sizes{3 * chunk, 1, 0}) {
          if (!quota.another()) return;
          remove_under_a_writer(c, way, 3 * chunk + 1, written, ending);
        }
        if (ending == Ending::write_and_close || ending == Ending::close) {
          successor_of_a_removed_writer(c, way, 3 * chunk + 1, ending == Ending::close);
          backend_gone_under_a_writer(c, way, 3 * chunk + 1);
        }
      }
    }
  }
}

// REMOVE-4 -----------------------------------------------------------------------------------------------------------------------

void remove_4(Context& c) {
  if (!c.needs(c.hooks().stored_objects, "stored_objects")) return;
  Quota quota{c, 12, 50};
  for (const std::uint64_t chunk : scales(c)) {
    for (const Way way : ways(c)) {
      for (const std::uint64_t written : Sizes{3 * chunk, 3 * chunk + 1, 1, 0, chunk - 1}) {
        if (!quota.another()) break;
        c.start_case();
        Change change = new_change(c, way, written);
        for (int i = 0; i < 2; ++i) {
          Writer writer = started(c, change);
          write_pieces(c, writer, change, even_pieces(change.size(), chunk));
        }
        c.require(change.location.remove(), "remove()");
        expect_nothing_left(c, change.location,
                            "after remove() of what two abandoned writers left, " + std::to_string(written) + " bytes each");
      }
    }
  }
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::uint64_t chunk = chunk_for_faults(c);
  Quota faults = quota_for_faults(c);
  for (const Fault& fault : faults_of_writing()) {
    for (const Way way : ways(c)) {
      if (!faults.another()) return;
      at_each_primitive(
          c, fault, faults, [&] { return new_attempt(c, way, 3 * chunk + 1, chunk); },
          [](Attempt& attempt) { run_stages(attempt, Attempt::Stage::start, Attempt::Stage::close); },
          [&](Attempt& attempt, const std::string& what) {
            attempt.writer.reset();
            c.require(attempt.change.location.remove(), "remove() after a writer met " + what);
            expect_nothing_left(c, attempt.change.location, "after remove() of what a writer left that met " + what);
          });
    }
  }
}

// REMOVE-5 -----------------------------------------------------------------------------------------------------------------------

void remove_5(Context& c) {
  Quota quota{c, 6};
  for (const std::uint64_t chunk : scales(c)) {
    for (const std::uint64_t size : Sizes{3 * chunk + 1, chunk, 1, 0}) {
      for (const bool replaced : {false, true}) {
        if (!quota.another()) return;
        c.start_case();
        auto [location, object] = c.stored(size);
        {
          Watchers watchers{c, location, object, normalised({0, object.size() / 2, object.size()}, object.size())};
          const Result<void> removed = location.remove();
          if (!removed && c.traits().remove_while_reading == RemoveWhileReading::busy) {
            c.expect_error(removed, {errc::busy}, "remove() with readers open");
            watchers.expect_old(false, "after remove() was refused");
            c.expect_object(location, object, "the object after remove() was refused");
          } else {
            c.require(removed, "remove() with readers open");
            c.expect_absent(location, "after remove(), with readers open");
            watchers.expect_old(true, "after remove()");
            c.require(location.remove(), "remove() again, with readers open");
            if (replaced) store_and_check(c, location, size + 1, "a new object beside readers of a removed one");
            watchers.expect_old(true, "after remove() and what came later");
          }
        }
        c.require(location.remove(), "remove() once the readers are gone");
        expect_nothing_left(c, location, "after remove(), once the readers are gone");
        store_and_check(c, location, chunk, "the next object");
      }
    }
  }
}

// REMOVE-6 -----------------------------------------------------------------------------------------------------------------------

// A failed remove() may have removed a part; nobody may take what is left for the object.
void expect_whole_or_error(Context& c, const Location& location, const Object& object, const std::string& what) {
  auto reader = location.open();
  if (reader) expect_old_rest(c, *reader, object, 0, object.size() + 1, true, what);
}

struct Removal {
  Location location;
  Object object;
  Result<void> verdict{};
};

void judge_removal(Context& c, Removal& removal, const Fault& fault, const std::string& what) {
  Location& location = removal.location;
  if (removal.verdict) {
    expect_nothing_left(c, location, "after remove() met " + what + " and succeeded");
  } else {
    c.expect_error(removal.verdict, {fault.category}, "remove() that met " + what);
    expect_whole_or_error(c, location, removal.object, "after remove() failed with " + what);
    c.require(location.remove(), "remove() again, after it met " + what);
    expect_nothing_left(c, location, "after remove() succeeded that had met " + what + " before");
  }
  store_and_check(c, location, 1, "the next object");
  c.require(location.remove(), "remove() of the next object");
  expect_nothing_left(c, location, "after the last remove()");
}

void remove_6(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::uint64_t chunk = chunk_for_faults(c);
  const auto prepare = [&](std::uint64_t size, bool with_rest) {
    Location location = c.make();
    if (with_rest) {  // what a replaced object and an abandoned writer may have left is to be removed as well
      store_and_check(c, location, 2 * chunk + 1, "a first object");
      Writer writer = c.require(location.create(), "create()");
      c.write(writer, new_object(c, location, chunk), 0, chunk);
    }
    Object object = new_object(c, location, size);
    c.store(location, object);
    return Removal{std::move(location), std::move(object)};
  };
  Quota quota = quota_for_faults(c);
  std::uint64_t hits = 0;
  for (const auto& [size, with_rest] : {std::pair{3 * chunk + 1, true}, std::pair{std::uint64_t{0}, false}, std::pair{chunk, false}}) {
    for (const FaultMode mode : {FaultMode::error, FaultMode::error_after_effect}) {
      for (const errc category : {errc::permission, errc::unavailable, errc::io, errc::timeout}) {
        for (const bool for_ever : {false, true}) {
          if (!quota.another()) break;
          const Fault fault{.mode = mode, .category = category, .for_ever = for_ever};
          hits += at_each_primitive(
              c, fault, quota, [&] { return prepare(size, with_rest); },
              [](Removal& removal) { removal.verdict = removal.location.remove(); },
              [&](Removal& removal, const std::string& what) { judge_removal(c, removal, fault, what); });
        }
      }
    }
  }
  if (hits == 0) c.not_run("no fault fired in remove(): it has no primitive that fails this way");
}

constexpr std::array all{
    Clause{.id = "REMOVE-1",
           .rule = "remove() succeeds when there is nothing, any number of times",
           .look_here = "ENOENT that is passed through; a remove() that looks for a committed object first",
           .run = remove_1},
    Clause{.id = "REMOVE-2",
           .rule = "after remove() nothing is left: open() is not_found and the store is empty, for every object ever written there",
           .look_here = "only metadata, or only the newest generation, is deleted",
           .run = remove_2},
    Clause{.id = "REMOVE-3",
           .rule = "after remove() a writer that was open can never bring an object back",
           .look_here = "close() that commits without looking whether its location was removed meanwhile",
           .run = remove_3},
    Clause{.id = "REMOVE-4",
           .rule = "remove() after an abandoned or failed writer leaves nothing in the store",
           .look_here = "chunks that are only known to a writer, or counted by close()",
           .obligation = Obligation::hooked,
           .run = remove_4},
    Clause{.id = "REMOVE-5",
           .rule = "remove() with readers open succeeds (or is busy where declared), and nothing is left once they are gone",
           .look_here =
               "a sharing violation; storage that is unmapped or reused under a reader; the trait remove_while_reading of the harness",
           .run = remove_5},
    Clause{.id = "REMOVE-6",
           .rule = "a remove() that fails reports its category, and a later one removes everything",
           .look_here =
               "errors of a delete that are swallowed or taken for 'gone'; a list of chunks that is forgotten before they are deleted",
           .obligation = Obligation::hooked,
           .run = remove_6},
};

}  // namespace

std::span<const Clause> remove() { return all; }

}  // namespace hybridbuffer::conformance::clauses
