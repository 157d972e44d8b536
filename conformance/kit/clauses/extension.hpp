#pragma once

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// What the families that change a committed object share: extending it, and telling which of several contents it has.

namespace hybridbuffer::conformance::clauses {

/// Objects of the capability clauses are not larger: their rules are about boundaries, and size is tried by DATA and BIG.
[[nodiscard]] inline std::uint64_t extension_limit(const Context& c) {
  const unsigned by_tier = c.tier() == Tier::quick ? 20U : 23U;
  return std::min(c.most(), (std::uint64_t{1} << by_tier) + 2);
}

/// As many of `rounds` as can each extend an object of a byte by a byte.
[[nodiscard]] inline std::uint64_t fitting_rounds(const Context& c, std::uint64_t rounds) {
  return std::min(rounds, std::max<std::uint64_t>(extension_limit(c), 2) - 2);
}

/// The chunk sizes that fit into such an object, and the sizes at which a backend says that extensions cost least.
[[nodiscard]] inline Sizes boundaries(Context& c) {
  Sizes units = c.chunks();
  if (c.has(Capability::append_granularity)) units.push_back(std::max<std::uint64_t>(c.make().append_granularity(), 1));
  units = normalised(std::move(units), std::max<std::uint64_t>(extension_limit(c) / 3, 1));
  return units.empty() ? Sizes{1} : units;
}

/// A size for cases that try one only: the smallest boundary, as long as eight of them fit into an object.
[[nodiscard]] inline std::uint64_t unit_of(Context& c) {
  return std::max<std::uint64_t>(std::min(boundaries(c).front(), extension_limit(c) / 8), 1);
}

/// `object` with `n` new bytes behind it.
[[nodiscard]] inline Object longer_by(Context& c, const Location& location, const Object& object, std::uint64_t n) {
  Object longer = object;
  longer.append(c.stamp(location, object.size() + n), n);
  c.reached(longer.size());
  return longer;
}

/// How many bytes to write to an extension of `size` bytes so that they do not all wait in its writer: several chunks, and more than a
/// usual buffer.
[[nodiscard]] inline std::uint64_t pending_bytes(Context& c, std::uint64_t size) {
  const std::uint64_t wanted = 3 * unit_of(c) + 5 + std::min<std::uint64_t>(70'000, c.rounds(200, 1) * unit_of(c));
  return std::min(wanted, extension_limit(c) - size);
}

/// Writes what `longer` has beyond `from`, in pieces of `piece` bytes.
inline void write_tail(Context& c, Writer& writer, const Object& longer, std::uint64_t from, std::uint64_t piece) {
  while (from < longer.size()) {
    const std::uint64_t n = std::min(std::max<std::uint64_t>(piece, 1), longer.size() - from);
    c.write(writer, longer, from, n);
    from += n;
  }
}

/// append, write, close: all must succeed. `object` is extended by `n` new bytes.
inline void extend(Context& c, Location& location, Object& object, std::uint64_t n, std::uint64_t piece = std::uint64_t{1} << 20U) {
  Object longer = longer_by(c, location, object, n);
  Writer writer = c.require(location.append(), "append() to " + std::to_string(object.size()) + " bytes");
  write_tail(c, writer, longer, object.size(), piece);
  c.require(writer.close(),
            "close() of an extension from " + std::to_string(object.size()) + " to " + std::to_string(longer.size()) + " bytes");
  object = std::move(longer);
}

/// All bytes that a new reader delivers, or as many as `most` and one more.
[[nodiscard]] inline std::vector<std::byte> everything(Context& c, const Location& location, std::uint64_t most, std::string_view what) {
  const std::string text{what};
  Reader reader = c.require(location.open(), text + ": open()");
  std::vector<std::byte> found(static_cast<std::size_t>(most) + 1);
  std::size_t done = 0;
  while (done < found.size()) {
    const std::size_t count = c.require(reader.read(std::span{found}.subspan(done)), text + ": read() at " + std::to_string(done));
    c.check(count <= found.size() - done, text + ": read() returned " + std::to_string(count) + ", more than asked");
    if (count == 0) break;
    done += count;
  }
  found.resize(done);
  return found;
}

/// The location must show one of `candidates`, on every route. Returns: which. The last one is what a failure is described by.
inline Object expect_one_of(Context& c, const Location& location, const std::vector<Object>& candidates, std::string_view what) {
  std::uint64_t most = 0;
  for (const Object& candidate : candidates) most = std::max(most, candidate.size());
  const std::vector<std::byte> found = everything(c, location, most, what);
  for (const Object& candidate : candidates) {
    if (candidate.size() != found.size() || candidate.first_difference(0, found)) continue;
    c.expect_object(location, candidate, what);
    return candidate;
  }
  std::string sizes;
  for (const Object& candidate : candidates) sizes.append(sizes.empty() ? "" : " or ").append(std::to_string(candidate.size()));
  const auto same_size = std::find_if(candidates.rbegin(), candidates.rend(), [&](const Object& o) { return o.size() == found.size(); });
  if (same_size != candidates.rend()) c.expect_bytes(*same_size, 0, found, what);
  c.fail(std::string{what} + ": " + std::to_string(found.size()) + (found.size() > most ? " or more" : "") +
         " bytes are there, and it must be one whole content of " + sizes + " bytes");
}

/// Disarms a fault on every way out of a case.
class ArmedFault {
 public:
  ArmedFault(Context& c, const Fault& fault) : context_{&c}, armed_{c.inject(fault)} {}
  ArmedFault(const ArmedFault&) = delete;
  ArmedFault& operator=(const ArmedFault&) = delete;
  ~ArmedFault() {
    if (armed_) context_->disarm();
  }
  [[nodiscard]] bool is_armed() const noexcept { return armed_; }
  /// Returns: whether it fired.
  bool disarm() {
    armed_ = false;
    return context_->disarm() != 0;
  }

 private:
  Context* context_;
  bool armed_;
};

/// Runs `attempt(fault)` for the faults at k = 1, 2, … of what `attempt` does after it armed them, until one did not fire. `attempt` makes
/// an ArmedFault of what it is given and returns what disarm() said.
inline void each_fault(Context& c, Fault fault, const std::function<bool(const Fault&)>& attempt) {
  constexpr std::uint64_t most = 400;
  constexpr std::uint64_t least = 3;
  for (fault.k = 1; fault.k <= most; ++fault.k) {
    if (fault.k > least && !c.time_left()) return;
    c.start_case();
    if (!attempt(fault)) return;
  }
}

}  // namespace hybridbuffer::conformance::clauses
