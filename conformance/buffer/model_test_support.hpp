#pragma once

#include "model_random.hpp"
#include "model_run.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <iostream>
#include <map>
#include <string>
#include <vector>

/// \file
/// A test program out of a list of compositions: one test case each, called memory/spill/backend.

namespace hybridbuffer::testing {

[[nodiscard]] inline std::uint64_t chosen_operations(std::uint64_t usual) {
  const bool is_full = number_from_environment("HYBRIDBUFFER_FULL", 0) != 0;
  return number_from_environment("HYBRIDBUFFER_OPERATIONS", is_full ? 1'000'000 : usual);
}

inline void run_composition(const Composition& composition, std::uint64_t operations) {
  static const BytePool pool{std::size_t{6} << 20U};
  constexpr std::uint64_t enough_to_spill = 10'000;
  try {
    ModelRun run{composition, pool, program_seed()};
    run.run(operations);
    const bool must_spill = composition.most_in_memory != unlimited && operations >= enough_to_spill;
    BOOST_TEST((!must_spill || run.spilling_appends() != 0));
  } catch (const Difference& difference) {
    BOOST_FAIL(difference.what());
  }
}

/// The main of such a program; HYBRIDBUFFER_SEED and HYBRIDBUFFER_OPERATIONS choose what it does, `--run_test=inline_64/spill_at_1/file`
/// the compositions, with * for any.
inline int run_model_program(int argc, char* argv[], const std::vector<Composition>& list, std::uint64_t usual_operations) {
  static const std::vector<Composition>* compositions = nullptr;
  static std::uint64_t operations = 0;
  compositions = &list;
  operations = chosen_operations(usual_operations);
  std::cout << list.size() << " compositions, HYBRIDBUFFER_OPERATIONS=" << operations << ", HYBRIDBUFFER_SEED=" << program_seed()
            << std::endl;

  return boost::unit_test::unit_test_main(
      [] {
        namespace unit_test = boost::unit_test;
        std::map<std::string, unit_test::test_suite*> suites{{"", &unit_test::framework::master_test_suite()}};
        for (const Composition& composition : *compositions) {
          std::size_t end = 0;
          unit_test::test_suite* suite = suites.at("");
          for (std::size_t slash = composition.name.find('/'); slash != std::string::npos; slash = composition.name.find('/', end)) {
            unit_test::test_suite*& inner = suites[composition.name.substr(0, slash)];
            if (inner == nullptr) {
              inner = BOOST_TEST_SUITE(composition.name.substr(end, slash - end));
              suite->add(inner);
            }
            suite = inner;
            end = slash + 1;
          }
          suite->add(unit_test::make_test_case([&composition] { run_composition(composition, operations); }, composition.name.substr(end),
                                               __FILE__, __LINE__));
        }
        return true;
      },
      argc, argv);
}

}  // namespace hybridbuffer::testing
