#include "collect.hpp"

#include <cstdint>
#include <string>

namespace spool {

using hybridbuffer::Error;

namespace {

constexpr std::uint64_t portion = std::uint64_t{1} << 20U;

Outcome storing_failure(const BufferSource& buffers, const Error& error) {
  if (means_full(error)) return {ExitCode::storage_full, "storage is full: " + buffers.why_full(error)};
  return {ExitCode::failure, error.message()};
}

Outcome read_everything(Input& input, const BufferSource& buffers, SpoolBuffer& buffer, Counters& counters) {
  while (!input.ended()) {
    if (input.wait() == Input::Event::consumer_left) return {ExitCode::consumer_left, {}};
    const std::uint64_t before = buffer.size();
    const auto taken = input.read_into(buffer, portion);
    counters.add_in(buffer.size() - before);
    if (!taken && input.failed()) return {ExitCode::failure, taken.error().message()};
    if (!taken) return storing_failure(buffers, taken.error());
  }
  return {};
}

void count_spills(const SpoolBuffer& buffer, Counters& counters) {
  counters.spills += buffer.stats().spills;
  counters.spilled += buffer.stats().spilled;
}

}  // namespace

Outcome soak(Input& input, Output& output, const BufferSource& buffers, Counters& counters) {
  SpoolBuffer buffer = buffers.make();
  Outcome outcome = read_everything(input, buffers, buffer, counters);
  count_spills(buffer, counters);
  while (outcome.is_success() && buffer.unread() != 0) {
    if (const auto taken = output.take_from(buffer); !taken) outcome = output_failure(taken.error());
  }
  return outcome;
}

Outcome collect_into(const OutputFile& file, Input& input, const BufferSource& buffers, Counters& counters) {
  SpoolBuffer buffer = buffers.make();
  Outcome outcome = read_everything(input, buffers, buffer, counters);
  if (outcome.is_success()) outcome = file.publish(buffer);
  if (outcome.is_success()) counters.out = buffer.size();
  count_spills(buffer, counters);
  return outcome;
}

}  // namespace spool
