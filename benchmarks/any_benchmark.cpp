// What it costs that a backend's type is known at run time only: calls of 64 KiB on the backend itself and on AnyBackend, in turn, so that
// both meet the same disturbances. Each case tells the median of both and by how much a call on AnyBackend takes longer.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <span>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;

constexpr std::size_t block_bytes = std::size_t{64} << 10U;
constexpr std::uint64_t blocks = 64;  // of one object: 4 MiB

std::span<std::byte> block() {
  static std::vector<std::byte> bytes(block_bytes, std::byte{0x5A});
  return bytes;
}

/// The time that calls of one kind took, in nanoseconds.
class Times {
 public:
  template <class Call>
  [[nodiscard]] bool measure(Call&& call) {
    const auto begin = std::chrono::steady_clock::now();
    const bool done = call();
    const std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
    all_.push_back(time.count());
    return done;
  }
  [[nodiscard]] double median() {
    const auto middle = all_.begin() + static_cast<std::ptrdiff_t>(all_.size() / 2);
    std::nth_element(all_.begin(), middle, all_.end());
    return *middle;
  }

 private:
  std::vector<double> all_;
};

/// Runs both calls in each iteration, either one first in turn. They answer whether they worked.
template <class Direct, class Any>
void compare(benchmark::State& state, Direct&& direct, Any&& any) {
  Times direct_times;
  Times any_times;
  bool direct_first = false;
  for (auto _ : state) {
    direct_first = !direct_first;
    bool done = !direct_first || direct_times.measure(direct);
    done = any_times.measure(any) && done;
    done = (direct_first || direct_times.measure(direct)) && done;
    if (!done) state.SkipWithError("a call failed");
  }
  const double direct_median = direct_times.median();
  const double any_median = any_times.median();
  state.counters["direct_ns"] = direct_median;
  state.counters["any_ns"] = any_median;
  state.counters["more_percent"] = 100 * (any_median / direct_median - 1);
}

/// One append() of a backend a call: a writer, 64 KiB, a commit. The object begins anew when it is full.
template <class Backend>
class Appends {
 public:
  explicit Appends(Backend backend) : backend_{std::move(backend)} {}
  bool operator()() {
    if (count_++ % blocks == 0 && !backend_.remove()) return false;
    auto writer = backend_.append();
    return writer && writer->write(block()) && writer->close();
  }

 private:
  Backend backend_;
  std::uint64_t count_ = 0;
};

template <class Storage>
void append(benchmark::State& state, const Storage& storage) {
  compare(state, Appends{storage.create_backend().value()}, Appends{AnyBackend{storage.create_backend().value()}});
}

/// One read_at() of 64 KiB a call, on a handle that is open.
template <class Handle>
class Reads {
 public:
  explicit Reads(Handle handle) : handle_{std::move(handle)} {}
  bool operator()() { return handle_.read_at(count_++ % blocks * block_bytes, block()).value_or(0) == block_bytes; }

 private:
  Handle handle_;
  std::uint64_t count_ = 0;
};

/// Both read one object: where it lies in memory makes more of a difference than anything else.
template <class Storage>
void read_at(benchmark::State& state, const Storage& storage) {
  auto backend = storage.create_backend().value();
  auto writer = backend.create().value();
  for (std::uint64_t i = 0; i != blocks; ++i) {
    if (!writer.write(block())) state.SkipWithError("a write failed");
  }
  AnyReaderAt any;
  if (!writer.close() || !any.hold(backend.open_reader_at().value())) state.SkipWithError("an object cannot be opened");
  compare(state, Reads{backend.open_reader_at().value()}, Reads{std::move(any)});
}

/// One append of 64 KiB a call to a buffer that spills each: its threshold is 0.
template <class Buffer>
class BufferAppends {
 public:
  explicit BufferAppends(Buffer buffer) : buffer_{std::move(buffer)} {}
  bool operator()() {
    if (count_++ % blocks == 0 && !buffer_.reset()) return false;
    return buffer_.append(block()).has_value();
  }

 private:
  Buffer buffer_;
  std::uint64_t count_ = 0;
};

template <class Storage>
void append_to_buffer(benchmark::State& state, const Storage& storage) {
  compare(state, BufferAppends{HybridBuffer{SegmentedMemory<>{}, SpillAt{0}, storage}},
          BufferAppends{HybridBuffer{SegmentedMemory<>{}, SpillAt{0}, AnyStorage{storage}}});
}

FileStorage files() { return FileStorage{{.directory = "/var/tmp"}}; }

BENCHMARK_CAPTURE(append, , MemoryStorage{})->Name("any_append_64k/memory");
BENCHMARK_CAPTURE(append, , files())->Name("any_append_64k/file");
BENCHMARK_CAPTURE(read_at, , MemoryStorage{})->Name("any_read_at_64k/memory");
BENCHMARK_CAPTURE(read_at, , files())->Name("any_read_at_64k/file");
BENCHMARK_CAPTURE(append_to_buffer, , MemoryStorage{})->Name("any_buffer_append_64k/memory");
BENCHMARK_CAPTURE(append_to_buffer, , files())->Name("any_buffer_append_64k/file");

}  // namespace
