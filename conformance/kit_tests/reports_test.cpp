#include "render.hpp"
#include "summary.hpp"
#include "well_formed.hpp"
#include "words.hpp"

#include <boost/test/unit_test.hpp>
#include <hybridbuffer/conformance/catalogue.hpp>
#include <hybridbuffer/conformance/report.hpp>

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

using namespace hybridbuffer;
using namespace hybridbuffer::conformance;
using kit_test::occurrences;

namespace {

constexpr std::string_view hostile = "<b>&\"'\\ ]]> \x01 \xff \xc0\xaf \xed\xa0\x80 \xef\xbf\xbf \xc3\xa4 \xf0\x9f\x98\x80\nnext";

const Clause passing{.id = "ALPHA-1", .rule = "the first rule", .look_here = "nowhere", .capability = Capability::reader_at};
const Clause failing{.id = "ALPHA-2", .rule = "a rule with <angles> & \"quotes\"", .look_here = "the <place>"};
const Clause skipped{.id = "BETA-1", .rule = "a rule that needs a hook", .look_here = "the hook", .obligation = Obligation::hooked};
const Clause unclear{.id = "BETA-2", .rule = "a rule of an unclear end", .look_here = "the kit"};

ClauseResult result_of(const Clause& clause, Verdict verdict, std::string_view seen = {}) {
  ClauseResult result;
  result.clause = &clause;
  result.verdict = verdict;
  result.seen = std::string{seen};
  result.seconds = 0.25;
  return result;
}

Report hostile_report() {
  Report report;
  report.name = std::string{"a name "} + std::string{hostile};
  report.program = "/a path/with 'quotes'";
  report.options.seed = 18446744073709551615U;
  report.capabilities = {Capability::reader_at, Capability::publish};
  report.traits.chunk_size = 4096;
  report.hooks = {"inject"};
  report.results.push_back(result_of(passing, Verdict::pass));
  report.results.back().parts_not_run = {std::string{hostile}};
  report.results.back().size_reached = 1536;
  report.results.push_back(result_of(failing, Verdict::fail, hostile));
  report.results.back().trace = {"location 1: create", std::string{hostile}};
  report.results.push_back(result_of(skipped, Verdict::not_run, hostile));
  report.results.push_back(result_of(unclear, Verdict::unknown, "the kit failed"));
  return report;
}

Report passing_report() {
  Report report;
  report.name = "sound";
  report.clauses_in_set = catalogue().size();
  for (const Clause* clause : catalogue()) report.results.push_back(result_of(*clause, Verdict::pass));
  return report;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::size_t widest_line(std::string_view text) {
  std::size_t widest = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    widest = std::max(widest, end - at);
    at = end + 1;
  }
  return widest;
}

}  // namespace

BOOST_AUTO_TEST_CASE(every_form_is_well_formed_whatever_a_backend_says) {
  const Report report = hostile_report();

  BOOST_TEST(kit_test::json_problem(render_json(report)) == "");
  BOOST_TEST(kit_test::markup_problem(render_junit(report)) == "");
  BOOST_TEST(kit_test::markup_problem(render_html(report), true) == "");
  BOOST_TEST(kit_test::is_clean_text(render_text(report)));
}

BOOST_AUTO_TEST_CASE(every_form_of_an_empty_report_is_well_formed) {
  const Report report;

  BOOST_TEST(report.exit_code() == 2);
  BOOST_TEST(kit_test::json_problem(render_json(report)) == "");
  BOOST_TEST(kit_test::markup_problem(render_junit(report)) == "");
  BOOST_TEST(kit_test::markup_problem(render_html(report), true) == "");
  BOOST_TEST(has(render_text(report), "PASS 0, FAIL 0, NOT-RUN 0, UNKNOWN 0: nothing ran"));
}

BOOST_AUTO_TEST_CASE(the_checks_of_these_tests_see_what_is_malformed) {
  for (const std::string_view wrong : {"", "{", "{\"a\":}", "[1,]", "\"\n\"", "\"\\x\"", "01", "{} {}", "\"\xff\""}) {
    BOOST_TEST(kit_test::json_problem(wrong) != "", wrong);
  }
  const std::string head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  for (const std::string_view wrong :
       {"", "<a>", "<a></b>", "<a b=\"<\"/>", "<a b=\"1\" b=\"2\"/>", "<a>&nbsp;</a>", "<a/><b/>", "<a/>x"}) {
    BOOST_TEST(kit_test::markup_problem(head + std::string{wrong}) != "", wrong);
  }
  BOOST_TEST(kit_test::markup_problem(head + "<a b=\"&amp;\"><c/>x</a>\n") == "");
}

BOOST_AUTO_TEST_CASE(the_text_counts_all_four_verdicts_and_shows_what_helps) {
  const std::string text = render_text(hostile_report());

  BOOST_TEST(has(text, "PASS 1, FAIL 1, NOT-RUN 1, UNKNOWN 1: 1 clause failed"));
  BOOST_TEST(has(text, "a rule with <angles>"));
  BOOST_TEST(has(text, "the <place>"));
  BOOST_TEST(has(text, "location 1: create"));
  BOOST_TEST(has(text, "'/a path/with '\\''quotes'\\''' --clause ALPHA-2 --seed 18446744073709551615 --tier quick"));
  BOOST_TEST(has(text, "reader_at, publish"));
  BOOST_TEST(has(text, "1.5 KiB, by ALPHA-1"));
  BOOST_TEST(!has(text, "Certificate"));
  BOOST_TEST(!has(text, "\x1b"));
}

BOOST_AUTO_TEST_CASE(the_text_fits_into_a_hundred_columns) {
  Report report = hostile_report();
  report.program = "program";
  report.results[1].seen.clear();
  for (int i = 0; i < 100; ++i) report.results[1].seen += "word" + std::to_string(i) + " ";

  BOOST_TEST(widest_line(render_text(report)) <= 100U);
}

BOOST_AUTO_TEST_CASE(the_text_has_colours_only_when_it_is_asked_to) {
  BOOST_TEST(has(render_text(hostile_report(), true), "\x1b[1;31mFAIL\x1b[0m"));
}

BOOST_AUTO_TEST_CASE(junit_has_a_test_case_a_clause_and_a_skip_says_why) {
  Report report = hostile_report();
  report.results[2].seen = "no hook";
  const std::string xml = render_junit(report);

  BOOST_TEST(occurrences(xml, "<testcase ") == 4U);
  BOOST_TEST(occurrences(xml, "<skipped message=\"no hook\"/>") == 1U);
  BOOST_TEST(occurrences(xml, "<failure ") == 1U);
  BOOST_TEST(occurrences(xml, "<error ") == 1U);
  BOOST_TEST(has(xml, "tests=\"4\" failures=\"1\" errors=\"1\" skipped=\"1\""));
}

BOOST_AUTO_TEST_CASE(a_required_clause_that_did_not_run_is_no_skip) {
  Report report = passing_report();
  report.results.front().verdict = Verdict::not_run;
  report.results.front().missing = true;

  BOOST_TEST(report.exit_code() == 1);
  BOOST_TEST(has(render_junit(report), "<error "));
  BOOST_TEST(!has(render_junit(report), "<skipped "));
  BOOST_TEST(has(render_text(report), "1 required clause did not run"));
  BOOST_TEST(has(render_text(report), "REQUIRED: "));
}

BOOST_AUTO_TEST_CASE(the_json_names_every_clause_and_the_counts) {
  const std::string json = render_json(hostile_report());

  for (const std::string_view id : {"ALPHA-1", "ALPHA-2", "BETA-1", "BETA-2"}) BOOST_TEST(has(json, "\"id\": \"" + std::string{id} + "\""));
  BOOST_TEST(occurrences(json, "\"FAIL\": 1") == 1U);
  BOOST_TEST(has(json, "\"passed\": false"));
  BOOST_TEST(has(json, "\"seed\": 18446744073709551615"));
}

BOOST_AUTO_TEST_CASE(a_certificate_names_the_levels_and_what_did_not_run) {
  Report report = passing_report();
  report.results.back().parts_not_run = {"no hook"};
  const std::string text = render_text(report);

  BOOST_TEST(report.exit_code() == 0);
  BOOST_TEST(has(certificate(report), "sound holds hybridbuffer-storage/1.0, tier quick: base"));
  BOOST_TEST(has(certificate(report), "; 0 clauses and parts of 1 did not run"));
  BOOST_TEST(has(text, "Certificate: sound holds"));
  BOOST_TEST(has(render_html(report), "<h2>Certificate</h2>"));
}

BOOST_AUTO_TEST_CASE(some_clauses_make_no_certificate) {
  Report report = passing_report();
  report.results.resize(1);

  BOOST_TEST(report.passed());
  BOOST_TEST(!has(render_text(report), "Certificate:"));
  BOOST_TEST(has(render_text(report), "No certificate"));
}

BOOST_AUTO_TEST_CASE(a_level_is_held_only_when_a_clause_of_it_passed) {
  Report report;
  report.results.push_back(result_of(passing, Verdict::not_run, "not declared"));
  report.results.push_back(result_of(failing, Verdict::pass));

  BOOST_TEST(joined(levels_held(report)) == "base");
  report.results.front().verdict = Verdict::pass;
  BOOST_TEST(joined(levels_held(report)) == "base, ReaderAt");
}

BOOST_AUTO_TEST_CASE(long_text_breaks_at_blanks_and_long_words_do_not_vanish) {
  BOOST_TEST(wrapped("one two three", 2, 24) == "one two three");
  BOOST_TEST(wrapped("aaaaaaaaaa bbbbbbbbbb cccccccccc", 2, 24) == "aaaaaaaaaa bbbbbbbbbb\n  cccccccccc");
  BOOST_TEST(wrapped(std::string(50, 'x') + " y", 0, 24) == std::string(50, 'x') + "\ny");
  BOOST_TEST(wrapped("a\nb", 4) == "a\n    b");
  BOOST_TEST(wrapped("", 4) == "");
}
