#include "report.hpp"

#include "sizes.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sys/resource.h>

namespace spool {

namespace {

using Seconds = std::chrono::duration<double>;

/// VmHWM: getrusage() would count what the process was before exec as well.
std::uint64_t peak_resident_memory() {
  std::uint64_t bytes = 0;
  std::FILE* status = std::fopen("/proc/self/status", "re");
  if (status == nullptr) return 0;
  char* line = nullptr;
  std::size_t capacity = 0;
  while (::getline(&line, &capacity, status) > 0) {
    constexpr std::string_view key = "VmHWM:";
    if (std::string_view{line}.starts_with(key)) bytes = std::strtoull(line + key.size(), nullptr, 10) * 1024;
  }
  std::free(line);
  std::fclose(status);
  return bytes;
}

void print_bytes(const char* name, std::uint64_t bytes) {
  std::fprintf(stderr, "%-15s%llu (%s)\n", name, static_cast<unsigned long long>(bytes), format_size(bytes).c_str());
}

std::string rate(std::uint64_t bytes, double seconds) {
  return format_size(static_cast<std::uint64_t>(static_cast<double>(bytes) / std::max(seconds, 1e-9))) + "/s";
}

}  // namespace

void Counters::add_in(std::uint64_t bytes) noexcept {
  in.fetch_add(bytes, std::memory_order_relaxed);
  most_spooled.store(std::max(most_spooled.load(std::memory_order_relaxed), spooled()), std::memory_order_relaxed);
}

std::uint64_t Counters::spooled() const noexcept {
  const std::uint64_t taken = out.load(std::memory_order_relaxed);
  const std::uint64_t given = in.load(std::memory_order_relaxed);
  return given > taken ? given - taken : 0;
}

Console::Console(const Counters& counters, bool with_progress) : counters_{counters} {
  if (with_progress) thread_ = std::thread{[this] { run(); }};
}

void Console::note(std::string_view message) {
  const std::lock_guard guard{lock_};
  std::fprintf(stderr, "%shybrid-spool: %.*s\n", shown_ ? "\r\033[K" : "", static_cast<int>(message.size()), message.data());
}

void Console::finish() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard guard{lock_};
    finished_ = true;
  }
  finish_.notify_all();
  thread_.join();
  std::fputc('\n', stderr);
}

void Console::run() {
  std::unique_lock guard{lock_};
  Clock::time_point last = start_;
  do {  // once at least, also when everything has passed before this thread runs
    finish_.wait_for(guard, std::chrono::milliseconds{250}, [this] { return finished_; });
    const Clock::time_point now = Clock::now();
    show_progress(Seconds{now - last}.count());
    last = now;
  } while (!finished_);
}

void Console::show_progress(double seconds) {
  const std::uint64_t in = counters_.in.load(std::memory_order_relaxed);
  const std::uint64_t out = counters_.out.load(std::memory_order_relaxed);
  std::fprintf(stderr, "\rin %s (%s), out %s (%s), spooled %s\033[K", format_size(in).c_str(), rate(in - last_in_, seconds).c_str(),
               format_size(out).c_str(), rate(out - last_out_, seconds).c_str(), format_size(in > out ? in - out : 0).c_str());
  last_in_ = in;
  last_out_ = out;
  shown_ = true;
}

void Console::print_stats() const {
  const double seconds = Seconds{Clock::now() - start_}.count();
  const std::uint64_t in = counters_.in.load(std::memory_order_relaxed);
  print_bytes("bytes in:", in);
  print_bytes("bytes out:", counters_.out.load(std::memory_order_relaxed));
  std::fprintf(stderr, "%-15s%.3f\n%-15s%.1f\n", "seconds:", seconds, "MB/s:", static_cast<double>(in) / 1e6 / std::max(seconds, 1e-9));
  std::fprintf(stderr, "%-15s%llu\n", "spills:", static_cast<unsigned long long>(counters_.spills));
  print_bytes("bytes spilled:", counters_.spilled);
  print_bytes("most spooled:", counters_.most_spooled.load(std::memory_order_relaxed));
  print_bytes("peak memory:", peak_resident_memory());
}

}  // namespace spool
