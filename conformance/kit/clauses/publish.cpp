#include "clauses.hpp"

#include "extension.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

/// \file
/// PUBLISH: giving the object a lasting name.

namespace hybridbuffer::conformance::clauses {
namespace {

/// A name to publish to; what is there goes with it.
class Place {
 public:
  explicit Place(Context& c) : context_{&c}, name_{c.hooks().publish_destination()} {}
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  ~Place() {
    if (context_->hooks().remove_published) context_->hooks().remove_published(name_);
  }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::optional<std::vector<std::byte>> bytes() const { return context_->hooks().read_published(name_); }

  void expect(const Object& object, std::string_view what) const {
    Context& c = *context_;
    const auto found = bytes();
    const std::string text = "the destination " + std::string{what};
    c.check(found.has_value(), text + " must hold " + std::to_string(object.size()) + " bytes, and does not exist");
    c.expect_bytes(object, 0, std::span{*found}.first(static_cast<std::size_t>(std::min<std::uint64_t>(found->size(), object.size()))),
                   text);
    c.check(found->size() == object.size(),
            text + " holds " + std::to_string(found->size()) + " bytes, not " + std::to_string(object.size()));
  }
  void expect_absent(std::string_view what) const {
    const auto found = bytes();
    context_->check(!found, "the destination " + std::string{what} + " must not exist, and holds " +
                                std::to_string(found ? found->size() : 0) + " bytes");
  }
  /// `before` (nothing: it did not exist) or all of `after`.
  void expect_either(const std::optional<Object>& before, const Object& after, std::string_view what) const {
    const auto found = bytes();
    if (!found && !before) return context_->check(true, what);
    if (found && found->size() == after.size() && !after.first_difference(0, *found)) return context_->check(true, what);
    if (before) expect(*before, what);
    else expect(after, what);
  }

 private:
  Context* context_;
  std::string name_;
};

bool has_hooks(Context& c) {
  return c.needs(c.hooks().publish_destination, "publish_destination") && c.needs(c.hooks().read_published, "read_published") &&
         c.needs(c.hooks().remove_published, "remove_published");
}

constexpr std::array modes{PublishMode::replace, PublishMode::keep};

/// Gives the object a name that nobody has.
void publish_anew(Context& c, Location& location, const Place& place, std::string_view what) {
  c.require(location.publish(place.name(), c.publish_keeps() ? PublishMode::keep : PublishMode::replace), what);
}

/// publish(keep) to a name that is taken.
void expect_kept(Context& c, Location& location, const Place& place, std::string_view what) {
  const auto published = location.publish(place.name(), PublishMode::keep);
  if (c.publish_keeps()) c.expect_error(published, {errc::already_exists}, what);
  else c.expect_error(published, {errc::already_exists, errc::unsupported}, what);
}

bool is_only_refused(Context& c, PublishMode mode) { return mode == PublishMode::keep && !c.publish_keeps(); }

std::string named(PublishMode mode) { return mode == PublishMode::keep ? "publish(keep)" : "publish(replace)"; }

// No harness is needed to know that this names nothing.
void to_nowhere(Context& c) {
  for (const PublishMode mode : modes) {
    c.start_case();
    c.expect_any_error(c.make().publish({}, mode), named(mode) + " without an object");
    auto [location, object] = c.stored(std::min(c.chunk() + 1, extension_limit(c) - 3));
    c.expect_any_error(location.publish({}, mode), named(mode) + " to an empty name");
    c.expect_object(location, object, "the object after publish() to an empty name");
    if (c.has(Capability::append)) extend(c, location, object, 3);
    c.expect_object(location, object, "the object extended after publish() to an empty name");
    object = c.object(location, 2);
    c.store(location, object);
    c.expect_object(location, object, "the object replaced after publish() to an empty name");
  }
}

void every_size(Context& c) {
  Sizes sizes = few_sizes(boundaries(c), extension_limit(c) - 5);
  sizes = shuffled(std::move(sizes), c.random());
  sizes.insert(sizes.begin(), {std::min(2 * c.chunk() + 1, extension_limit(c) - 5), 0});
  std::uint64_t done = 0;
  for (const std::uint64_t size : sizes) {
    if (++done > 4 && !c.time_left()) return;
    for (const PublishMode mode : modes) {
      if (is_only_refused(c, mode)) continue;
      c.start_case();
      Place place{c};
      place.expect_absent("before publish()");
      auto [location, object] = c.stored(size);
      if (c.has(Capability::append) && done % 2 == 0) extend(c, location, object, 5);
      c.require(location.publish(place.name(), mode), named(mode));
      place.expect(object, "right after " + named(mode));
      c.expect_object(location, object, "the object after it was published");
      c.require(location.remove(), "remove() of a published object");
      c.expect_absent(location, "after remove() of a published object");
      place.expect(object, "after remove()");
      const Object next = c.object(location, size / 2 + 1);
      c.store(location, next);
      c.expect_object(location, next, "the next object after a published one");
      place.expect(object, "after the next object was stored");
      location.destroy();
      place.expect(object, "after the backend was destroyed");
    }
  }
}

// What was published is nobody's but the destination's.
void later_changes(Context& c) {
  const std::uint64_t unit = unit_of(c);
  using Change = std::pair<const char*, std::function<void(Location&, Object&)>>;
  // Some backends take no further change of a published object.
  const auto taken = [&](const auto& result, const char* what) {
    if (!result) c.expect_error(result, {errc::unsupported}, what);
    return result.has_value();
  };
  std::vector<Change> changes{{"a replacement",
                               [&](Location& l, Object& o) {
                                 o = c.object(l, unit);
                                 c.store(l, o);
                               }},
                              {"an abandoned replacement", [&](Location& l, Object&) {
                                 Writer writer = c.require(l.create(), "create() over a published object");
                                 c.require(writer.write(std::vector<std::byte>(static_cast<std::size_t>(unit) + 1)), "write()");
                               }}};
  if (c.has(Capability::append)) {
    changes.emplace_back("an extension", [&](Location& l, Object& o) {
      auto writer = l.append();
      if (!taken(writer, "append() to a published object")) return;
      const Object longer = longer_by(c, l, o, unit);
      c.write(*writer, longer, o.size(), unit);
      c.require(writer->close(), "close()");
      o = longer;
    });
  }
  if (c.has(Capability::shrink)) {
    changes.emplace_back("a shrink", [&](Location& l, Object& o) {
      if (taken(l.shrink(unit), "shrink() of a published object")) o.truncate(unit);
    });
  }
  for (const auto& [what, change] : changes) {
    c.start_case();
    Place place{c};
    auto [location, object] = c.stored(std::min(2 * unit + 1, extension_limit(c)));
    const Object published = object;
    c.require(location.publish(place.name(), PublishMode::replace), "publish()");
    for (int times = 0; times < 2; ++times) {
      change(location, object);
      place.expect(published, std::string{"after "} + what);
      c.expect_object(location, object, std::string{"the object after it was published, then "} + what);
    }
  }
  if (!c.has(Capability::discard)) return;
  c.start_case();
  Place place{c};
  auto [location, object] = c.stored(std::min(3 * unit, extension_limit(c)));
  c.require(location.publish(place.name(), PublishMode::replace), "publish()");
  static_cast<void>(taken(location.discard(0, object.size()), "discard() of a published object"));
  place.expect(object, "after a discard");
}

// What is published is what is committed, not what stands behind it.
void beside_pending_bytes(Context& c) {
  if (!c.has(Capability::append)) return;
  const std::uint64_t unit = unit_of(c);
  for (const std::uint64_t size : normalised({unit / 2 + 1, unit, unit + 7}, extension_limit(c) / 2)) {
    c.start_case();
    auto [location, object] = c.stored(size);
    const Place early{c};
    {
      const Object never = longer_by(c, location, object, pending_bytes(c, size));
      Writer writer = c.require(location.append(), "append()");
      write_tail(c, writer, never, size, unit / 2 + 1);
      const auto published = location.publish(early.name(), c.publish_keeps() ? PublishMode::keep : PublishMode::replace);
      if (!published) c.expect_error(published, {errc::busy}, "publish() with an extension open");
      if (published) early.expect(object, "that was published with an extension open");
      else early.expect_absent("after publish() that was busy");
    }
    const Place late{c};
    publish_anew(c, location, late, "publish() after an abandoned extension");
    late.expect(object, "that was published after an abandoned extension");
    c.expect_object(location, object, "the object after it was published beside an extension");
  }
}

// A destination that is a path, as who publishes to a file system has it.
bool is_path(const std::string& name) {
  struct stat found{};
  return name.starts_with('/') && ::lstat(name.c_str(), &found) == 0 && S_ISREG(found.st_mode);
}

// A name is taken when anything has it, also what leads nowhere.
void onto_other_kinds_of_file(Context& c) {
  c.start_case();
  const Place place{c};
  auto [location, object] = c.stored(std::min(c.chunk() + 1, extension_limit(c)));
  publish_anew(c, location, place, "publish() to a new name");
  if (!is_path(place.name())) return;
  for (const std::string& target : {place.name(), place.name() + "-that-is-not-there"}) {
    const Place link{c};
    if (::symlink(target.c_str(), link.name().c_str()) != 0) return;
    expect_kept(c, location, link, "publish(keep) onto a symbolic link");
    struct stat found{};
    c.check(::lstat(link.name().c_str(), &found) == 0 && S_ISLNK(found.st_mode),
            "publish(keep) onto a symbolic link took the link's place");
    place.expect(object, "that a symbolic link leads to");
    c.check(::access((place.name() + "-that-is-not-there").c_str(), F_OK) != 0, "publish(keep) wrote through a symbolic link");
    ::unlink(link.name().c_str());
  }
  for (const PublishMode mode : modes) {
    const Place directory{c};
    if (::mkdir(directory.name().c_str(), 0700) != 0) return;
    const auto published = location.publish(directory.name(), mode);
    ::rmdir(directory.name().c_str());
    c.expect_any_error(published, named(mode) + " onto a directory");
  }
}

std::size_t files_in_roots(Context& c) {
  std::size_t count = 0;
  for (const std::string& root : c.hooks().roots()) {
    std::error_code problem;
    for (std::filesystem::recursive_directory_iterator at{root, problem}, end; !problem && at != end; at.increment(problem)) ++count;
  }
  return count;
}

// Whatever publish() makes on its way goes with it, whether it comes to its end or not.
void leaves_nothing_beside(Context& c) {
  if (!c.hooks().roots) return;
  c.start_case();
  const std::uint64_t rounds = c.rounds(12, 3);
  std::vector<std::pair<Location, Object>> all;
  for (std::uint64_t i = 0; i < rounds; ++i) all.push_back(c.stored(std::min(c.chunk() + 1, extension_limit(c))));
  const Place taken{c};
  const auto expect_no_more = [&](const std::function<void(Location&)>& attempt, std::string_view what) {
    const std::size_t before = files_in_roots(c);
    for (auto& [location, object] : all) attempt(location);
    const std::size_t after = files_in_roots(c);
    c.check(after < before + rounds, std::to_string(rounds) + " times " + std::string{what} + " left " +
                                         std::to_string(after - std::min(before, after)) + " files beside the destination");
  };
  publish_anew(c, all.front().first, taken, "publish() to a new name");
  expect_no_more([&](Location& location) { expect_kept(c, location, taken, "publish(keep) onto something"); },
                 "publish(keep) onto something");
  expect_no_more([&](Location& location) { c.require(location.publish(taken.name(), PublishMode::replace), "publish(replace)"); },
                 "publish(replace)");
  expect_no_more(
      [&](Location& location) {
        const Place next{c};
        publish_anew(c, location, next, "publish() to a new name");
      },
      "publish() of what was then removed");
}

void onto_something(Context& c) {
  const std::uint64_t unit = unit_of(c);
  for (const std::uint64_t before : {std::uint64_t{2} * unit + 3, std::uint64_t{1}, std::uint64_t{0}}) {
    for (const bool by_same : {false, true}) {
      c.start_case();
      Place place{c};
      auto [first, old] = c.stored(std::min(before, extension_limit(c)));
      publish_anew(c, first, place, "publish() to a new name");
      Location other = c.make();
      Location& second = by_same ? first : other;
      const Object next = c.object(second, unit + 1);
      c.store(second, next);
      expect_kept(c, second, place, "publish(keep) onto something");
      place.expect(old, "after publish(keep) onto it");
      c.expect_object(second, next, "the object after publish(keep) onto something");
      c.require(second.publish(place.name(), PublishMode::replace), "publish(replace) onto something");
      place.expect(next, "after publish(replace) onto it");
      c.require(second.publish(place.name(), PublishMode::replace), "publish(replace) onto its own name");
      place.expect(next, "after publish(replace) onto its own name");
      expect_kept(c, second, place, "publish(keep) onto its own name");
      const Place elsewhere{c};
      c.require(second.publish(elsewhere.name(), PublishMode::replace), "publish() to a second name");
      elsewhere.expect(next, "that is the second of an object");
      place.expect(next, "that is the first of an object with two");
      second.destroy();
      place.expect(next, "after the backend was destroyed");
      elsewhere.expect(next, "that is the second, after the backend was destroyed");
    }
  }
}

void refused(Context& c) {
  for (const PublishMode mode : modes) {
    c.start_case();
    Place place{c};
    Location location = c.make();
    const auto expect_not_found = [&](const Result<void>& published, const std::string& what) {
      if (is_only_refused(c, mode)) c.expect_error(published, {errc::not_found, errc::unsupported}, what);
      else c.expect_error(published, {errc::not_found}, what);
    };
    expect_not_found(location.publish(place.name(), mode), named(mode) + " without an object");
    place.expect_absent("after publish() without an object");
    const Object object = c.object(location, std::min(c.chunk() + 1, extension_limit(c)));
    c.store(location, object);
    {
      const Object never = c.object(location, 100);
      Writer writer = c.require(location.create(), "create()");
      c.write(writer, never, 0, never.size());
      const auto published = location.publish(place.name(), mode);
      if (is_only_refused(c, mode)) c.expect_error(published, {errc::busy, errc::unsupported}, named(mode) + " while a writer is open");
      else if (!published) c.expect_error(published, {errc::busy}, named(mode) + " while a writer is open");
      if (published) place.expect(object, "after publish() while a writer is open");
      else place.expect_absent("after publish() that was busy");
    }
    c.expect_object(location, object, "the object after publish() while a writer was open");
    c.require(location.remove(), "remove()");
    expect_not_found(location.publish(Place{c}.name(), mode), named(mode) + " after remove()");
  }
}

// What is declared unsupported is refused, whatever the size, and changes nothing.
void refuses_to_keep(Context& c) {
  if (c.publish_keeps()) return;
  c.not_run("the trait publish_keep is unsupported: that publish(keep) takes a name which is free, and of several at once exactly one");
  for (const std::uint64_t size : normalised({0, 1, unit_of(c), 3 * unit_of(c) + 1}, extension_limit(c))) {
    c.start_case();
    const Place free{c};
    const Place taken{c};
    auto [first, old] = c.stored(unit_of(c) + 3);
    c.require(first.publish(taken.name(), PublishMode::replace), "publish(replace)");
    auto [location, object] = c.stored(size);
    for (int times = 0; times < 2; ++times) {
      c.expect_error(location.publish(free.name(), PublishMode::keep), {errc::unsupported},
                     "publish(keep), which is declared unsupported,");
      free.expect_absent("after publish(keep) that was refused");
      expect_kept(c, location, taken, "publish(keep) onto something");
      taken.expect(old, "after publish(keep) that was refused");
      c.expect_object(location, object, "the object after publish(keep) that was refused");
    }
    c.require(location.publish(free.name(), PublishMode::replace), "publish(replace) after publish(keep) that was refused");
    free.expect(object, "after publish(replace)");
  }
}

// Whoever looks sees the old or the new content, at any moment.
void at_once_and_whole(Context& c, std::size_t publishers) {
  c.start_case();
  const std::uint64_t size = std::min<std::uint64_t>(c.tier() == Tier::quick ? 300'000 : 3'000'000, extension_limit(c));
  const std::uint64_t rounds = c.rounds(c.tier() == Tier::quick ? 20 : 100, 2);
  Place place{c};
  std::vector<std::pair<Location, Object>> all;
  for (std::size_t i = 0; i < publishers + 1; ++i) all.push_back(c.stored(size - i * (size / 3)));
  c.require(all[0].first.publish(place.name(), PublishMode::replace), "publish()");
  std::atomic<std::size_t> running{publishers};
  std::atomic<std::uint64_t> looks{0};
  const auto last_end = std::chrono::steady_clock::now() + 20 * c.stress_time();
  c.in_threads(publishers + 1, [&](std::size_t i) {
    if (i < publishers) {
      // On a busy machine it takes longer until somebody looked in the middle of it.
      for (std::uint64_t round = 1; round <= rounds || (looks.load() < 4 * rounds && std::chrono::steady_clock::now() < last_end);
           ++round) {
        // One alone takes two objects by turns; of several each has its own.
        auto& [location, object] = all[publishers == 1 ? round % 2 : i];
        const auto published = location.publish(place.name(), PublishMode::replace);
        if (published) continue;
        --running;
        throw Failure{"publish(replace) must succeed, but failed: " + published.error().message()};
      }
      --running;
      return;
    }
    while (running.load() != 0) {
      const auto found = place.bytes();
      ++looks;
      if (!found) throw Failure{"the destination was gone while publish(replace) ran"};
      const bool whole = std::any_of(all.begin(), all.end(), [&](const auto& one) {
        return one.second.size() == found->size() && !one.second.first_difference(0, *found);
      });
      if (!whole)
        throw Failure{"the destination held " + std::to_string(found->size()) +
                      " bytes that are neither the old nor the new object, while publish(replace) ran"};
      c.count_check();
    }
  });
}

void one_of_several_keeps(Context& c) {
  if (!c.publish_keeps()) return;  // as refuses_to_keep() notes
  constexpr std::size_t count = 4;
  c.start_case();
  std::vector<std::pair<Location, Object>> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(c.stored(c.chunk() % 5000 + i));
  const auto end = std::chrono::steady_clock::now() + c.stress_time();
  const std::uint64_t least = c.rounds(60, 2);
  const std::uint64_t most = c.rounds(1000, 2);
  for (std::uint64_t round = 0; round < least || (round < most && std::chrono::steady_clock::now() < end); ++round) {
    c.start_case();
    Place place{c};
    std::array<std::optional<Result<void>>, count> results;
    c.in_threads(count, [&](std::size_t i) { results[i] = all[i].first.publish(place.name(), PublishMode::keep); });
    const auto succeeded = [](const auto& result) { return result->has_value(); };
    const auto winners = std::count_if(results.begin(), results.end(), succeeded);
    c.check(winners == 1, "of " + std::to_string(count) + " publish(keep) to one new name at once exactly one must succeed; " +
                              std::to_string(winners) + " did");
    const auto winner = static_cast<std::size_t>(std::find_if(results.begin(), results.end(), succeeded) - results.begin());
    for (std::size_t i = 0; i < count; ++i) {
      if (i != winner) c.expect_error(*results[i], {errc::already_exists}, "another of several publish(keep)");
    }
    place.expect(all[winner].second, "after several publish(keep) at once");
  }
}

bool publish_with_fault(Context& c, const Fault& fault, PublishMode mode, bool onto) {
  Place place{c};
  const std::uint64_t unit = unit_of(c);
  std::optional<Object> before;
  if (onto) {
    auto [first, old] = c.stored(unit + 3);
    publish_anew(c, first, place, "publish() to a new name");
    before = old;
  }
  auto [location, object] = c.stored(2 * unit + 1);
  ArmedFault armed{c, fault};
  if (!armed.is_armed()) return false;
  const auto published = location.publish(place.name(), mode);
  const bool fired = armed.disarm();
  const std::string what = "after " + named(mode) + " with a fault at primitive " + std::to_string(fault.k);
  if (is_only_refused(c, mode)) {
    c.expect_any_error(published, "publish(keep), which is declared unsupported,");
    place.expect_absent(what);
  } else if (published) place.expect(object, what);
  else if (published.error().is_indeterminate()) place.expect_either(before, object, what);
  else if (before) place.expect(*before, what);
  else place.expect_absent(what);
  c.expect_object(location, object, "the object " + what);
  c.require(location.publish(place.name(), PublishMode::replace), "publish(replace) " + what);
  place.expect(object, "after publish() was called again");
  return fired;
}

void failures(Context& c) {
  if (!c.needs(c.hooks().inject, "inject")) return;
  for (const bool for_ever : {false, true}) {
    for (const auto& [mode, onto] : {std::pair{PublishMode::replace, true}, {PublishMode::replace, false}, {PublishMode::keep, false}}) {
      for (const auto& [how, category] : {std::pair{FaultMode::error, errc::io},
                                          {FaultMode::error, errc::unavailable},
                                          {FaultMode::short_count, errc::io},
                                          {FaultMode::interrupted, errc::io},
                                          {FaultMode::error_after_effect, errc::timeout}}) {
        if (for_ever && how != FaultMode::error) continue;
        each_fault(c, {.mode = how, .category = category, .for_ever = for_ever},
                   [&](const Fault& fault) { return publish_with_fault(c, fault, mode, onto); });
      }
    }
  }
}

void publish_1(Context& c) {
  to_nowhere(c);
  if (!has_hooks(c)) return;
  refused(c);
  refuses_to_keep(c);
  failures(c);  // before what takes a time of its own: it goes on while there is some left
  onto_something(c);
  later_changes(c);
  beside_pending_bytes(c);
  onto_other_kinds_of_file(c);
  leaves_nothing_beside(c);
  at_once_and_whole(c, 1);
  at_once_and_whole(c, 2);
  one_of_several_keeps(c);
  every_size(c);
}

constexpr std::array all{
    Clause{.id = "PUBLISH-1",
           .rule = "the destination is exactly the object, appears at once and whole, and survives the backend; keep answers "
                   "already_exists, or unsupported where the harness declares that; a failure leaves the destination as it was",
           .look_here = "whether object and destination share bytes that a later change alters, and what is there while publish() works",
           .capability = Capability::publish,
           .run = publish_1},
};

}  // namespace

std::span<const Clause> publish() { return all; }

}  // namespace hybridbuffer::conformance::clauses
