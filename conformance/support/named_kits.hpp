#pragma once

#include <hybridbuffer/conformance/kit.hpp>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// Several kits in one program: `--policy NAME` chooses one, without it all are run.

namespace hybridbuffer::testing {

struct NamedKit {
  std::string name;
  conformance::Kit kit;
};

/// Adds a kit under `name`; its children are told the name.
inline void add_kit(std::vector<NamedKit>& kits, std::string name, conformance::Kit kit) {
  kit.arguments = {"--policy", name};
  kits.push_back({std::move(name), std::move(kit)});
}

inline int run_named_kits(const std::vector<NamedKit>& kits, int count, char** arguments) {
  std::vector<std::string> words(arguments, arguments + count);
  std::string chosen;
  if (words.size() >= 3 && words[1] == "--policy") {
    chosen = words[2];
    words.erase(words.begin() + 1, words.begin() + 3);
  }
  int worst = 0;
  bool any = false;
  for (const NamedKit& named : kits) {
    if (!chosen.empty() && chosen != named.name) continue;
    any = true;
    worst = std::max(worst, conformance::run_program(named.kit, words));
  }
  if (any) return worst;
  std::fprintf(stderr, "no policy %s\n", chosen.c_str());
  return 2;
}

}  // namespace hybridbuffer::testing
