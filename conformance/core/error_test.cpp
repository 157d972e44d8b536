#include <boost/test/unit_test.hpp>

#include <hybridbuffer/error.hpp>

#include "../support/allocation_faults.hpp"

#include <array>
#include <cerrno>
#include <future>
#include <map>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;
using hybridbuffer::testing::AllocationCounters;
using hybridbuffer::testing::FailingAllocation;

constexpr std::array all_codes{
    errc::not_found, errc::closed,      errc::invalid_argument, errc::no_space, errc::permission,     errc::timeout, errc::unavailable,
    errc::corrupted, errc::unsupported, errc::limit_exceeded,   errc::busy,     errc::already_exists, errc::io};

const std::map<int, errc> category_table{{ENOENT, errc::not_found},
                                         {ENOTDIR, errc::not_found},
                                         {EBADF, errc::closed},
                                         {EINVAL, errc::invalid_argument},
                                         {ENAMETOOLONG, errc::invalid_argument},
                                         {EISDIR, errc::invalid_argument},
                                         {ELOOP, errc::invalid_argument},
                                         {ENOSPC, errc::no_space},
                                         {EDQUOT, errc::no_space},
                                         {ENOMEM, errc::no_space},
                                         {EACCES, errc::permission},
                                         {EPERM, errc::permission},
                                         {EROFS, errc::permission},
                                         {ETIMEDOUT, errc::timeout},
                                         {EAGAIN, errc::unavailable},
                                         {EMFILE, errc::unavailable},
                                         {ENFILE, errc::unavailable},
                                         {ENOBUFS, errc::unavailable},
                                         {ECONNREFUSED, errc::unavailable},
                                         {ECONNRESET, errc::unavailable},
                                         {EHOSTUNREACH, errc::unavailable},
                                         {ENETUNREACH, errc::unavailable},
                                         {EPIPE, errc::unavailable},
                                         {EOPNOTSUPP, errc::unsupported},
                                         {ENOSYS, errc::unsupported},
                                         {EXDEV, errc::unsupported},
                                         {EFBIG, errc::limit_exceeded},
                                         {EOVERFLOW, errc::limit_exceeded},
                                         {EBUSY, errc::busy},
                                         {ETXTBSY, errc::busy},
                                         {EEXIST, errc::already_exists}};

constexpr int beyond_all_errno = 200;

}  // namespace

BOOST_AUTO_TEST_SUITE(errors)

BOOST_AUTO_TEST_CASE(an_error_is_small_and_copies_and_moves_without_throwing) {
  static_assert(sizeof(Error) <= 24);
  static_assert(sizeof(Result<void>) <= 32 && sizeof(Result<std::uint64_t>) <= 32);
  static_assert(std::is_nothrow_copy_constructible_v<Error> && std::is_nothrow_copy_assignable_v<Error>);
  static_assert(std::is_nothrow_move_constructible_v<Error> && std::is_nothrow_move_assignable_v<Error>);
  static_assert(std::is_nothrow_copy_constructible_v<Result<void>>);
  static_assert(std::is_nothrow_invocable_v<decltype(&Error::from_errno), int, OperationName, std::string_view>);

  BOOST_TEST(sizeof(Error) == 24U);
}

BOOST_AUTO_TEST_CASE(an_error_without_a_subject_allocates_nothing) {
  const auto before = AllocationCounters::calls.load();

  const Error plain{errc::closed, "read"};
  const Error native = Error::from_errno(ENOSPC, "write");
  const Error copy = native;  // NOLINT(performance-unnecessary-copy-initialization): the copy is what is counted

  BOOST_TEST(AllocationCounters::calls.load() == before);
  BOOST_TEST((plain == errc::closed && native == errc::no_space && copy == errc::no_space));
}

BOOST_AUTO_TEST_CASE(a_failure_from_errno_is_what_errno_says) {
  const auto failed = [](int number) -> Result<int> {
    errno = number;
    return failure_from_errno("open", "a file");
  };

  BOOST_TEST((failed(ENOENT).error() == errc::not_found));
  BOOST_TEST((failed(EACCES).error().native() == std::error_code{EACCES, std::system_category()}));
  BOOST_TEST(failed(ENOSPC).error().message().find("a file") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(copies_share_one_allocation_and_outlive_the_original) {
  const auto live_before = AllocationCounters::live_bytes.load();
  {
    const Error survivor = [] {
      const Error original = Error::from_errno(EACCES, "open file in", std::string{"/var/lib/a-path-that-"} + "is-too-long-for-the-stack");
      const auto calls_before = AllocationCounters::calls.load();
      const Error copy{original};
      Error copy_of_copy{copy};
      BOOST_TEST(AllocationCounters::calls.load() == calls_before);
      return copy_of_copy;
    }();

    BOOST_TEST(survivor.subject() == "/var/lib/a-path-that-is-too-long-for-the-stack");
    BOOST_TEST(survivor.operation() == "open file in");
    BOOST_TEST((survivor.native() == std::error_code{EACCES, std::system_category()}));
    BOOST_TEST(AllocationCounters::live_bytes.load() > live_before);
  }
  BOOST_TEST(AllocationCounters::live_bytes.load() == live_before);
}

BOOST_AUTO_TEST_CASE(assignment_replaces_everything_and_frees_what_was_there) {
  const auto live_before = AllocationCounters::live_bytes.load();
  {
    Error target{errc::busy, "lock", "the first subject"};
    const Error source{errc::timeout, "ask", std::make_error_code(std::errc::timed_out), "the second subject"};

    target = source;
    target = *&target;

    BOOST_TEST((target == errc::timeout));
    BOOST_TEST(target.operation() == "ask");
    BOOST_TEST(target.subject() == "the second subject");
    BOOST_TEST((target.native() == source.native()));
    target = Error{errc::closed, "read"};
    BOOST_TEST(target.subject().empty());
    BOOST_TEST(!target.native());
  }
  BOOST_TEST(AllocationCounters::live_bytes.load() == live_before);
}

BOOST_AUTO_TEST_CASE(a_moved_from_error_keeps_its_code_and_loses_its_subject) {
  Error source{errc::corrupted, "read", "chunk 7"};

  const Error target{std::move(source)};

  BOOST_TEST(target.subject() == "chunk 7");
  BOOST_TEST((source == errc::corrupted));  // NOLINT(bugprone-use-after-move): the promise under test
  BOOST_TEST(source.subject().empty());
  BOOST_TEST(source.message() == "read [corrupted]");
}

BOOST_AUTO_TEST_CASE(an_error_whose_details_cannot_be_allocated_keeps_its_code) {
  FailingAllocation no_memory{1, true};
  const Error plain{errc::permission, "open", "/a/subject"};
  const Error native = Error::from_errno(EACCES, "open", "/a/subject");
  const Error foreign{errc::io, "ask", std::error_code{5, std::iostream_category()}, "a subject"};
  const auto fired = no_memory.fired();

  BOOST_TEST(fired == 3U);
  BOOST_TEST((plain == errc::permission && plain.subject().empty()));
  BOOST_TEST((native == errc::permission && native.native().value() == EACCES && native.subject().empty()));
  // A number without its category would read as an errno.
  BOOST_TEST((foreign == errc::io && !foreign.native()));
}

BOOST_AUTO_TEST_CASE(a_native_code_of_any_category_survives_copies) {
  const std::error_code native = std::make_error_code(std::future_errc::broken_promise);

  const Error error{errc::io, "wait", native};
  const Error copy{error};

  BOOST_TEST((copy.native() == native));
  BOOST_TEST((&copy.native().category() == &std::future_category()));
  BOOST_TEST((Error{errc::io, "wait", std::error_code{ENOENT, std::generic_category()}}.native() ==
              std::error_code{ENOENT, std::generic_category()}));
}

BOOST_AUTO_TEST_CASE(a_long_subject_is_cut_not_refused) {
  const std::string longest(4096, 'a');

  BOOST_TEST((Error{errc::io, "open", longest}.subject() == longest));
  BOOST_TEST((Error{errc::io, "open", longest + "b"}.subject() == longest));
  BOOST_TEST((Error{errc::io, "open", std::string(std::size_t{1} << 20U, 'a')}.subject() == longest));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(categories)

BOOST_AUTO_TEST_CASE(every_errno_has_the_category_of_the_table_and_io_otherwise) {
  for (int number = 0; number < beyond_all_errno; ++number) {
    const auto found = category_table.find(number);
    const errc expected = found != category_table.end() ? found->second : errc::io;

    BOOST_TEST_CONTEXT("errno " << number) {
      BOOST_TEST((category_of_errno(number) == expected));
      const Error error = Error::from_errno(number, "call");
      BOOST_TEST((error == expected));
      BOOST_TEST(error.native().value() == number);
      BOOST_TEST((error.native().category() == std::system_category()));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_system_error_code_equals_exactly_one_category) {
  for (int number = 1; number < beyond_all_errno; ++number) {
    for (const errc code : all_codes) {
      const bool expected = category_of_errno(number) == code;

      BOOST_TEST_CONTEXT("errno " << number << " against " << name_of(code)) {
        BOOST_TEST((std::error_code{number, std::system_category()} == code) == expected);
        BOOST_TEST((std::error_code{number, std::generic_category()} == code) == expected);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(success_and_foreign_codes_equal_no_category) {
  for (const errc code : all_codes) {
    BOOST_TEST((std::error_code{} != code));
    BOOST_TEST((std::error_code{static_cast<int>(code), std::iostream_category()} != code));
  }
}

BOOST_AUTO_TEST_CASE(an_error_code_travels_as_a_standard_condition) {
  const std::error_condition condition = errc::no_space;
  const Error error{errc::no_space, "write"};

  BOOST_TEST((make_error_condition(error) == condition));
  BOOST_TEST((condition.category() == error_category()));
  BOOST_TEST(condition.message() == "no_space");
  BOOST_TEST(std::string_view{error_category().name()} == "hybridbuffer");
  BOOST_TEST((condition != std::error_condition{errc::io}));
}

BOOST_AUTO_TEST_CASE(each_category_has_a_name_of_its_own) {
  std::map<std::string_view, errc> names;

  for (const errc code : all_codes) names.emplace(name_of(code), code);

  BOOST_TEST(names.size() == all_codes.size());
  BOOST_TEST((names.at("already_exists") == errc::already_exists));
  BOOST_TEST(!names.contains("unknown"));
  BOOST_TEST(name_of(static_cast<errc>(0)) == "unknown");
  BOOST_TEST(name_of(static_cast<errc>(200)) == "unknown");
}

BOOST_AUTO_TEST_CASE(only_timeout_and_unavailable_leave_the_effect_unknown) {
  for (const errc code : all_codes) {
    const bool expected = code == errc::timeout || code == errc::unavailable;

    BOOST_TEST_CONTEXT(name_of(code)) { BOOST_TEST((Error{code, "call"}.is_indeterminate() == expected)); }
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(texts_and_results)

BOOST_AUTO_TEST_CASE(the_message_says_operation_subject_cause_and_category) {
  const std::string cause = std::error_code{EACCES, std::system_category()}.message();

  BOOST_TEST((Error{errc::closed, "read"}.message() == "read [closed]"));
  BOOST_TEST((Error{errc::not_found, "open file in", "/x"}.message() == "open file in /x [not_found]"));
  BOOST_TEST(Error::from_errno(EACCES, "open file in", "/x").message() == "open file in /x: " + cause + " [permission]");
  BOOST_TEST(Error::from_errno(EACCES, "open").message() == "open: " + cause + " [permission]");
}

BOOST_AUTO_TEST_CASE(failure_makes_a_result_without_a_value) {
  const Result<int> number = failure(errc::busy, "lock", "a file");
  const Result<void> nothing = failure(errc::busy, "lock");

  BOOST_TEST(!number.has_value());
  BOOST_TEST((number.error() == errc::busy));
  BOOST_TEST(number.error().subject() == "a file");
  BOOST_TEST((!nothing && nothing.error().subject().empty()));
}

BOOST_AUTO_TEST_CASE(failure_from_errno_takes_the_errno_of_the_failed_call) {
  errno = EFBIG;

  const Result<void> failed = failure_from_errno("write", "/a/file");

  BOOST_TEST((failed.error() == errc::limit_exceeded));
  BOOST_TEST(failed.error().native().value() == EFBIG);
  BOOST_TEST(failed.error().subject() == "/a/file");
}

BOOST_AUTO_TEST_CASE(an_error_forwarded_from_result_to_result_stays_the_same) {
  const Result<int> first = Result<int>{std::unexpect, Error::from_errno(EIO, "read", "sector 5")};

  const Result<std::string> second = std::unexpected{first.error()};

  BOOST_TEST(second.error().message() == first.error().message());
}

BOOST_AUTO_TEST_SUITE_END()
