#pragma once

#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/conformance/program.hpp>
#include <hybridbuffer/conformance/report.hpp>
#include <hybridbuffer/conformance/run.hpp>

/// \file
/// The conformance kit: tells the author of a storage backend which clauses of the contract it breaks.
///
///     #include <hybridbuffer/conformance.hpp>
///     struct MyHarness {
///       static constexpr std::string_view name = "my-backend";
///       hybridbuffer::Result<MyBackend> make_backend();      // a new, empty location each call
///     };
///     HYBRIDBUFFER_CONFORMANCE(MyHarness)                    // the whole program; --help tells its options
///
/// What else a harness may have: harness.hpp. What the clauses say: docs/contract.md.

/// Makes a whole test program out of a harness. Requires: Harness is default-constructible.
#define HYBRIDBUFFER_CONFORMANCE(Harness) \
  int main(int count, char** arguments) { return hybridbuffer::conformance::run_program<Harness>(count, arguments); }
