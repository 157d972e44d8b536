#include "clauses/clauses.hpp"

#include <hybridbuffer/conformance/catalogue.hpp>

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

namespace hybridbuffer::conformance {

std::span<const Clause* const> catalogue() {
  static const std::vector<const Clause*> all = [] {
    std::vector<const Clause*> list;
    for (const auto family :
         {clauses::meta,      clauses::create, clauses::open,       clauses::remove,   clauses::writer,  clauses::reader,
          clauses::reader_at, clauses::seeker, clauses::data,       clauses::big,      clauses::error,   clauses::concurrency,
          clauses::isolation, clauses::move,   clauses::durability, clauses::resource, clauses::append,  clauses::shrink,
          clauses::discard,   clauses::map,    clauses::transfer,   clauses::publish,  clauses::factory, clauses::fork}) {
      for (const Clause& clause : family()) list.push_back(&clause);
    }
    return list;
  }();
  return all;
}

const Clause* find_clause(std::string_view id) {
  const auto all = catalogue();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Clause* clause) { return clause->id == id; });
  return found == all.end() ? nullptr : *found;
}

}  // namespace hybridbuffer::conformance
