#pragma once

#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/detail/quiet_thread.hpp>

#include <atomic>
#include <memory>
#include <thread>

namespace hybridbuffer::inline v0_1::detail {

/// A thread that runs one job at a time.
///
/// Owns the thread, which is started with the first job and joined by the destructor, after its last job. What the job wrote is visible
/// to whoever saw it end. A forked child has no such thread: a job that ran at the fork stays unfinished there, and nobody waits for it.
/// Threads: has_ended(), wait() and is_lost() from any number at once; the rest one at a time.
class BackgroundWorker {
 public:
  /// What a job is: must not throw.
  using Job = void (*)(void* context) noexcept;

  BackgroundWorker() noexcept = default;
  BackgroundWorker(const BackgroundWorker&) = delete;
  BackgroundWorker& operator=(const BackgroundWorker&) = delete;
  ~BackgroundWorker() { stop(); }

  /// Runs job(context) on the thread. Requires: no job is running.
  /// Errors: std::bad_alloc, and std::system_error where the system gives no thread; the job does not run then.
  void start(Job job, void* context) {
    if (!thread_ || thread_->owner != process_identity()) make_thread();
    thread_->job = job;
    thread_->context = context;
    thread_->state.store(State::running, std::memory_order_release);
    thread_->state.notify_all();
  }

  [[nodiscard]] bool has_ended() const noexcept { return !thread_ || thread_->state.load(std::memory_order_acquire) != State::running; }

  /// Returns when no job is running, at once when it is_lost().
  void wait() const noexcept {
    if (thread_ && !is_lost()) thread_->state.wait(State::running, std::memory_order_acquire);
  }

  /// True in a forked child when a job was running at the fork.
  [[nodiscard]] bool is_lost() const noexcept { return !has_ended() && thread_->owner != process_identity(); }

 private:
  enum class State : int { idle, running, stopping };
  // Made with the first job: most buffers never spill.
  struct Thread {
    std::atomic<State> state{State::idle};
    Job job = nullptr;
    void* context = nullptr;
    ProcessIdentity owner = process_identity();
    std::thread thread{};
  };

  static void run(Thread& self) noexcept {
    for (;;) {
      self.state.wait(State::idle, std::memory_order_acquire);
      if (self.state.load(std::memory_order_acquire) == State::stopping) return;
      self.job(self.context);
      self.state.store(State::idle, std::memory_order_release);
      self.state.notify_all();
    }
  }

  void make_thread() {
    stop();
    auto made = std::make_unique<Thread>();
    made->thread = quiet_thread([self = made.get()] { run(*self); });
    thread_ = std::move(made);
  }

  void stop() noexcept {
    if (!thread_) return;
    if (thread_->owner != process_identity()) {  // a copy of another process's: there is no thread to join
      [[maybe_unused]] const Thread* const left = thread_.release();
      return;
    }
    wait();
    thread_->state.store(State::stopping, std::memory_order_release);
    thread_->state.notify_all();
    thread_->thread.join();
    thread_.reset();
  }

  std::unique_ptr<Thread> thread_{};
};

}  // namespace hybridbuffer::inline v0_1::detail
