#pragma once

#include <hybridbuffer/conformance/catalogue.hpp>
#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/conformance/isolation.hpp>
#include <hybridbuffer/conformance/program.hpp>
#include <hybridbuffer/conformance/report.hpp>
#include <hybridbuffer/conformance/run.hpp>
#include <hybridbuffer/conformance/subject.hpp>
#include <hybridbuffer/conformance/trace.hpp>

#include <boost/test/framework.hpp>
#include <boost/test/tools/assertion_result.hpp>
#include <boost/test/tree/test_unit.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

/// \file
/// The clauses as test cases of Boost.Test: one a clause, named by its id, in a suite named by the harness.
///
///     #define BOOST_TEST_MODULE my_backend
///     #include <hybridbuffer/conformance/boost_test.hpp>
///     const hybridbuffer::conformance::BoostTestSuite<MyHarness> clauses;
///
/// A clause that does not run is a visible skip with its reason (`--log_level=test_suite`, `--report_level=detailed`); one that fails shows
/// all that the kit knows of it. `--run_test=my-backend/READER-1` runs one, and tests the hooks before.
///
/// Clauses run in this process: one that crashes or hangs takes the program with it. With Isolation::children each runs in a child, and the
/// program's own main() hands its arguments over first:
///
///     #define BOOST_TEST_NO_MAIN
///     int main(int count, char** arguments) {
///       if (const auto status = hybridbuffer::conformance::run_if_child<MyHarness>(count, arguments)) return *status;
///       return boost::unit_test::unit_test_main([] { return true; }, count, arguments);
///     }

namespace hybridbuffer::conformance {

/// Where the clauses of a suite run.
enum class Isolation : std::uint8_t {
  none,      ///< in the process of the test program
  children,  ///< each in a process of its own, under a watchdog
};

namespace detail {

/// What the cases of one suite share: the harness, and what its META clauses found.
class BoostTestSession {
 public:
  BoostTestSession(MakeSubject make_subject, const Options& options, Isolation isolation)
      : make_subject_{std::move(make_subject)},
        sequence_{[this, isolation](const Clause& clause, const Options& current) {
                    return isolation == Isolation::children ? run_in_child("/proc/self/exe", {}, clause, current, Watchdog{})
                                                            : run_here(clause, current);
                  },
                  options} {}

  [[nodiscard]] ClauseResult run(const Clause& clause) { return sequence_.run(clause); }

 private:
  ClauseResult run_here(const Clause& clause, const Options& options) {
    if (!subject_) subject_ = make_subject_();
    page_.count = page_.case_start = 0;
    return run_clause(*subject_, clause, options, page_);
  }

  MakeSubject make_subject_;
  std::unique_ptr<Subject> subject_{};
  TracePage page_{};
  ClauseSequence sequence_;
};

/// One clause. Boost.Test can only skip a case before it starts, and what a clause needs shows while it runs: so it runs when the case is
/// asked whether it may start.
class BoostTestCase {
 public:
  BoostTestCase(std::shared_ptr<BoostTestSession> session, const Clause& clause) : session_{std::move(session)}, clause_{&clause} {}

  [[nodiscard]] boost::test_tools::assertion_result may_start() {
    result_ = session_->run(*clause_);
    const bool skipped = result_.verdict == Verdict::not_run && !result_.missing;
    boost::test_tools::assertion_result answer{!skipped};
    if (skipped) answer.message() << result_.seen;
    return answer;
  }
  void report() const {
    for (const std::string& part : result_.parts_not_run) BOOST_TEST_MESSAGE(clause_->id << ": a part did not run: " << part);
    const bool passed = result_.verdict == Verdict::pass;
    BOOST_TEST(passed, name_of(result_.verdict) << " " << describe(result_));
  }

 private:
  std::shared_ptr<BoostTestSession> session_;
  const Clause* clause_;
  ClauseResult result_{};
};

[[nodiscard]] inline boost::unit_test::test_suite* make_boost_test_suite(std::string_view name,
                                                                         const std::shared_ptr<BoostTestSession>& session) {
  const std::string name_text{name};
  auto* suite = new boost::unit_test::test_suite{name_text, __FILE__, __LINE__};  // Boost.Test owns its units
  for (const Clause* clause : catalogue()) {
    const auto shared = std::make_shared<BoostTestCase>(session, *clause);
    const std::string id{clause->id};
    auto* unit = boost::unit_test::make_test_case([shared] { shared->report(); }, id, __FILE__, __LINE__);
    unit->add_precondition([shared](boost::unit_test::test_unit_id) { return shared->may_start(); });
    suite->add(unit);
  }
  return suite;
}

}  // namespace detail

/// Adds the clauses to the test program. For an object with static storage duration.
/// Requires: Harness is default-constructible; it is made when the first clause runs.
template <class Harness>
  requires(explain_harness<Harness>() && conformance_harness<Harness>)
class BoostTestSuite {
 public:
  explicit BoostTestSuite(const Options& options = {}, Isolation isolation = Isolation::none) {
    const auto session =
        std::make_shared<detail::BoostTestSession>([] { return std::make_unique<detail::HarnessSubject<Harness>>(); }, options, isolation);
    boost::unit_test::framework::current_auto_test_suite().add(detail::make_boost_test_suite(Harness::name, session));
  }
};

}  // namespace hybridbuffer::conformance
