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
#include <vector>

/// \file
/// WRITER-9 and WRITER-10: what a writer says of a fault, and what it leaves visible.

namespace hybridbuffer::conformance::clauses {
namespace {

using Stage = Attempt::Stage;

struct Load {
  std::uint64_t size;
  std::uint64_t piece;
};

// Runs the attempt with the fault in the stages from `first` to `last`; `judge` gets it with the rest still to do.
template <class Judge>
std::uint64_t with_faults_in(Context& c, const Fault& fault, const Quota& quota, Way way, Load load, Stage first, Stage last,
                             const Judge& judge) {
  const auto prepare = [&] {
    Attempt attempt = new_attempt(c, way, load.size, load.piece);
    attempt.gathered = c.has(Capability::gather) && c.random()() % 2 == 0;
    if (first == Stage::write) run_stages(attempt, Stage::start, Stage::start);
    if (first == Stage::close) run_stages(attempt, Stage::start, Stage::write);
    if (attempt.failed_at != Stage::none) c.require(attempt.verdict, "writing before the fault");
    return attempt;
  };
  return at_each_primitive(c, fault, quota, prepare, [&](Attempt& attempt) { run_stages(attempt, first, last); }, judge);
}

// WRITER-9 -----------------------------------------------------------------------------------------------------------------------

// What a writer must refuse after a write() that failed.
void go_on_after_failure(Context& c, Attempt& attempt, std::uint64_t chunk, const std::string& what) {
  const Change& change = attempt.change;
  const std::string after = " after a write() that met " + what;
  expect_shown(c, change.location, change.before, "right" + after);
  for (const std::uint64_t more : Sizes{1, chunk, 3 * chunk + 1}) {
    const std::vector<std::byte> bytes(static_cast<std::size_t>(more), std::byte{0x5A});
    c.expect_any_error(attempt.writer->write(bytes), "write() of " + std::to_string(more) + " bytes" + after);
    if (!c.has(Capability::gather)) continue;
    const std::array<std::span<const std::byte>, 1> list{std::span<const std::byte>{bytes}};
    c.expect_any_error(attempt.writer->write_pieces(list), "write() of a list" + after);
  }
  for (int i = 0; i < 2; ++i) {
    c.expect_any_error(attempt.writer->close(), "close()" + after);
    expect_shown(c, change.location, change.before, "after close()" + after);
  }
  attempt.writer.reset();
  expect_shown(c, change.location, change.before, "once the writer is gone," + after);
}

}  // namespace

void writer_9(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::uint64_t chunk = chunk_for_faults(c);
  Quota quota = quota_for_faults(c);
  std::uint64_t hits = 0;
  for (const Load load : {Load{3 * chunk + 1, chunk}, Load{3 * chunk + 1, 3 * chunk + 1}, Load{2 * chunk, chunk / 2 + 1}}) {
    for (const Fault& fault : faults_of_writing()) {
      for (const Way way : ways(c)) {
        if (!quota.another()) break;
        hits += with_faults_in(c, fault, quota, way, load, Stage::write, Stage::write, [&](Attempt& attempt, const std::string& what) {
          if (attempt.failed_at == Stage::write) {
            go_on_after_failure(c, attempt, chunk, what);
          } else {  // it was made good, or will be told by close()
            run_stages(attempt, Stage::close, Stage::close);
            static_cast<void>(judge_attempt(c, attempt, what));
          }
        });
      }
    }
  }
  if (hits == 0) c.not_run("no fault fired in write(): it has no primitive that fails this way");
}

// WRITER-10 ----------------------------------------------------------------------------------------------------------------------

void writer_10(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::uint64_t chunk = chunk_for_faults(c);
  const auto judge = [&](Attempt& attempt, const std::string& what) {
    const std::optional<Object> seen = judge_attempt(c, attempt, what);
    attempt.writer.reset();
    expect_shown(c, attempt.change.location, seen, what + ", once the writer is gone");
    // Whatever was seen is an object like any other: it can be replaced.
    const Object next = new_object(c, attempt.change.location, 1);
    c.store(attempt.change.location, next);
    c.expect_object(attempt.change.location, next, "the next object, after " + what);
  };
  Quota quota = quota_for_faults(c);
  std::uint64_t hits = 0;
  for (const Stage first : {Stage::close, Stage::start}) {
    for (const Load load :
         {Load{3 * chunk + 1, chunk}, Load{2 * chunk, 2 * chunk}, Load{1, 1}, Load{0, 1}, Load{chunk + 1, chunk / 2 + 1}}) {
      for (const Fault& fault : faults_of_writing()) {
        for (const Way way : ways(c)) {
          if (quota.another()) hits += with_faults_in(c, fault, quota, way, load, first, Stage::close, judge);
        }
      }
    }
  }
  if (hits == 0) c.not_run("no fault fired in close(): it has no primitive that fails this way");
}

}  // namespace hybridbuffer::conformance::clauses
