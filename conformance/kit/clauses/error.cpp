#include "../fault_scene.hpp"
#include "../life.hpp"
#include "../whole_life.hpp"
#include "clauses.hpp"
#include "fault_sweep.hpp"
#include "full_store.hpp"
#include "misuse.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// ERR: what a backend says, and does, when its store fails.

namespace hybridbuffer::conformance::clauses {
namespace {

constexpr std::array categories{errc::unavailable, errc::timeout,          errc::permission, errc::no_space,  errc::io,
                                errc::corrupted,   errc::limit_exceeded,   errc::busy,       errc::not_found, errc::already_exists,
                                errc::unsupported, errc::invalid_argument, errc::closed};

struct Attempt {
  bool armed = false;
  std::uint64_t fired = 0;
  std::optional<Error> error{};
};

// Performs the scene's operation under the fault, which is disarmed afterwards.
Attempt attempt(Context& c, FaultScene& scene, const Fault& fault) {
  if (!arms(c, fault)) return {};
  Armed armed{c};
  Attempt result{.armed = true};
  result.error = scene.perform();
  result.fired = armed.disarm();
  return result;
}

// Takes what a failed remove() may have left away.
void clean_up(Context& c, FaultScene& scene, std::string_view what) {
  scene.drop_handles();
  c.require(scene.location().remove(), std::string{what} + ": remove() once the store works again");
}

std::string described(Doing doing, const Fault& fault) {
  const std::string_view mode = fault.mode == FaultMode::error                ? "fails"
                                : fault.mode == FaultMode::short_count        ? "moves fewer bytes than asked"
                                : fault.mode == FaultMode::interrupted        ? "is interrupted"
                                : fault.mode == FaultMode::error_after_effect ? "fails after its effect"
                                                                              : "hangs";
  std::string text = std::string{name_of(doing)} + ", whose primitive " + std::to_string(fault.k) +
                     (fault.for_ever ? " and all later ones " : " ") + std::string{mode};
  const bool has_category = fault.mode == FaultMode::error || fault.mode == FaultMode::error_after_effect;
  return has_category ? text + " with " + std::string{name_of(fault.category)} : text;
}

// ERR-1 -------------------------------------------------------------------------------------------------------------------------------

// A missing piece is also a damaged object, and a vanished store.
// A commit that failed is looked for; when that fails as well, nobody knows whether it is there.
bool means(const Fault& fault, const Error& reported, Doing doing) {
  const errc native = fault.category;
  if (reported == native) return true;
  const bool reads = doing == Doing::open || doing == Doing::read || doing == Doing::open_seeker || doing == Doing::seek ||
                     doing == Doing::open_reader_at || doing == Doing::read_at || doing == Doing::map;
  if (fault.for_ever && !reads && reported.is_indeterminate()) return true;
  const bool transfers = doing == Doing::transfer_to || doing == Doing::transfer_from;
  if (transfers && reported == errc::unsupported) return true;  // "copy by hand"
  return native == errc::not_found && (reported == errc::corrupted || reported == errc::unavailable || reported == errc::io);
}

// A pair of descriptors that the store has no way between is no fault.
bool is_transfer(Doing doing) { return doing == Doing::transfer_to || doing == Doing::transfer_from; }

void err_1(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::vector<Doing> doings = doings_of(c);
  std::size_t reports = 0;
  std::size_t accepted = 0;
  Sweep sweep{c, 1500, 26};
  // Each turn tries every category once, and over the turns with every operation.
  for (std::uint64_t k = 1; k <= 4; ++k) {
    std::uint64_t fired = 0;
    for (std::size_t turn = 0; turn < doings.size(); ++turn) {
      for (std::size_t i = 0; i < categories.size(); ++i) {
        const Doing doing = doings[(turn + i) % doings.size()];
        for (const bool for_ever : {false, true}) {
          if ((for_ever && k > 1) || !sweep.goes_on()) continue;
          const Fault fault{.k = k, .category = categories[i], .for_ever = for_ever};
          if (!arms(c, fault)) continue;
          static_cast<void>(c.disarm());
          ++accepted;
          c.start_case();
          FaultScene scene{c, doing};
          const Attempt result = attempt(c, scene, fault);
          fired += result.fired;
          if (result.error && result.fired != 0) {
            ++reports;
            c.check(means(fault, *result.error, doing),
                    described(doing, fault) + ", must report that category, but reported: " + result.error->message());
          } else if (result.error && !(*result.error == errc::unsupported && is_transfer(doing))) {
            c.fail(std::string{name_of(doing)} + " failed although no primitive of the store did: " + result.error->message());
          }
          clean_up(c, scene, described(doing, fault));
        }
      }
    }
    if (fired == 0 || !sweep.goes_on()) break;
  }
  if (accepted == 0) c.not_run("the harness can inject no failure of any category");
  else if (reports == 0) c.not_run("no operation reported an injected failure");
}

// ERR-2 -------------------------------------------------------------------------------------------------------------------------------

void err_2(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  bool any = false;
  Sweep sweep{c, 1200, 40};
  for (std::uint64_t k = 1; k <= 6; ++k) {
    std::uint64_t fired = 0;
    for (const errc category : {errc::unavailable, errc::permission, errc::timeout, errc::io, errc::busy}) {
      for (const Doing doing : doings_of(c)) {
        for (const bool for_ever : {true, false}) {
          if (!sweep.goes_on()) break;
          c.start_case();
          const Fault fault{.k = k, .category = category, .for_ever = for_ever};
          FaultScene scene{c, doing};
          const Attempt result = attempt(c, scene, fault);
          if (!result.armed) break;
          fired += result.fired;
          any = any || result.fired != 0;
          const std::string what = described(doing, fault);
          if (result.error && result.fired != 0) {
            c.check(*result.error != errc::not_found,
                    what + ", reported not_found; the object may well be there: " + result.error->message());
          }
          scene.settle();
          clean_up(c, scene, what);
        }
      }
    }
    if (fired == 0) break;
  }
  if (!any) c.not_run("no fault fired in any operation");
}

// ERR-3 -------------------------------------------------------------------------------------------------------------------------------

void expect_tellable(Context& c, const Trace::SeenError& seen, const std::vector<std::string>& secrets) {
  const std::string message = seen.error.message();
  const std::string where = "the error of " + std::string{name_of(seen.operation)} + "()";
  c.check(!seen.error.operation().empty(), where + " does not say what was tried: " + message);
  c.check(name_of(seen.error.code()) != "unknown", where + " has a category that there is not");
  c.check(!message.empty() && message.find_first_not_of(" \t\n[]:") != std::string::npos, where + " has an empty message");
  const bool has_text = message.size() > name_of(seen.error.code()).size() + 3;
  c.check(has_text, where + " says nothing but its category: " + message);
  for (const std::string& secret : secrets) {
    const bool shows =
        !secret.empty() && (message.find(secret) != std::string::npos || seen.error.subject().find(secret) != std::string_view::npos ||
                            seen.error.native().message().find(secret) != std::string::npos);
    c.check(!shows, where + " shows a secret: " + message);
  }
}

void err_3(Context& c) {
  misuse_everything(c);
  Sweep sweep{c, 10, 3};
  const bool has_faults = c.needs(c.hooks().inject, "inject");
  for (std::size_t i = 0; has_faults && i < categories.size(); ++i) {
    for (const Doing doing : doings_of(c)) {
      const Fault fault{.k = 1 + i % 2, .category = categories[i]};
      c.start_case();
      FaultScene scene{c, doing};
      if (!attempt(c, scene, fault).armed) break;
      clean_up(c, scene, described(doing, fault));
    }
    if (!sweep.goes_on()) break;
  }
  const std::vector<std::string> secrets = c.needs(c.hooks().secrets, "secrets") ? c.hooks().secrets() : std::vector<std::string>{};
  const std::vector<Trace::SeenError> errors = c.trace().errors();
  for (const Trace::SeenError& seen : errors) expect_tellable(c, seen, secrets);
  c.check(!errors.empty(), "no operation reported an error, whatever was done wrong");
}

// ERR-4 -------------------------------------------------------------------------------------------------------------------------------

// SIGPIPE ends the process as it does by default, whatever the caller of the kit has made of it.
class DefaultPipeSignal {
 public:
  DefaultPipeSignal() {
    struct sigaction standard{};
    standard.sa_handler = SIG_DFL;
    ::sigaction(SIGPIPE, &standard, &before_);
  }
  DefaultPipeSignal(const DefaultPipeSignal&) = delete;
  DefaultPipeSignal& operator=(const DefaultPipeSignal&) = delete;
  ~DefaultPipeSignal() { ::sigaction(SIGPIPE, &before_, nullptr); }

 private:
  struct sigaction before_{};
};

struct Unwinding {};

// An exception passes over open handles of every kind. `location` is left with what it had.
void unwind_over_handles(Context& c, Location& location, const Object& content) {
  try {
    Writer writer = c.require(location.create(), "create()");
    c.write(writer, content, 0, content.size() / 2);
    const Reader reader = c.require(location.open(), "open()");
    std::vector<Reader> seekers;
    std::vector<ReaderAt> readers_at;
    std::vector<Window> windows;
    if (c.has(Capability::seeker)) seekers.push_back(c.require(location.open_seeker(), "open_seeker()"));
    if (c.has(Capability::reader_at)) readers_at.push_back(c.require(location.open_reader_at(), "open_reader_at()"));
    if (c.has(Capability::map)) windows.push_back(c.require(location.map(0, 8), "map()"));
    Location other = c.make();
    c.store(other, content);
    Writer outlived = c.require(other.create(), "create()");
    const Writer moved = outlived.moved();
    other.destroy();
    throw Unwinding{};
  } catch (const Unwinding&) {
    c.expect_object(location, content, "the object after an exception passed over open handles");
  }
}

void unwind_while_failing(Context& c, const Fault& fault) {
  for (const Doing doing : doings_of(c)) {
    c.start_case();
    FaultScene scene{c, doing};
    if (!arms(c, fault)) return;
    Armed armed{c};
    try {
      static_cast<void>(scene.perform());
      FaultScene* const unwound = &scene;
      struct Dropped {
        FaultScene* scene;
        ~Dropped() { scene->drop_handles(); }
      };
      const Dropped dropped{unwound};
      throw Unwinding{};
    } catch (const Unwinding&) {
      armed.disarm();
    }
    clean_up(c, scene, described(doing, fault));
  }
}

// The destructor of a location whose store fails. Only its last primitive fails, and has its effect: nothing is left behind.
void destroy_while_failing(Context& c) {
  if (!c.hooks().primitive_calls) return;
  const auto content_size = std::min<std::uint64_t>(c.chunk(), c.most());
  auto measured = c.stored(content_size);
  const std::uint64_t before = c.hooks().primitive_calls();
  measured.first.destroy();
  const std::uint64_t count = c.hooks().primitive_calls() - before;
  if (count == 0) return;
  for (const errc category : {errc::timeout, errc::permission}) {
    c.start_case();
    auto stored = c.stored(content_size);
    if (!arms(c, {.k = count, .mode = FaultMode::error_after_effect, .category = category})) continue;
    const Armed armed{c};
    stored.first.destroy();
  }
}

void err_4(Context& c) {
  const DefaultPipeSignal signal;
  misuse_everything(c);
  c.start_case();
  {
    auto [location, content] = c.stored(std::min<std::uint64_t>(2 * c.chunk() + 1, c.most() / 2));
    for (int i = 0; i < 3; ++i) unwind_over_handles(c, location, content);
  }
  if (!c.needs(c.hooks().inject, "inject")) return;
  Sweep sweep{c, 9, 2};
  for (const std::uint64_t k : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{4}}) {
    for (const errc category : {errc::unavailable, errc::io, errc::no_space}) {
      unwind_while_failing(c, {.k = k, .category = category, .for_ever = true});
      if (!sweep.goes_on()) break;
    }
  }
  destroy_while_failing(c);
}

// ERR-5 -------------------------------------------------------------------------------------------------------------------------------

// One life with the fault armed. Returns: how often it fired.
std::uint64_t live_with(Context& c, const Fault& fault) {
  c.start_case();
  Armed armed{c};
  auto made = c.subject().make();
  if (!made) {
    const std::uint64_t fired = armed.disarm();
    c.check(fired != 0, "make_backend() failed although no primitive of the store did");
    return fired;
  }
  Location location{c.trace(), std::move(*made)};
  std::vector<std::optional<Object>> possible;
  const auto error = live_until_error(c, location, possible);
  const std::uint64_t fired = armed.disarm();
  if (error) c.check(fired != 0, "an operation failed although no primitive of the store did: " + error->message());
  const std::string what = "after primitive " + std::to_string(fault.k) + " of a life failed" +
                           (error ? " and an operation reported " + std::string{name_of(error->code())} : " and nothing was reported");
  if (!possible.empty()) expect_one_of(c, location, possible, what);
  c.require(location.remove(), what + ": remove() once the store works again");
  c.expect_absent(location, what + ", and remove()");
  if (c.hooks().stored_objects) c.expect_residue(0, what + ", and remove()");
  if (fault.k % 8 == 1) expect_full_cycle(c, location, what);
  return fired;
}

void err_5(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  const std::array faults{Fault{.mode = FaultMode::error, .category = errc::io},
                          Fault{.mode = FaultMode::error_after_effect, .category = errc::timeout},
                          Fault{.mode = FaultMode::short_count},
                          Fault{.mode = FaultMode::interrupted},
                          Fault{.mode = FaultMode::error, .category = errc::unavailable},
                          Fault{.mode = FaultMode::error_after_effect, .category = errc::unavailable},
                          Fault{.mode = FaultMode::error, .category = errc::no_space, .for_ever = true}};
  // A life takes dozens of primitives. A store too slow for all of them is tried at some that are spread over it.
  const std::uint64_t affordable = c.rounds(4000, 4);
  const std::uint64_t stride = std::max<std::uint64_t>(2000 / affordable / 2, 1);
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < faults.size(); ++i) {
    Fault fault = faults[i];
    fault.k = 1 + i % stride;
    if (!arms(c, fault)) {
      c.not_run("the harness cannot make a primitive fail in one of the modes error, short_count, interrupted, error_after_effect");
      continue;
    }
    // Where a life has very many primitives the later ones are tried ever more thinly.
    for (std::uint64_t lives = 0; fault.k < 10'000; fault.k += stride + ++lives / 50) {
      static_cast<void>(arms(c, fault));
      const std::uint64_t fired = live_with(c, fault);
      if (fired == 0) break;
      ++hits;
    }
  }
  static_cast<void>(c.disarm());
  if (hits == 0) c.not_run("no fault fired in a whole life");
}

// ERR-6 -------------------------------------------------------------------------------------------------------------------------------

void err_6(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  bool any = false;
  const std::array faults{Fault{.category = errc::unavailable}, Fault{.category = errc::io},
                          Fault{.mode = FaultMode::error_after_effect, .category = errc::timeout}, Fault{.mode = FaultMode::short_count},
                          Fault{.mode = FaultMode::interrupted}};
  Sweep sweep{c, 800, 20};
  for (std::uint64_t k = 1; k <= 8; ++k) {
    std::uint64_t fired = 0;
    for (Fault fault : faults) {
      fault.k = k;
      for (const Doing doing : doings_of(c)) {
        if (!sweep.goes_on()) break;
        c.start_case();
        FaultScene scene{c, doing};
        const Attempt result = attempt(c, scene, fault);
        if (!result.armed) break;
        fired += result.fired;
        const std::string what = "after " + described(doing, fault);
        scene.settle();
        expect_full_cycle(c, scene.location(), what);
      }
    }
    any = any || fired != 0;
    if (fired == 0) break;
  }
  if (!any) c.not_run("no fault fired in any operation");
}

// ERR-8 -------------------------------------------------------------------------------------------------------------------------------

using Clock = std::chrono::steady_clock;

void err_8(Context& c) {
  using std::chrono::milliseconds;
  if (!c.traits().op_deadline) return c.not_run("the harness declares no op_deadline");
  if (!c.needs(c.hooks().inject, "inject")) return;
  const milliseconds deadline = *c.traits().op_deadline;
  if (deadline > milliseconds{5000}) return c.not_run("an op_deadline of more than 5 s is not waited for");
  // A scheduler's delay on top, nothing more: what waits for ever is far beyond it.
  const milliseconds bound = 2 * deadline + milliseconds{1000};
  const auto share = c.tier() == Tier::quick ? milliseconds{1500} : milliseconds{15'000};
  const auto end = Clock::now() + std::max(share, 4 * deadline);
  const auto timed = [&](const std::string& what, const std::function<void()>& operation) {
    const auto start = Clock::now();
    operation();
    const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - start);
    c.check(took <= bound, what + " took " + std::to_string(took.count()) + " ms; the declared op_deadline is " +
                               std::to_string(deadline.count()) + " ms");
  };
  std::uint64_t hits = 0;
  std::vector<Doing> doings = doings_of(c);
  std::shuffle(doings.begin(), doings.end(), c.random());
  // What a broken backend blocks in first.
  for (const Doing first : {Doing::abandon, Doing::close, Doing::read})
    std::rotate(doings.begin(), std::find(doings.begin(), doings.end(), first), doings.end());
  for (std::uint64_t k = 1; k <= 4; ++k) {
    for (const Doing doing : doings) {
      for (const bool for_ever : {true, false}) {
        if (hits > 3 && Clock::now() > end) return;
        c.start_case();
        const Fault fault{.k = k, .mode = FaultMode::hang, .category = errc::timeout, .for_ever = for_ever};
        FaultScene scene{c, doing};
        if (!arms(c, fault)) return c.not_run("the harness cannot make a primitive hang");
        Armed armed{c};
        std::optional<Error> error;
        timed(described(doing, fault), [&] { error = scene.perform(); });
        timed("destroying the handles after " + described(doing, fault), [&] { scene.drop_handles(); });
        const std::uint64_t fired = armed.disarm();
        hits += fired != 0 ? 1 : 0;
        if (error && fired != 0)
          c.check(*error == errc::timeout, described(doing, fault) + ", must report timeout, but reported: " + error->message());
        clean_up(c, scene, "after " + described(doing, fault));
      }
    }
  }
  if (hits == 0) c.not_run("no primitive hung");
}

constexpr std::array all{
    Clause{.id = "ERR-1",
           .rule = "a failure of the store is reported with its category",
           .look_here = "the table from the store's codes to categories, and places that report io for everything",
           .obligation = Obligation::hooked,
           .run = err_1},
    Clause{.id = "ERR-2",
           .rule = "not_found only if the object is certainly absent; no failure of the store becomes not_found or a success",
           .look_here = "open() and remove() that take every failure for a missing object",
           .obligation = Obligation::hooked,
           .run = err_2},
    Clause{.id = "ERR-3",
           .rule = "errors say what was tried and what went wrong, and show no secret",
           .look_here = "texts made from addresses, headers and credentials",
           .run = err_3},
    Clause{.id = "ERR-4",
           .rule = "no exception, abort or signal leaves an operation or a destructor, also while another exception unwinds",
           .look_here = "library calls that throw, destructors that close with a check, writes to a broken connection",
           .run = err_4},
    Clause{.id = "ERR-5",
           .rule = "whichever primitive fails, and however: an error is reported or the result is right, and remove() leaves nothing",
           .look_here = "results of primitives that are not looked at: short counts, EINTR, cleaning up",
           .obligation = Obligation::hooked,
           .run = err_5},
    Clause{.id = "ERR-6",
           .rule = "after a failure that passes the same instance completes a full new cycle",
           .look_here = "flags that are set before a primitive and not taken back when it fails",
           .obligation = Obligation::hooked,
           .run = err_6},
    Clause{.id = "ERR-7",
           .rule = "a full store is no_space: nothing new is visible, and the space is back after remove()",
           .look_here = "short writes that are taken for whole ones, and pieces that a failed writer leaves",
           .run = err_7},
    Clause{.id = "ERR-8",
           .rule = "a store that does not answer is a timeout within op_deadline, and destroying a handle never hangs",
           .look_here = "waits without a limit, retries that add up, destructors that flush",
           .obligation = Obligation::gated,
           .run = err_8},
};

}  // namespace

std::span<const Clause> error() { return all; }

}  // namespace hybridbuffer::conformance::clauses
