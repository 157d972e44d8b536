#include <hybridbuffer/conformance/trace.hpp>

#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace hybridbuffer::conformance {

std::string text_of(const TraceRecord& record) {
  std::string text{name_of(record.subject)};
  if (record.subject != Subjects::harness) text += " " + std::to_string(record.handle);
  text.append(": ").append(name_of(record.operation));
  const bool two = record.operation == Operation::read_at || record.operation == Operation::discard || record.operation == Operation::map ||
                   record.operation == Operation::transfer_to || record.operation == Operation::copy_out ||
                   record.operation == Operation::decide || record.operation == Operation::room;
  switch (record.operation) {
    case Operation::write:
    case Operation::write_pieces:
    case Operation::read:
    case Operation::shrink:
    case Operation::transfer_from:
    case Operation::move_construct:
    case Operation::move_assign:
    case Operation::inject:
    case Operation::prepare:
    case Operation::commit:
    case Operation::chunk_at:
    case Operation::drop_front:
    case Operation::truncate:
    case Operation::settle:
    case Operation::damage: text += "(" + std::to_string(record.first) + ")"; break;
    case Operation::seek:
      text += "(" + std::to_string(static_cast<std::int64_t>(record.first)) + ", " +
              (record.second == 0   ? "begin"
               : record.second == 1 ? "current"
               : record.second == 2 ? "end"
                                    : "whence " + std::to_string(record.second)) +
              ")";
      break;
    default:
      if (two) text += "(" + std::to_string(record.first) + ", " + std::to_string(record.second) + ")";
  }
  if (record.repeats > 1) text += " x" + std::to_string(record.repeats);
  if (record.outcome == TraceRecord::in_progress) return text + " ... did not return";
  if (record.outcome == TraceRecord::threw) return text + " threw";
  if (record.outcome != TraceRecord::succeeded) return text.append(" -> ").append(name_of(static_cast<errc>(record.outcome)));
  const bool counts = two || record.operation == Operation::read || record.operation == Operation::seek ||
                      record.operation == Operation::size || record.operation == Operation::transfer_from ||
                      record.operation == Operation::prepare || record.operation == Operation::chunk_at ||
                      record.operation == Operation::capacity;
  if (record.operation == Operation::decide)
    return text + (record.value == 0 ? " -> keep" : record.value == 1 ? " -> spill" : " -> reject");
  return counts && record.operation != Operation::discard && record.operation != Operation::copy_out
             ? text + " -> " + std::to_string(record.value)
             : text;
}

std::vector<std::string> lines_of(const TracePage& page, std::size_t most) {
  std::vector<std::string> lines;
  const std::uint64_t count = page.count.load(std::memory_order_acquire);
  const std::uint64_t start = page.case_start.load(std::memory_order_relaxed);
  const std::uint64_t kept = count < start ? 0 : count - start;
  const std::uint64_t shown = std::min<std::uint64_t>({kept, TracePage::length, most});
  if (shown < kept) lines.push_back("... " + std::to_string(kept - shown) + " operations before");
  for (std::uint64_t i = count - shown; i < count; ++i) lines.push_back(text_of(page.ring[i % TracePage::length]));
  return lines;
}

}  // namespace hybridbuffer::conformance
