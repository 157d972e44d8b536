#include "faults.hpp"

#include <hybridbuffer/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::clauses {

const std::vector<Fault>& faults_of_writing() {
  static const std::vector<Fault> faults{
      {.mode = FaultMode::error, .category = errc::no_space},
      {.mode = FaultMode::error, .category = errc::unavailable},
      {.mode = FaultMode::short_count, .category = errc::io},
      {.mode = FaultMode::error_after_effect, .category = errc::unavailable},
      {.mode = FaultMode::error, .category = errc::no_space, .for_ever = true},
      // The store lies about what it did: whoever cannot find out must not say that certainly nothing is visible.
      {.mode = FaultMode::error_after_effect, .category = errc::io},
      {.mode = FaultMode::error, .category = errc::permission},
      {.mode = FaultMode::interrupted, .category = errc::io},
      {.mode = FaultMode::error_after_effect, .category = errc::timeout},
      {.mode = FaultMode::error, .category = errc::io},
      {.mode = FaultMode::error, .category = errc::timeout},
  };
  return faults;
}

std::string words(const Fault& fault) {
  constexpr std::array<std::string_view, 5> modes{"error", "short count", "interruption", "error after the effect", "hang"};
  std::string text{modes[static_cast<std::size_t>(fault.mode)]};
  const bool has_category = fault.mode == FaultMode::error || fault.mode == FaultMode::error_after_effect;
  if (has_category) text.append(" ").append(hybridbuffer::name_of(fault.category));
  text += fault.for_ever ? " at every primitive from number " : " at primitive ";
  return text + std::to_string(fault.k);
}

Attempt new_attempt(Context& c, Way way, std::uint64_t size, std::uint64_t piece) {
  Change change = new_change(c, way, size);
  Sizes pieces = even_pieces(change.size(), piece);
  return Attempt{.change = std::move(change), .pieces = std::move(pieces)};
}

namespace {

Result<void> write_each(Attempt& attempt) {
  std::uint64_t offset = 0;
  for (const std::uint64_t piece : attempt.pieces) {
    if (auto written = attempt.writer->write(attempt.change.bytes(offset, piece)); !written) return written;
    offset += piece;
  }
  return {};
}

Result<void> write_lists(Attempt& attempt) {
  const std::vector<std::byte> bytes = attempt.change.bytes(0, attempt.change.size());
  std::vector<std::span<const std::byte>> spans;
  std::span<const std::byte> rest{bytes};
  for (const std::uint64_t piece : attempt.pieces) {
    spans.push_back(rest.first(static_cast<std::size_t>(piece)));
    rest = rest.subspan(static_cast<std::size_t>(piece));
  }
  const std::span<const std::span<const std::byte>> all{spans};
  if (auto written = attempt.writer->write_pieces(all.first(all.size() / 2)); !written) return written;
  return attempt.writer->write_pieces(all.subspan(all.size() / 2));
}

}  // namespace

void run_stages(Attempt& attempt, Attempt::Stage first, Attempt::Stage last) {
  using Stage = Attempt::Stage;
  if (attempt.failed_at != Stage::none) return;
  const auto failed = [&](Stage stage, Result<void> verdict) {
    attempt.failed_at = stage;
    attempt.verdict = std::move(verdict);
  };
  if (first <= Stage::start) {
    auto writer = attempt.change.start();
    if (!writer) return failed(Stage::start, std::unexpected{writer.error()});
    attempt.writer = std::move(*writer);
  }
  if (first <= Stage::write && last >= Stage::write) {
    auto written = attempt.gathered ? write_lists(attempt) : write_each(attempt);
    if (!written) return failed(Stage::write, std::move(written));
  }
  if (last >= Stage::close) {
    attempt.verdict = attempt.writer->close();
    if (!attempt.verdict) attempt.failed_at = Stage::close;
  }
}

std::optional<Object> judge_attempt(Context& c, Attempt& attempt, const std::string& what) {
  using Stage = Attempt::Stage;
  const std::string text = std::string{name_of(attempt.change.way)} + ", " + what;
  if (attempt.failed_at == Stage::start || attempt.failed_at == Stage::write) {
    expect_shown(c, attempt.change.location, attempt.change.before,
                 text + ", which made " + (attempt.failed_at == Stage::start ? "the start" : "a write()") + " fail");
    return attempt.change.before;
  }
  return expect_verdict(c, attempt.change, attempt.verdict, text);
}

}  // namespace hybridbuffer::conformance::clauses
