// Holds the tables of docs/contract.md to the kit's catalogue, in both directions.
//
//   contract_page PAGE            fails, with what differs, when the page and the catalogue do not say the same
//   contract_page PAGE --update   rewrites the tables
//
// A table stands between the lines `<!-- clauses FAMILY -->` and `<!-- end of clauses -->`.

#include <hybridbuffer/conformance/catalogue.hpp>

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

using namespace hybridbuffer::conformance;

namespace {

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
  std::string text = clause.capability ? "`" + std::string{name_of(*clause.capability)} + "`" : "every backend";
  if (clause.obligation == Obligation::gated) text += ", by trait";
  if (clause.obligation == Obligation::hooked) text += ", with hook";
  if (clause.tier != Tier::quick) text += ", tier " + std::string{name_of(clause.tier)};
  return text;
}

std::string table(std::string_view family) {
  std::string text = "| Clause | Applies to | Rule |\n|---|---|---|\n";
  for (const Clause* clause : catalogue()) {
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
  for (const Clause* clause : catalogue()) {
    if (!families.contains(std::string{clause->family()}))
      status = complain("the page has no table for the family of", std::string{clause->id});
  }
  for (const std::string& family : families) {
    const auto all = catalogue();
    if (std::none_of(all.begin(), all.end(), [&](const Clause* c) { return c->family() == family; })) {
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
    if (find_clause(name) == nullptr && !others.contains(name))
      status = complain("the page cites a clause that the kit does not have", name);
  }
  return status;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) return std::fputs("usage: contract_page PAGE [--update]\n", stderr), 2;
  std::ifstream file{arguments[1], std::ios::binary};
  const std::string page{std::istreambuf_iterator<char>{file}, {}};
  if (page.empty()) return complain("cannot read", arguments[1]);

  std::set<std::string> families;
  const std::string wanted = rendered(page, families);
  if (count == 3 && std::string_view{arguments[2]} == "--update") {
    std::ofstream{arguments[1], std::ios::binary | std::ios::trunc} << wanted;
    return 0;
  }
  const int problems = differences(page, wanted) + families_without_table(families) + citations_of_nothing(page);
  if (problems == 0) std::printf("%zu clauses, in the page as in the kit\n", catalogue().size());
  return problems == 0 ? 0 : 1;
}
