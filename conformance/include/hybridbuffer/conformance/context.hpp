#pragma once

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/handles.hpp>
#include <hybridbuffer/conformance/object.hpp>
#include <hybridbuffer/conformance/options.hpp>
#include <hybridbuffer/conformance/sizes.hpp>
#include <hybridbuffer/conformance/subject.hpp>
#include <hybridbuffer/conformance/trace.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {

/// The ways to read an object.
enum class Route : std::uint8_t { reader, seeker, reader_at, map };

/// What a clause works with: makes the locations under test, knows what they should hold, and checks it. A failed check ends the clause.
///
/// Threads: the thread that runs the clause, except where a member says otherwise.
class Context {
 public:
  Context(Subject& subject, TracePage& page, const Options& options);

  // What is known of the type under test ------------------------------------------------------------------------------------------

  [[nodiscard]] const Traits& traits() const noexcept { return traits_; }
  [[nodiscard]] const Hooks& hooks() const noexcept { return hooks_; }
  [[nodiscard]] Capabilities capabilities() const noexcept { return capabilities_; }
  [[nodiscard]] bool has(Capability capability) const noexcept { return capabilities_.has(capability); }
  /// Whether publish() with PublishMode::keep is more than a refusal.
  [[nodiscard]] bool publish_keeps() const noexcept { return traits_.publish_keep == PublishKeep::works; }
  [[nodiscard]] Subject& subject() noexcept { return *subject_; }
  [[nodiscard]] Tier tier() const noexcept { return options_.tier; }
  /// Whether the clause has a process of its own.
  [[nodiscard]] bool has_own_process() const noexcept { return options_.own_process; }
  [[nodiscard]] Random& random() noexcept { return random_; }
  [[nodiscard]] std::uint64_t seed() const noexcept { return options_.seed; }
  [[nodiscard]] Trace& trace() noexcept { return trace_; }

  /// The chunk sizes to try boundaries of: the declared one (or what set_chunk_size() made of it), else the assumed ones.
  [[nodiscard]] const Sizes& chunks() const noexcept { return chunks_; }
  /// The one chunk size where it is known, else the smallest assumed.
  [[nodiscard]] std::uint64_t chunk() const noexcept { return chunks_.front(); }
  /// Makes chunks of `n` bytes from the next make() on, so that many of them are cheap. Returns: whether the harness could.
  bool lower_chunk_size(std::uint64_t n);
  /// No object of this clause may be larger: the declared limit, and what the tier and the measured speed allow.
  [[nodiscard]] std::uint64_t most() const noexcept { return most_; }
  /// The declared limit alone: by the trait or the capability.
  [[nodiscard]] std::uint64_t declared_most() const noexcept { return declared_most_; }

  // Locations and contents --------------------------------------------------------------------------------------------------------

  /// A new location. The clause fails when it cannot be made.
  [[nodiscard]] Location make();
  /// The location of a process that is gone. Requires: subject().can_reattach().
  [[nodiscard]] Location reattach(std::string_view identity);
  /// New content of `size` bytes for that location: its own instance and generation.
  [[nodiscard]] Object object(const Location& location, std::uint64_t size);
  /// A stamp that was not used before, for pieces that are appended; up to `size` of its bytes may turn up.
  [[nodiscard]] Stamp stamp(const Location& location, std::uint64_t size);

  /// Writes `object`'s bytes [from, from + n) in pieces of at most 1 MiB. Every write must succeed.
  void write(Writer& writer, const Object& object, std::uint64_t from, std::uint64_t n);
  /// Writes it in the given pieces.
  void write(Writer& writer, const Object& object, const Sizes& pieces);
  /// create, write, close: all must succeed.
  void store(Location& location, const Object& object);
  void store(Location& location, const Object& object, const Sizes& pieces);
  /// A new location that holds `size` new bytes; `object` says which.
  [[nodiscard]] std::pair<Location, Object> stored(std::uint64_t size);

  // Checks: each counts; a failed one throws Failure ------------------------------------------------------------------------------

  [[noreturn]] void fail(std::string seen) const { throw Failure{std::move(seen)}; }
  void check(bool holds, std::string_view seen) {
    count_check();
    if (!holds) fail(std::string{seen});
  }
  /// The value of a call that must succeed. `what` says which: "close() after 3 writes".
  template <class T>
  T require(Result<T> result, std::string_view what) {
    count_check();
    if (!result) fail(std::string{what} + " must succeed, but failed: " + result.error().message());
    if constexpr (!std::is_void_v<T>) return std::move(*result);
  }
  /// A call that must fail, with one of these categories.
  template <class T>
  void expect_error(const Result<T>& result, std::initializer_list<errc> categories, std::string_view what) {
    count_check();
    if (result) fail(std::string{what} + " must be " + words(categories) + ", but succeeded");
    if (std::find(categories.begin(), categories.end(), result.error().code()) == categories.end()) {
      fail(std::string{what} + " must be " + words(categories) + ", but was: " + result.error().message());
    }
  }
  /// A call that must fail, whatever the category.
  template <class T>
  void expect_any_error(const Result<T>& result, std::string_view what) {
    count_check();
    if (result) fail(std::string{what} + " must fail, but succeeded");
  }
  /// `found` must be the object's bytes from `offset` on.
  void expect_bytes(const Object& object, std::uint64_t offset, std::span<const std::byte> found, std::string_view what);
  /// Reads on to the end, in pieces of `piece` bytes: exactly the object's bytes from `from` on must come, then the end, twice.
  void expect_rest(Reader& reader, const Object& object, std::uint64_t from, std::uint64_t piece, std::string_view what);
  /// The window [offset, offset + n) must be there exactly, cut off at the object's end.
  void expect_window(const ReaderAt& reader, const Object& object, std::uint64_t offset, std::uint64_t n);
  /// The location must show exactly `object`, on every route that the backend has.
  void expect_object(const Location& location, const Object& object, std::string_view what = "the object");
  /// The same on one route.
  void expect_object(const Location& location, const Object& object, Route route, std::string_view what);
  [[nodiscard]] std::vector<Route> routes() const;
  /// Every open must be `not_found`.
  void expect_absent(const Location& location, std::string_view what);
  /// Nothing may be left in the store but `objects` (hook stored_objects; nothing is checked without it). Returns: whether it was checked.
  bool expect_residue(std::size_t objects, std::string_view what);

  // Parts that cannot run, and how far it goes ------------------------------------------------------------------------------------

  /// Starts a new case within the clause: a failure shows the operations from here on.
  void start_case() noexcept { trace_.start_case(); }
  /// Notes that a part of the clause did not run, and why.
  void not_run(std::string reason);
  /// Whether the harness has the hook; notes the part that needs it as not run otherwise.
  ///     if (c.needs(c.hooks().inject, "inject")) { … }
  template <class Hook>
  [[nodiscard]] bool needs(const Hook& hook, std::string_view hook_name) {
    if (hook) return true;
    not_run("the harness has no usable " + std::string{hook_name} + "()");
    return false;
  }
  /// How many of `wanted` rounds, each of about one life cycle, the tier and the measured speed allow; `least` in any case.
  [[nodiscard]] std::uint64_t rounds(std::uint64_t wanted, std::uint64_t least = 1) const noexcept;
  /// True until the clause has used its share of time, and as long as it has checked nothing. For loops that may end early: their order
  /// must put what matters first.
  [[nodiscard]] bool time_left() const noexcept { return checks() == 0 || std::chrono::steady_clock::now() < deadline_; }
  /// What is left of that share, so that a clause can divide it among its parts.
  [[nodiscard]] std::chrono::nanoseconds remaining_time() const noexcept {
    return std::max(std::chrono::nanoseconds{0}, std::chrono::nanoseconds{deadline_ - std::chrono::steady_clock::now()});
  }
  /// How long a stochastic clause should run.
  [[nodiscard]] std::chrono::milliseconds stress_time() const noexcept;
  /// The largest size that was tried, for the report.
  void reached(std::uint64_t size) noexcept { reached_ = std::max(reached_, size); }

  // Faults ------------------------------------------------------------------------------------------------------------------------

  /// Arms a fault (hook inject). Returns: false, noted as not run, when the harness cannot make it.
  [[nodiscard]] bool inject(const Fault& fault);
  /// Disarms. Returns: how often the fault fired.
  std::uint64_t disarm();
  /// Calls `attempt(k)` with the fault armed at the k-th primitive, for k = 1, 2, … until a run ends without the fault having fired, or
  /// `most` runs were made. Returns: how many of them had the fault fire; 0 is noted as not run.
  std::uint64_t sweep(Fault fault, const std::function<void(std::uint64_t k)>& attempt, std::uint64_t most = 10'000);

  // Threads -----------------------------------------------------------------------------------------------------------------------

  /// Runs `work(i)` in `count` threads at once, all starting together; the first failure of one is the clause's.
  void in_threads(std::size_t count, const std::function<void(std::size_t)>& work);
  /// Counts a check that was not made through the context, in another thread for example. Threads: any.
  void count_check() noexcept { checks_.fetch_add(1, std::memory_order_relaxed); }

  // For the engine ----------------------------------------------------------------------------------------------------------------

  [[nodiscard]] std::uint64_t checks() const noexcept { return checks_.load(std::memory_order_relaxed); }
  [[nodiscard]] const std::vector<std::string>& parts_not_run() const noexcept { return not_run_; }
  [[nodiscard]] std::uint64_t size_reached() const noexcept { return reached_; }
  /// One life cycle, timed: what everything scales with. Lets the backend make what it keeps.
  void warm_up();

 private:
  void limit_sizes();
  [[nodiscard]] static std::string words(std::initializer_list<errc> categories) {
    std::string text;
    for (const errc category : categories) text.append(text.empty() ? "" : " or ").append(name_of(category));
    return text;
  }
  [[nodiscard]] std::chrono::milliseconds budget() const noexcept {
    using std::chrono::milliseconds;
    switch (options_.tier) {
      case Tier::quick: return milliseconds{400};
      case Tier::full: return milliseconds{3000};
      case Tier::slow: return milliseconds{60'000};
    }
    return milliseconds{400};
  }

  Subject* subject_;
  Options options_;
  Trace trace_;
  Random random_;
  Traits traits_;
  Hooks hooks_;
  Capabilities capabilities_;
  Sizes chunks_;
  std::uint64_t declared_most_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t most_ = 0;
  std::chrono::steady_clock::time_point deadline_;
  std::chrono::nanoseconds cycle_{0};
  StampDecoder decoder_;
  std::uint32_t generation_ = 0;
  std::atomic<std::uint64_t> checks_{0};
  std::vector<std::string> not_run_;
  std::uint64_t reached_ = 0;
};

}  // namespace hybridbuffer::conformance
