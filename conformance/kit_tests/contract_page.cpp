// Holds the tables of a contract page to the catalogue of its kit, in both directions.
//
//   contract_page KIT PAGE            fails, with what differs, when the page and the catalogue do not say the same
//   contract_page KIT PAGE --update   rewrites the tables
//
// KIT is `storage` (docs/contract.md) or `policies` (docs/contract_policies.md).
// A table stands between the lines `<!-- clauses FAMILY -->` and `<!-- end of clauses -->`.

#include <hybridbuffer/conformance/catalogue.hpp>
#include <hybridbuffer/conformance/memory_policy.hpp>
#include <hybridbuffer/conformance/spill_policy.hpp>

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

using namespace hybridbuffer::conformance;

namespace {

std::vector<const Clause*> clauses;       // of the page
std::string_view whom = "every backend";  // they apply to

std::vector<const Clause*> policy_clauses() {
  std::vector<const Clause*> all;
  for (const auto kit : {memory_catalogue(), spill_catalogue()}) all.insert(all.end(), kit.begin(), kit.end());
  return all;
}

// The rule as a cell of a table.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += "\\|";
    else if (c == '<') out += "&lt;";
    else out += c;
  }
  return out;
}

std::string applies_to(const Clause& clause) {
  std::string text = clause.capability ? "`" + std::string{name_of(*clause.capability)} + "`" : std::string{whom};
  if (clause.obligation == Obligation::gated) text += ", by trait";
  if (clause.obligation == Obligation::hooked) text += ", with hook";
  if (clause.tier != Tier::quick) text += ", tier " + std::string{name_of(clause.tier)};
  return text;
}

std::string table(std::string_view family) {
  std::string text = "| Clause | Applies to | Rule |\n|---|---|---|\n";
  for (const Clause* clause : clauses) {
    if (clause->family() != family) continue;
    text.append("| ").append(clause->id).append(" | ").append(applies_to(*clause)).append(" | ").append(cell(clause->rule)).append(" |\n");
  }
  return text;
}

constexpr std::string_view start_mark = "<!-- clauses ";
constexpr std::string_view end_mark = "<!-- end of clauses -->";

// The page with its tables as the catalogue says, and the families that it has.
std::string rendered(const std::string& page, std::set<std::string>& families) {
  std::istringstream lines{page};
  std::string out;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (inside && line != end_mark) continue;
    inside = false;
    out += line + "\n";
    if (!line.starts_with(start_mark)) continue;
    const std::string family = line.substr(start_mark.size(), line.find(' ', start_mark.size()) - start_mark.size());
    families.insert(family);
    out += table(family);
    inside = true;
  }
  return out;
}

std::set<std::string> rows_of(const std::string& page) {
  std::set<std::string> rows;
  std::istringstream lines{page};
  static const std::regex row{R"(\| [A-Z]+-\d+ \|.*)"};
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, row)) rows.insert(line);
  }
  return rows;
}

int complain(const char* what, const std::string& line) {
  std::printf("%s: %s\n", what, line.c_str());
  return 1;
}

int differences(const std::string& page, const std::string& wanted) {
  int status = 0;
  const auto said = rows_of(page);
  const auto meant = rows_of(wanted);
  for (const std::string& row : said) {
    if (!meant.contains(row)) status = complain("the page says, and the catalogue does not", row);
  }
  for (const std::string& row : meant) {
    if (!said.contains(row)) status = complain("the catalogue says, and the page does not", row);
  }
  if (status == 0 && page != wanted) status = complain("the tables are in another order or form than the catalogue", "see --update");
  return status;
}

int families_without_table(const std::set<std::string>& families) {
  int status = 0;
  for (const Clause* clause : clauses) {
    if (!families.contains(std::string{clause->family()}))
      status = complain("the page has no table for the family of", std::string{clause->id});
  }
  for (const std::string& family : families) {
    if (std::none_of(clauses.begin(), clauses.end(), [&](const Clause* c) { return c->family() == family; })) {
      status = complain("the kit has no clause of the family", family);
    }
  }
  return status;
}

// Clauses that the text cites must exist.
int citations_of_nothing(const std::string& page) {
  int status = 0;
  static const std::regex id{R"(\b([A-Z]{2,}-\d+)\b)"};
  static const std::set<std::string_view> others{"UTF-8"};
  for (auto at = std::sregex_iterator{page.begin(), page.end(), id}; at != std::sregex_iterator{}; ++at) {
    const std::string name = at->str(1);
    const bool known = std::any_of(clauses.begin(), clauses.end(), [&](const Clause* clause) { return clause->id == name; });
    if (!known && !others.contains(name)) status = complain("the page cites a clause that the kit does not have", name);
  }
  return status;
}

}  // namespace

int main(int count, char** arguments) {
  const std::string_view kit{count < 3 ? "" : arguments[1]};
  if (kit != "storage" && kit != "policies") return std::fputs("usage: contract_page storage|policies PAGE [--update]\n", stderr), 2;
  if (kit == "storage") {
    clauses.assign(catalogue().begin(), catalogue().end());
  } else {
    clauses = policy_clauses();
    whom = "every policy";
  }
  std::ifstream file{arguments[2], std::ios::binary};
  const std::string page{std::istreambuf_iterator<char>{file}, {}};
  if (page.empty()) return complain("cannot read", arguments[2]);

  std::set<std::string> families;
  const std::string wanted = rendered(page, families);
  if (count == 4 && std::string_view{arguments[3]} == "--update") {
    std::ofstream{arguments[2], std::ios::binary | std::ios::trunc} << wanted;
    return 0;
  }
  const int problems = differences(page, wanted) + families_without_table(families) + citations_of_nothing(page);
  if (problems == 0) std::printf("%zu clauses, in the page as in the kit\n", clauses.size());
  return problems == 0 ? 0 : 1;
}
