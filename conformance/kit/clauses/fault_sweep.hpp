#pragma once

#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/harness.hpp>

#include <cstdint>
#include <utility>

/// \file
/// Many faults, one after the other: each is armed where the harness can make it, and disarmed however its scene ends.

namespace hybridbuffer::conformance::clauses {

/// Arms `fault` when the harness can make it. Unlike Context::inject() it does not note that it cannot: the caller tries many.
[[nodiscard]] inline bool arms(Context& c, const Fault& fault) {
  Trace::Entry entry{c.trace(), Operation::inject, Subjects::harness, 0, fault.k, 0};
  const bool armed = c.hooks().inject(fault);
  entry.succeed();
  return armed;
}

/// Disarms at the end of a scope, also when a check fails.
class Armed {
 public:
  explicit Armed(Context& c) noexcept : c_{&c} {}
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;
  ~Armed() { disarm(); }
  std::uint64_t disarm() {
    if (c_ != nullptr) fired_ = std::exchange(c_, nullptr)->disarm();
    return fired_;
  }

 private:
  Context* c_;
  std::uint64_t fired_ = 0;
};

/// Lets a sweep go on for a number of scenes that the store's speed allows, and beyond it while there is time: what is found must not
/// depend on how busy the machine is.
class Sweep {
 public:
  Sweep(const Context& c, std::uint64_t wanted, std::uint64_t least) : c_{&c}, sure_{c.rounds(wanted, least)} {}
  [[nodiscard]] bool goes_on() noexcept { return done_++ < sure_ || c_->time_left(); }

 private:
  const Context* c_;
  std::uint64_t sure_;
  std::uint64_t done_ = 0;
};

}  // namespace hybridbuffer::conformance::clauses
