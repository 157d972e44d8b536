#include "summary.hpp"

#include "words.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {
namespace {

void add_untried(std::vector<Untried>& all, const std::string& reason, std::string_view id) {
  const auto known = std::find_if(all.begin(), all.end(), [&](const Untried& u) { return u.reason == reason; });
  if (known != all.end()) known->ids.push_back(id);
  else all.push_back({reason, {id}});
}

std::string plural(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string{what} + (count == 1 ? "" : "s");
}

// A word as a shell reads it back.
std::string quoted(const std::string& word) {
  const bool plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view{"/._-+=,:@%"}.find(c) != std::string_view::npos;
  });
  if (plain) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string{"'\\''"} : std::string{c};
  return out + "'";
}

}  // namespace

std::size_t Family::count(Verdict verdict) const {
  return static_cast<std::size_t>(
      std::count_if(results.begin(), results.end(), [&](const ClauseResult* r) { return r->verdict == verdict; }));
}

std::vector<Family> families_of(const Report& report) {
  std::vector<Family> families;
  for (const ClauseResult& result : report.results) {
    const std::string_view name = result.clause->family();
    const auto known = std::find_if(families.begin(), families.end(), [&](const Family& f) { return f.name == name; });
    if (known != families.end()) known->results.push_back(&result);
    else families.push_back({name, {&result}});
  }
  return families;
}

std::vector<Untried> untried_clauses(const Report& report) {
  std::vector<Untried> all;
  for (const ClauseResult& result : report.results) {
    if (result.verdict == Verdict::not_run) add_untried(all, (result.missing ? "REQUIRED: " : "") + result.seen, result.clause->id);
  }
  return all;
}
std::vector<Untried> untried_parts(const Report& report) {
  std::vector<Untried> all;
  for (const ClauseResult& result : report.results) {
    if (result.verdict == Verdict::not_run) continue;
    for (const std::string& reason : result.parts_not_run) add_untried(all, reason, result.clause->id);
  }
  return all;
}

std::vector<std::string_view> levels_held(const Report& report) {
  constexpr std::array<std::pair<Capability, std::string_view>, 8> levels{
      std::pair<Capability, std::string_view>{Capability::reader_at, "ReaderAt"},
      {Capability::seeker, "Seeker"},
      {Capability::append, "append"},
      {Capability::shrink, "shrink"},
      {Capability::discard, "discard"},
      {Capability::map, "map"},
      {Capability::transfer, "transfer"},
      {Capability::publish, "publish"}};
  if (!report.passed()) return {};
  std::vector<std::string_view> held{"base"};
  for (const auto& [capability, name] : levels) {
    const bool passed = std::any_of(report.results.begin(), report.results.end(), [&](const ClauseResult& r) {
      return r.clause->capability == capability && r.verdict == Verdict::pass;
    });
    if (passed) held.push_back(name);
  }
  return held;
}

bool is_whole(const Report& report) { return report.clauses_in_set != 0 && report.results.size() >= report.clauses_in_set; }

std::string certificate(const Report& report) {
  const std::size_t clauses = report.count(Verdict::not_run);
  const auto parts = static_cast<std::size_t>(std::count_if(report.results.begin(), report.results.end(), [](const ClauseResult& r) {
    return r.verdict == Verdict::pass && !r.parts_not_run.empty();
  }));
  std::string text = report.name + " holds " + std::string{report.set} + ", tier " + std::string{name_of(report.options.tier)};
  if (report.set == clause_set) text += ": " + joined(levels_held(report));
  if (clauses == 0 && parts == 0) return text + "; everything ran";
  text += "; " + plural(clauses, "clause");
  if (parts != 0) text += " and parts of " + std::to_string(parts);
  return text + " did not run";
}

std::string verdict_in_words(const Report& report) {
  const auto missing = static_cast<std::size_t>(
      std::count_if(report.results.begin(), report.results.end(), [](const ClauseResult& r) { return r.missing; }));
  switch (report.exit_code()) {
    case 0: return "passed";
    case 1:
      if (report.count(Verdict::fail) != 0) return plural(report.count(Verdict::fail), "clause") + " failed";
      return plural(missing, "required clause") + " did not run";
    default:
      if (report.count(Verdict::unknown) != 0) return plural(report.count(Verdict::unknown), "clause") + " without a verdict";
      return "nothing ran";
  }
}

std::string repeat_command(const Report& report, const Clause& clause) {
  if (report.program.empty()) return {};
  std::string command = quoted(report.program);
  for (const std::string& argument : report.arguments) command += " " + quoted(argument);
  return command + " --clause " + std::string{clause.id} + " --seed " + std::to_string(report.options.seed) + " --tier " +
         std::string{name_of(report.options.tier)};
}

std::vector<std::string_view> declared_capabilities(const Report& report) {
  std::vector<std::string_view> names;
  for (const Capability capability : all_capabilities) {
    if (report.capabilities.has(capability)) names.push_back(name_of(capability));
  }
  return names;
}

std::vector<std::pair<std::string_view, std::string>> declared_traits(const Traits& traits) {
  std::vector<std::pair<std::string_view, std::string>> list;
  if (traits.chunk_size) list.emplace_back("chunk_size", size_text(*traits.chunk_size));
  if (traits.max_object_size) list.emplace_back("max_object_size", size_text(*traits.max_object_size));
  list.emplace_back("second_writer", traits.second_writer == SecondWriter::busy ? "busy" : "last close wins");
  list.emplace_back("remove_while_reading", traits.remove_while_reading == RemoveWhileReading::busy ? "busy" : "succeeds");
  if (traits.publish_keep == PublishKeep::unsupported) list.emplace_back("publish_keep", "unsupported");
  if (traits.integrity == Integrity::checksum) list.emplace_back("integrity", "checksum");
  if (traits.max_lifetime) list.emplace_back("max_lifetime", std::to_string(traits.max_lifetime->count()) + " s");
  if (traits.durable) list.emplace_back("durable", "yes");
  if (traits.op_deadline) list.emplace_back("op_deadline", std::to_string(traits.op_deadline->count()) + " ms");
  if (traits.memory_bound) list.emplace_back("memory_bound", size_text(*traits.memory_bound));
  if (traits.crash_residue) {
    constexpr std::array<std::string_view, 3> names{"none", "expires", "remains"};
    list.emplace_back("crash_residue", names.at(static_cast<std::size_t>(*traits.crash_residue)));
  }
  return list;
}

std::vector<const ClauseResult*> slowest(const Report& report, std::size_t most) {
  std::vector<const ClauseResult*> all;
  for (const ClauseResult& result : report.results) all.push_back(&result);
  std::sort(all.begin(), all.end(), [](const ClauseResult* a, const ClauseResult* b) {
    return a->seconds != b->seconds ? a->seconds > b->seconds : std::less<>{}(a, b);  // of the same vector: the order of the clauses
  });
  all.resize(std::min(all.size(), most));
  return all;
}

const ClauseResult* largest(const Report& report) {
  const auto found = std::max_element(report.results.begin(), report.results.end(),
                                      [](const ClauseResult& a, const ClauseResult& b) { return a.size_reached < b.size_reached; });
  return found == report.results.end() || found->size_reached == 0 ? nullptr : &*found;
}

double total_seconds(const Report& report) {
  double total = 0;
  for (const ClauseResult& result : report.results) total += result.seconds;
  return total;
}

}  // namespace hybridbuffer::conformance
