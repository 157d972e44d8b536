#include "run_subject.hpp"
#include "well_formed.hpp"

#include <boost/test/unit_test.hpp>
#include <hybridbuffer/conformance/catalogue.hpp>

#include <string>
#include <string_view>
#include <utility>

using namespace hybridbuffer::conformance;
using kit_test::Finished;
using kit_test::run_subject;

namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// CREATE-2 is about empty objects, where the subject goes wrong.
constexpr std::string_view few = "--clause CREATE-2 --clause META --hang-after 5";

}  // namespace

BOOST_AUTO_TEST_CASE(a_sound_backend_without_hooks_passes) {
  const Finished run = run_subject("sound", "--clause META --clause CREATE-2");

  BOOST_TEST(run.status == 0);
  BOOST_TEST(has(run.output, "FAIL 0, NOT-RUN 3, UNKNOWN 0: passed"));
  BOOST_TEST(has(run.output, "the harness has no usable stored_objects()"));
  BOOST_TEST(run.errors == "");
}

BOOST_AUTO_TEST_CASE(a_backend_that_hangs_fails_one_clause_and_the_report_is_complete) {
  const Finished run = run_subject("hangs", few);

  BOOST_TEST(run.status == 1);
  BOOST_TEST(has(run.output, "FAIL 1, NOT-RUN 3, UNKNOWN 0: 1 clause failed"));
  BOOST_TEST(has(run.output, "an operation hangs: it did not return within 5000 ms"));
  BOOST_TEST(has(run.output, ": read("));
  BOOST_TEST(has(run.output, "... did not return"));
  BOOST_TEST(has(run.output, " --clause CREATE-2 --seed 1 --tier quick"));
}

BOOST_AUTO_TEST_CASE(a_backend_that_crashes_fails_one_clause_and_the_report_is_complete) {
  const Finished run = run_subject("crashes", few);

  BOOST_TEST(run.status == 1);
  BOOST_TEST(has(run.output, "FAIL 1, NOT-RUN 3, UNKNOWN 0: 1 clause failed"));
  // A sanitizer reports the signal and ends the process with a status.
  BOOST_TEST((has(run.output, "crashed: ") || has(run.output, "the process ended with status ")));
  BOOST_TEST(has(run.output, "... did not return"));
}

BOOST_AUTO_TEST_CASE(a_backend_that_throws_fails_one_clause_and_the_report_is_complete) {
  const Finished run = run_subject("throws", few);

  BOOST_TEST(run.status == 1);
  BOOST_TEST(has(run.output, "FAIL 1, NOT-RUN 3, UNKNOWN 0: 1 clause failed"));
  BOOST_TEST(has(run.output, "a backend that throws <&\"]]>"));
}

BOOST_AUTO_TEST_CASE(a_backend_that_ends_the_process_fails_one_clause_and_the_report_is_complete) {
  const Finished run = run_subject("exits", few);

  BOOST_TEST(run.status == 1);
  BOOST_TEST(has(run.output, "the process ended with status 0"));
  BOOST_TEST(has(run.output, "FAIL 1, NOT-RUN 3, UNKNOWN 0: 1 clause failed"));
}

BOOST_AUTO_TEST_CASE(what_a_backend_prints_is_no_part_of_the_report) {
  const Finished run = run_subject("prints", few);

  BOOST_TEST(run.status == 0);
  BOOST_TEST(!has(run.output, "a backend that prints"));
  BOOST_TEST(has(run.errors, "a backend that prints"));
}

BOOST_AUTO_TEST_CASE(a_hook_that_lies_is_found_also_when_only_other_clauses_are_wanted) {
  const Finished run = run_subject("lies", "--clause CREATE-2");

  BOOST_TEST(run.status == 1);
  BOOST_TEST(has(run.output, "META-2"));
  BOOST_TEST(has(run.output, "stored_objects() is 0 after a commit"));
  BOOST_TEST(has(run.output, "FAIL 1, NOT-RUN 0, UNKNOWN 0"));
}

BOOST_AUTO_TEST_CASE(a_harness_that_cannot_be_made_is_no_verdict) {
  const Finished run = run_subject("refuses", few);

  BOOST_TEST(run.status == 2);
  BOOST_TEST(has(run.errors, "no such store"));
}

BOOST_AUTO_TEST_CASE(wrong_usage_says_what_is_wrong) {
  for (const auto& [arguments, sentence] : {std::pair{"--wrong", "unknown option --wrong"},
                                            {"CREATE-2", "unknown option CREATE-2"},
                                            {"--clause", "--clause needs a value"},
                                            {"--clause CREATE-99", "there is no clause or family CREATE-99"},
                                            {"--tier huge", "--tier is quick, full or slow, not huge"},
                                            {"--seed 1x", "--seed needs a number, not 1x"},
                                            {"--seed -1", "--seed needs a number, not -1"},
                                            {"--repeat 0", "--repeat needs a number from 1, not 0"},
                                            {"--child 1", "--child is not for people"}}) {
    const Finished run = run_subject("sound", arguments);
    BOOST_TEST(run.status == 2, arguments);
    BOOST_TEST(has(run.errors, sentence), arguments << ": " << run.errors);
    BOOST_TEST(has(run.errors, "--help"), arguments);
    BOOST_TEST(run.output == "", arguments);
  }
}

BOOST_AUTO_TEST_CASE(help_and_the_list_are_on_standard_output) {
  const Finished help = run_subject("sound", "--help");
  const Finished list = run_subject("sound", "--list");

  BOOST_TEST(help.status == 0);
  BOOST_TEST(has(help.output, "--repeat N"));
  BOOST_TEST(list.status == 0);
  BOOST_TEST(kit_test::occurrences(list.output, "\n") == catalogue().size());
  for (const Clause* clause : catalogue()) BOOST_TEST(has(list.output, clause->rule), clause->id);
}

BOOST_AUTO_TEST_CASE(a_family_is_wanted_by_its_name) {
  const Finished run = run_subject("sound", "--clause META");

  BOOST_TEST(run.status == 0);
  BOOST_TEST(has(run.output, "FAIL 0, NOT-RUN 3, UNKNOWN 0"));
  BOOST_TEST(!has(run.output, "CREATE"));
}

BOOST_AUTO_TEST_CASE(clauses_that_all_did_not_run_are_no_pass) {
  const Finished run = run_subject("sound", "--clause META-2");

  BOOST_TEST(run.status == 2);
  BOOST_TEST(has(run.output, "nothing ran"));
}

BOOST_AUTO_TEST_CASE(a_run_is_repeated_with_the_next_seeds) {
  const Finished run = run_subject("sound", "--clause CREATE-2 --seed 7 --repeat 3");

  BOOST_TEST(run.status == 0);
  for (const std::string_view seed : {"seed 7\n", "seed 8\n", "seed 9\n"}) BOOST_TEST(has(run.output, seed));
  BOOST_TEST(!has(run.output, "seed 10\n"));
}

BOOST_AUTO_TEST_CASE(reports_are_written_and_well_formed_for_what_fails) {
  const kit_test::TemporaryFile html;
  const kit_test::TemporaryFile json;
  const kit_test::TemporaryFile junit;
  const Finished run =
      run_subject("throws", std::string{few} + " --report " + html.path() + " --json " + json.path() + " --junit " + junit.path());

  BOOST_TEST(run.status == 1);
  BOOST_TEST(kit_test::markup_problem(kit_test::content_of(html.path()), true) == "");
  BOOST_TEST(kit_test::json_problem(kit_test::content_of(json.path())) == "");
  BOOST_TEST(kit_test::markup_problem(kit_test::content_of(junit.path())) == "");
  BOOST_TEST(has(kit_test::content_of(junit.path()), "failures=\"1\""));
}

BOOST_AUTO_TEST_CASE(a_report_that_cannot_be_written_is_no_pass) {
  const Finished run = run_subject("sound", "--clause CREATE-2 --json /nowhere/report.json");

  BOOST_TEST(run.status == 2);
  BOOST_TEST(has(run.errors, "cannot write /nowhere/report.json"));
}

BOOST_AUTO_TEST_CASE(a_report_that_standard_output_does_not_take_is_no_pass) {
  for (const char* arguments : {"--clause CREATE-2", "--help", "--list"}) {
    const Finished run = run_subject("sound", arguments, ">/dev/full");

    BOOST_TEST(run.status == 2, arguments);
    BOOST_TEST(has(run.errors, "cannot write standard output"), arguments << ": " << run.errors);
  }
}

BOOST_AUTO_TEST_CASE(closed_standard_descriptors_change_no_verdict) {
  const kit_test::TemporaryFile json;
  for (const char* closed : {"<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"}) {
    const Finished run = run_subject("sound", "--clause CREATE-2 --json " + json.path(), closed);

    BOOST_TEST(run.status == 0, closed << ": " << run.output << run.errors);
    BOOST_TEST(kit_test::json_problem(kit_test::content_of(json.path())) == "", closed);
  }
}

BOOST_AUTO_TEST_CASE(in_process_runs_give_the_same_verdicts) {
  const Finished run = run_subject("throws", std::string{few} + " --in-process");

  BOOST_TEST(run.status == 1);
  BOOST_TEST(has(run.output, "FAIL 1, NOT-RUN 3, UNKNOWN 0: 1 clause failed"));
}
