#pragma once

#include <hybridbuffer/conformance/subject.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace hybridbuffer::conformance {

/// Makes the harness under test; called once in the program and once in each child.
using MakeSubject = std::function<std::unique_ptr<Subject>()>;

/// The whole program: reads the command line, runs the clauses, each in a child, prints the report. `--help` tells the options.
/// Returns: the exit status. 0: every required clause passed. 1: one failed. 2: nothing ran, wrong usage, or the kit itself failed.
[[nodiscard]] int run_program(const MakeSubject& make_subject, const std::vector<std::string>& arguments);

/// run_program() for one harness type.
template <class Harness>
  requires(explain_harness<Harness>() && conformance_harness<Harness>)
[[nodiscard]] int run_program(int count, char** arguments) {
  return run_program([] { return std::make_unique<detail::HarnessSubject<Harness>>(); },
                     std::vector<std::string>(arguments, arguments + count));
}

}  // namespace hybridbuffer::conformance
