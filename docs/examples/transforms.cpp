// The snippets of docs/guide.md about transforms, each a function that is run.

#include <cstdio>
#include <cstdlib>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/transform/checksummed.hpp>
#include <hybridbuffer/transform/observed.hpp>
#include <hybridbuffer/transform/operation_counts.hpp>
#include <hybridbuffer/transform/retrying.hpp>
#include <hybridbuffer/transform/tiered.hpp>
#include <string>

using namespace hybridbuffer;
using namespace std::chrono_literals;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "transforms.cpp: does not hold: %s\n", what);
  std::exit(1);
}

template <class Buffer>
bool carries(Buffer&& buffer) {
  const std::string text(100'000, 'x');
  return buffer.append(text).has_value() && buffer.to_string() == text;
}

void stack() {
  // [transforms]
  HybridBuffer verified{SpillAt{1_MiB}, checksummed(FileStorage{})};               // altered bytes are `corrupted`
  HybridBuffer patient{SpillAt{1_MiB}, retrying(FileStorage{}, {.attempts = 8})};  // waits, and tries again
  HybridBuffer both{SpillAt{1_MiB}, retrying(checksummed(FileStorage{}))};         // in any order
  // [transforms]
  require(carries(verified) && carries(patient) && carries(both), "stacks carry bytes");
}

void tier() {
  // [tiered]
  const FileStorage memory{{.directory = "/dev/shm", .max_bytes = 64_MiB}};
  const FileStorage disk{{.directory = "/var/tmp"}};
  HybridBuffer buffer{SpillAt{64_KiB}, tiered(memory, disk)};  // the first 64 MiB there, the rest on the disk
  // [tiered]
  require(carries(buffer), "tiers carry bytes");
}

void observe() {
  // [observed]
  OperationCounts counts;
  HybridBuffer buffer{SpillAt{64_KiB}, observed(FileStorage{}, counts)};
  const bool appended = buffer.append(std::string(1'000'000, 'x')).has_value();
  const OperationSnapshot so_far = counts.snapshot();
  std::puts(so_far.text().c_str());  // calls, failures, bytes and latencies of each operation
  const bool any_lost = so_far.of(Operation::write).failures_of(errc::no_space) != 0;
  // [observed]
  require(appended && !any_lost && so_far.of(Operation::write).bytes != 0, "what was written was counted");
}

}  // namespace

int main() {
  stack();
  tier();
  observe();
  return 0;
}
