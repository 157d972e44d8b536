#pragma once

#include "problems.hpp"

#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <servers/fault_proxy.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

/// \file
/// Every fault of a proxy on every operation of a store: what the tests of the remote backends share.

namespace hybridbuffer::testing {

struct FaultCase {
  std::string_view name;
  servers::Fault fault;
  std::vector<errc> categories;             // of the failure, when it lasts
  std::vector<std::string_view> only = {};  // operations that it can happen to; empty: all
  bool needs_new_connection = false;        // it happens when the client connects
  bool is_tls = false;                      // between client and proxy
  bool may_succeed = false;                 // also when it lasts: it takes nothing away

  [[nodiscard]] bool concerns(std::string_view operation) const {
    return only.empty() || std::find(only.begin(), only.end(), operation) != only.end();
  }
};

/// A flip that is counted from the beginning of the message and not of its body.
inline servers::Fault in_head(servers::Fault flip) {
  flip.in_body = false;
  return flip;
}

template <class Place, class Backend>
struct FaultedOperation {
  using Step = std::function<Result<void>()>;

  std::string_view name;
  /// On a location that holds an object of three pieces. An error of its own category says that what it says to have done is not so.
  std::function<Result<void>(Place&, Backend&)> run{};
  std::chrono::steady_clock::duration longest{};
  /// In place of `run`: what is done before the fault comes, with a handle that stays open. Returns what is done then, once.
  std::function<Step(Place&, Backend&)> begin = {};

  [[nodiscard]] Step begun(Place& place, Backend& backend) const {
    if (begin) return begin(place, backend);
    return [this, &place, &backend] { return run(place, backend); };
  }
};

/// What must hold when an operation says to have succeeded.
inline Result<void> right_if(bool is_right) {
  if (!is_right) return failure(errc::invalid_argument, "look at what an operation did: it is wrong");
  return {};
}

/// Before and after a fault: the short times of these tests may pass on a busy machine although nothing is wrong.
template <class Function>
bool in_the_end(Function&& succeeds) {
  for (int again = 0; again < 50; ++again) {
    if (succeeds()) return true;
  }
  return false;
}

/// What `make()` makes, before a fault. Throws: std::bad_expected_access.
template <class Make>
auto made_in_the_end(Make&& make) {
  auto made = make();
  for (int again = 0; again < 50 && !made; ++again) made = make();
  return std::move(made).value();
}

/// Calls meet(case, operation, what it is in words, problems) for each of the cases with each operation, some side by side: they mostly
/// wait. Where they share a proxy: one after the other.
template <class Operation, class Meet>
void meet_all(const std::vector<const FaultCase*>& cases, const std::vector<Operation>& operations, std::string_view how, Meet&& meet,
              int side_by_side = 8) {
  Problems problems;
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < cases.size() * operations.size(); i = next++) {
      const FaultCase& one = *cases[i / operations.size()];
      const Operation& operation = operations[i % operations.size()];
      if (!one.concerns(operation.name)) continue;
      const std::string what = std::string{one.name} + " " + std::string{how} + " while it should " + std::string{operation.name};
      try {
        meet(one, operation, what, problems);
      } catch (const std::exception& error) {
        problems.expect(false, what + ": " + error.what());
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < side_by_side; ++i) threads.emplace_back(work);
  for (std::thread& thread : threads) thread.join();
  problems.report();
}

/// Anything may hold up a process on a busy machine: a call that took too long is to be in time when it is made again.
template <class Meet>
void meet_in_time(std::chrono::steady_clock::duration longest, const std::string& what, Problems& problems, Meet&& meet) {
  const auto most = longest + longest / 10;
  auto took = meet();
  for (int again = 0; again < 4 && took > most; ++again) took = meet();
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(took).count();
  problems.expect(took <= most, what + ": took " + std::to_string(milliseconds) + " ms");
}

inline std::vector<const FaultCase*> pointers_to(const std::vector<FaultCase>& some, std::vector<const FaultCase*> all = {}) {
  for (const FaultCase& one : some) all.push_back(&one);
  return all;
}

}  // namespace hybridbuffer::testing
