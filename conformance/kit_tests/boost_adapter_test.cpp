#include "run_subject.hpp"

#include <boost/test/unit_test.hpp>
#include <hybridbuffer/conformance/catalogue.hpp>

#include <string>
#include <string_view>

using kit_test::Finished;
using kit_test::run_subject;

namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

BOOST_AUTO_TEST_CASE(there_is_a_case_for_each_clause_named_by_its_id) {
  const Finished run = run_subject("sound", "--list_content");

  for (const auto* clause : hybridbuffer::conformance::catalogue()) BOOST_TEST(has(run.errors, std::string{clause->id} + "*"), clause->id);
}

BOOST_AUTO_TEST_CASE(a_clause_without_its_hook_is_a_skip_that_says_why) {
  const Finished run = run_subject("sound", "--run_test=memory/META-2 --log_level=test_suite");

  BOOST_TEST(has(run.output, "META-2"));
  BOOST_TEST(has(run.output, "is skipped because"));
  BOOST_TEST(has(run.output, "the harness has no usable stored_objects()"));
}

BOOST_AUTO_TEST_CASE(a_failure_shows_the_rule_and_what_was_seen) {
  const Finished run = run_subject("lies", "--run_test=lying/META-2");

  BOOST_TEST(run.status != 0);
  BOOST_TEST(has(run.output + run.errors, "stored_objects() sees what was committed"));
  BOOST_TEST(has(run.output + run.errors, "stored_objects() is 0 after a commit"));
  BOOST_TEST(has(run.output + run.errors, "look here first"));
}

BOOST_AUTO_TEST_CASE(one_clause_alone_runs) {
  const Finished run = run_subject("sound", "--run_test=memory/CREATE-2");

  BOOST_TEST(run.status == 0);
}
