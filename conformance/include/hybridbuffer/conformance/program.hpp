#pragma once

#include <hybridbuffer/conformance/subject.hpp>

#include <functional>
#include <memory>
#include <optional>
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

/// For a program with a main() of its own whose clauses run in children (see boost_test.hpp): the child's part.
/// Returns: the exit status when this process is such a child; nothing otherwise.
[[nodiscard]] std::optional<int> run_if_child(const MakeSubject& make_subject, const std::vector<std::string>& arguments);

template <class Harness>
  requires(explain_harness<Harness>() && conformance_harness<Harness>)
[[nodiscard]] std::optional<int> run_if_child(int count, char** arguments) {
  return run_if_child([] { return std::make_unique<detail::HarnessSubject<Harness>>(); },
                      std::vector<std::string>(arguments, arguments + count));
}

}  // namespace hybridbuffer::conformance
