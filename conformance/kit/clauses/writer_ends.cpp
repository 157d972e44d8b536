#include "writer_clauses.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include "changes.hpp"
#include "faults.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// WRITER-6 to WRITER-8: what a writer's end does, and what cannot be done after it.

namespace hybridbuffer::conformance::clauses {
namespace {

// A change that is committed, with its closed writer.
struct Committed {
  Change change;
  Writer writer;
};

Committed committed(Context& c, Way way, std::uint64_t size) {
  c.start_case();
  Change change = new_change(c, way, size);
  Writer writer = started(c, change);
  write_part(c, writer, change, 0, change.size());
  c.require(writer.close(), "close()");
  return {std::move(change), std::move(writer)};
}

// WRITER-6 -----------------------------------------------------------------------------------------------------------------------

void close_again_after_success(Context& c, Way way, std::uint64_t size) {
  auto [change, writer] = committed(c, way, size);
  const Location& location = change.location;
  const auto close_again = [&](const std::string& when) {
    c.require(writer.close(), "another close() " + when + ", the first one succeeded");
  };
  for (int i = 0; i < 2; ++i) {
    close_again("at once");
    c.expect_object(location, change.after, "the object after another close()");
  }
  // Later writers are none of its business either.
  next_change(c, change, Way::replace, size / 2 + 1);
  Writer next = started(c, change);
  write_part(c, next, change, 0, change.size() / 2);
  close_again("with the next writer open");
  c.expect_object(location, *change.before, "the first object, after another close() with the next writer open");
  if (c.traits().second_writer == SecondWriter::busy) {
    c.expect_error(change.location.create(), {errc::busy}, "create() with a writer open, after another close() of the writer before it");
  }
  write_part(c, next, change, change.size() / 2, change.size() - change.size() / 2);
  c.require(next.close(), "close() of the next writer");
  close_again("after the next writer's");
  c.expect_object(location, change.after, "the second object, after another close() of the first one's writer");
  c.require(change.location.remove(), "remove()");
  close_again("after remove()");
  c.expect_absent(location, "after remove() and another close() of an old writer");
}

void close_again_after_failure(Context& c, Attempt& attempt, const std::string& what) {
  const Location& location = attempt.change.location;
  if (attempt.failed_at == Attempt::Stage::start) return;
  const bool write_failed = attempt.failed_at == Attempt::Stage::write;
  const Result<void> first = write_failed ? attempt.writer->close() : attempt.verdict;
  if (write_failed) c.expect_any_error(first, "close() after a write() that met " + what);
  const std::optional<Object> seen = write_failed ? attempt.change.before : expect_verdict(c, attempt.change, first, what);
  for (int i = 0; i < 3; ++i) {
    const Result<void> again = attempt.writer->close();
    if (first) c.require(again, "another close() after one that succeeded although it met " + what);
    else c.expect_error(again, {first.error().code()}, "another close() after one that failed (" + what + ")");
    expect_shown(c, location, seen, "after another close(), the first one met " + what);
  }
  attempt.writer.reset();
  expect_shown(c, location, seen, "after the writer is gone that met " + what);
}

}  // namespace

void writer_6(Context& c) {
  Quota quota{c, 8, 50};
  for (const std::uint64_t chunk : scales(c)) {
    for (const Way way : ways(c)) {
      for (const std::uint64_t size : Sizes{2 * chunk + 1, chunk, 0, 1}) {
        if (quota.another()) close_again_after_success(c, way, size);
      }
    }
  }
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::uint64_t chunk = chunk_for_faults(c);
  Quota faults = quota_for_faults(c);
  for (const Fault& fault : faults_of_writing()) {
    for (const Way way : ways(c)) {
      for (const Attempt::Stage first : {Attempt::Stage::close, Attempt::Stage::write}) {
        if (!faults.another()) return;
        const Attempt::Stage before = first == Attempt::Stage::close ? Attempt::Stage::write : Attempt::Stage::start;
        at_each_primitive(
            c, fault, faults,
            [&] {
              Attempt attempt = new_attempt(c, way, 2 * chunk + 1, chunk);
              run_stages(attempt, Attempt::Stage::start, before);
              return attempt;
            },
            [&](Attempt& attempt) { run_stages(attempt, first, Attempt::Stage::close); },
            [&](Attempt& attempt, const std::string& what) { close_again_after_failure(c, attempt, what); });
      }
    }
  }
}

// WRITER-7 -----------------------------------------------------------------------------------------------------------------------

void writer_7(Context& c) {
  Quota quota{c, 8};
  for (const std::uint64_t chunk : scales(c)) {
    for (const std::uint64_t size : Sizes{2 * chunk + 1, chunk, 0, 1}) {
      for (const Way way : ways(c)) {
        if (!quota.another()) return;
        Committed done = committed(c, way, size);
        const Location& location = done.change.location;
        for (const std::uint64_t more : Sizes{1, 3 * chunk + 1, chunk}) {
          const std::vector<std::byte> bytes(static_cast<std::size_t>(more), std::byte{0x5A});
          c.expect_error(done.writer.write(bytes), {errc::closed}, "write() of " + std::to_string(more) + " bytes after close()");
          if (c.has(Capability::gather)) {
            const std::array<std::span<const std::byte>, 2> pieces{std::span<const std::byte>{bytes}, std::span<const std::byte>{bytes}};
            c.expect_error(done.writer.write_pieces(pieces), {errc::closed}, "write() of a list after close()");
          }
          c.expect_object(location, done.change.after, "the object after write() after close()");
          c.require(done.writer.close(), "another close(), after a write() after close()");
          c.expect_object(location, done.change.after, "the object after write() and close() after close()");
        }
        done.writer.destroy();
        c.expect_object(location, done.change.after, "the object after its writer was destroyed");
      }
    }
  }
}

// WRITER-8 -----------------------------------------------------------------------------------------------------------------------

namespace {

struct Unwinding {};

// Destroys the writer by an exception that passes it: what a destructor throws or waits for then ends the process.
void abandon_by_unwinding(Context& c, Change& change, std::uint64_t piece) {
  bool caught = false;
  try {
    Writer writer = started(c, change);
    write_pieces(c, writer, change, even_pieces(change.size(), piece));
    throw Unwinding{};
  } catch (const Unwinding&) {
    caught = true;
  }
  c.check(caught, "the exception did not pass the writer");
}

}  // namespace

void writer_8(Context& c) {
  Quota quota{c, 16};
  for (const std::uint64_t chunk : scales(c)) {
    for (const std::uint64_t written : Sizes{3 * chunk, 0, 1, 3 * chunk + 1, chunk, chunk - 1}) {
      for (const Way way : ways(c)) {
        if (!quota.another()) return;
        c.start_case();
        Change change = new_change(c, way, written);
        const std::string what = "after a writer was destroyed with " + std::to_string(change.size()) + " bytes and without close()";
        {
          Writer writer = started(c, change);
          write_pieces(c, writer, change, even_pieces(change.size(), chunk));
        }
        expect_shown(c, change.location, change.before, what);
        abandon_by_unwinding(c, change, chunk / 2 + 1);
        expect_shown(c, change.location, change.before, what + ", by an exception");
        Writer writer = started(c, change);
        write_part(c, writer, change, 0, change.size());
        c.require(writer.close(), "close() after two writers were abandoned");
        c.expect_object(change.location, change.after, "the object after two writers were abandoned");
        writer.destroy();
        c.expect_object(change.location, change.after, "the object after its closed writer was destroyed");
      }
    }
  }
}

}  // namespace hybridbuffer::conformance::clauses
