#include "relay.hpp"

#include <chrono>
#include <new>
#include <string>
#include <thread>
#include <utility>

namespace spool {

using hybridbuffer::Error;
using hybridbuffer::Result;

namespace {

constexpr std::uint64_t portion = std::uint64_t{256} << 10U;  // what is read before the writing thread may have it

}  // namespace

Relay::Relay(Input& input, Output& output, Shortcut shortcut, BufferSource& buffers, Counters& counters, Console& console)
    : input_{input},
      output_{output},
      shortcut_{shortcut},
      buffers_{buffers},
      counters_{counters},
      console_{console},
      first_{buffers.make()},
      second_{buffers.make()} {}

Outcome Relay::run() {
  std::thread reading{[this] { take_in(); }};
  Outcome outcome;
  try {
    outcome = give_out();
  } catch (const std::bad_alloc&) {
    outcome = {ExitCode::failure, "out of memory"};
  }
  {
    const std::lock_guard guard{lock_};
    stopped_ = true;
  }
  drained_.notify_all();
  input_.stop();
  reading.join();
  for (const SpoolBuffer* buffer : {&first_, &second_}) {
    counters_.spills += buffer->stats().spills;
    counters_.spilled += buffer->stats().spilled;
  }
  return outcome.is_success() ? std::move(input_outcome_) : outcome;
}

// The thread that reads ------------------------------------------------------------------------------------------------------------

void Relay::take_in() {
  try {
    while (take_in_once()) {}
  } catch (const std::bad_alloc&) {
    end_input({ExitCode::failure, "out of memory"});
  }
}

bool Relay::take_in_once() {
  switch (input_.wait()) {
    case Input::Event::stopped: return false;
    case Input::Event::consumer_left: return end_input({ExitCode::consumer_left, {}}), false;
    case Input::Event::ready: break;
  }
  if (pass_by()) return true;
  const Result<void> filled = fill_back();
  if (!filled && !input_.failed() && means_full(filled.error())) {
    wait_for_room(filled.error());
    return true;
  }
  if (!filled) return end_input({ExitCode::failure, filled.error().message()}), false;
  if (input_.ended()) return end_input({}), false;
  return true;
}

bool Relay::pass_by() {
  {
    const std::lock_guard guard{lock_};
    if (!hungry_ || back_->unread() != 0) return false;
  }
  // Nothing is kept, and the writing thread waits until this one hands something over.
  const std::size_t moved = shortcut_.move();
  counters_.out.fetch_add(moved, std::memory_order_relaxed);  // first, for none of it is spooled
  counters_.add_in(moved);
  return moved != 0;
}

Result<void> Relay::fill_back() {
  {
    const std::lock_guard guard{lock_};
    filling_ = true;
    rooms_seen_ = rooms_made_;
  }
  Result<void> done;
  if (back_->unread() == 0 && back_->size() != 0) done = back_->reset();  // what the writing thread left is empty
  const std::uint64_t before = back_->size();
  if (done) {
    if (auto taken = input_.read_into(*back_, portion); !taken) done = std::unexpected{std::move(taken).error()};
  }
  counters_.add_in(back_->size() - before);
  hand_over();
  return done;
}

void Relay::hand_over() {
  const std::lock_guard guard{lock_};
  filling_ = false;
  if (hungry_ && swap_buffers()) fed_.notify_one();
}

void Relay::wait_for_room(const Error& error) {
  if (!std::exchange(told_, true)) console_.note("storage is full, so the producer waits for the consumer: " + buffers_.why_full(error));
  std::unique_lock guard{lock_};
  // Room may be made outside this program too: look again every second.
  drained_.wait_for(guard, std::chrono::seconds{1}, [this] { return stopped_ || rooms_made_ != rooms_seen_; });
}

void Relay::end_input(Outcome outcome) {
  const std::lock_guard guard{lock_};
  input_outcome_ = std::move(outcome);
  stopped_ = input_outcome_.code == ExitCode::consumer_left;
  filling_ = false;
  ended_ = true;
  fed_.notify_one();
}

// The thread that writes -----------------------------------------------------------------------------------------------------------

Outcome Relay::give_out() {
  while (next_front()) {
    while (front_->unread() != 0) {
      const Result<bool> gave_back = output_.take_from(*front_);
      if (!gave_back) return output_failure(gave_back.error());
      if (*gave_back) made_room();
    }
  }
  return {};
}

bool Relay::next_front() {
  std::unique_lock guard{lock_};
  if (!filling_ && swap_buffers()) return true;
  hungry_ = true;
  fed_.wait(guard, [this] { return !hungry_ || ended_; });
  if (!hungry_) return true;
  hungry_ = false;
  return !stopped_ && swap_buffers();
}

/// Requires: the lock, an empty front that nobody uses, and a back that nobody uses.
bool Relay::swap_buffers() {
  if (back_->unread() == 0) return false;
  std::swap(front_, back_);
  buffers_.set_stored_elsewhere(front_->stats().stored_held);
  hungry_ = false;
  ++rooms_made_;  // the new back is empty
  drained_.notify_one();
  return true;
}

void Relay::made_room() {
  const std::lock_guard guard{lock_};
  buffers_.set_stored_elsewhere(front_->stats().stored_held);
  ++rooms_made_;
  drained_.notify_one();
}

}  // namespace spool
