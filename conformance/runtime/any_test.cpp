#include "declared_backend.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/file.hpp>
#include <hybridbuffer/backend/memory.hpp>

#include "../../docs/examples/minimal_backend.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

namespace {

using Calls = std::vector<std::string>;
using enum Capability;
constexpr std::array optional_members{reader_at, seeker,   append,  append_granularity, shrink, discard,
                                      map,       transfer, publish, max_object_size};

/// The calls since the last time.
Calls taken_calls() { return std::exchange(calls(), {}); }

/// Calls the member that `member` declares. Returns: its category; for the two numbers, whether it is the one that limits nothing.
errc call_member(AnyBackend& any, Capability member) {
  switch (member) {
    case reader_at: return code_of(any.open_reader_at());
    case seeker: return code_of(any.open_seeker());
    case append: return code_of(any.append());
    case append_granularity: return any.append_granularity() == 1 ? errc::unsupported : errc{};
    case shrink: return code_of(any.shrink(1));
    case discard: return code_of(any.discard(1, 2));
    case map: return code_of(any.map(1, 2));
    case transfer: {
      const errc to = code_of(any.transfer_to(-1, 0, 1));
      return to == code_of(any.transfer_from(-1, 1)) ? to : errc::corrupted;
    }
    case publish: return code_of(any.publish("x", PublishMode::keep));
    case max_object_size: return any.max_object_size() == std::numeric_limits<std::uint64_t>::max() ? errc::unsupported : errc{};
    case gather: break;
  }
  return errc::unsupported;
}

template <class Test>
void with_each_member_alone(Test&& test) {
  test(DeclaredBackend<WithReaderAt>{}, reader_at);
  test(DeclaredBackend<WithSeeker>{}, seeker);
  test(DeclaredBackend<WithAppend>{}, append);
  test(DeclaredBackend<WithAppendGranularity>{}, append_granularity);
  test(DeclaredBackend<WithShrink>{}, shrink);
  test(DeclaredBackend<WithDiscard>{}, discard);
  test(DeclaredBackend<WithMap>{}, map);
  test(DeclaredBackend<WithTransfer>{}, transfer);
  test(DeclaredBackend<WithPublish>{}, publish);
  test(DeclaredBackend<WithMaxObjectSize>{}, max_object_size);
}

void expect_all_closed(AnyBackend& any) {
  BOOST_TEST((any.capabilities() == Capabilities{}));
  BOOST_TEST(any.holds_nothing());
  BOOST_TEST((code_of(any.create()) == errc::closed));
  BOOST_TEST((code_of(any.open()) == errc::closed));
  BOOST_TEST((code_of(any.remove()) == errc::closed));
  for (const Capability member : optional_members) {
    if (member == append_granularity || member == max_object_size) continue;
    BOOST_TEST((call_member(any, member) == errc::closed));
  }
  BOOST_TEST(any.append_granularity() == 1);
  BOOST_TEST(any.max_object_size() == 0);
}

struct Fixture {
  Fixture() { calls().clear(); }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(capabilities, Fixture)

BOOST_AUTO_TEST_CASE(each_is_kept_alone_and_every_other_is_unsupported) {
  with_each_member_alone([](auto backend, Capability declared) {
    AnyBackend any{std::move(backend)};

    BOOST_TEST((any.capabilities() == Capabilities{declared}));
    for (const Capability member : optional_members) {
      calls().clear();
      const errc answer = call_member(any, member);
      BOOST_TEST((answer == errc::unsupported) == (member != declared));
      BOOST_TEST(calls().empty() == (member != declared));
    }
  });
}

BOOST_AUTO_TEST_CASE(all_together_are_kept_and_none_where_there_are_none) {
  BOOST_TEST((AnyBackend{CompleteBackend{}}.capabilities() == CompleteBackend::capabilities()));
  BOOST_TEST((AnyBackend{DeclaredBackend<>{}}.capabilities() == Capabilities{}));
  BOOST_TEST((AnyBackend{GatheringBackend{}}.capabilities() == Capabilities{gather}));
  BOOST_TEST((AnyBackend{examples::VectorBackend{}}.capabilities() == Capabilities{}));
  BOOST_TEST((AnyBackend{MemoryBackend{}}.capabilities() == MemoryBackend::capabilities()));
}

BOOST_AUTO_TEST_CASE(of_those_that_are_there_only_the_declared_ones_count_at_run_time) {
  for (const Capability declared : optional_members) {
    RunTimeBackend backend;
    backend.declared = {declared};
    AnyBackend any{std::move(backend)};

    BOOST_TEST((any.capabilities() == Capabilities{declared}));
    for (const Capability member : optional_members) {
      calls().clear();
      const errc answer = call_member(any, member);
      BOOST_TEST((answer == errc::unsupported) == (member != declared));
      BOOST_TEST(calls().empty() == (member != declared));
    }
  }
}

BOOST_AUTO_TEST_CASE(an_object_has_no_limit_where_none_is_declared) {
  const AnyBackend any{DeclaredBackend<>{}};
  BOOST_TEST(any.max_object_size() == std::numeric_limits<std::uint64_t>::max());
  BOOST_TEST(any.append_granularity() == 1);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(passing_on, Fixture)

BOOST_AUTO_TEST_CASE(every_call_arrives_with_its_arguments_and_its_answer_comes_back) {
  AnyBackend any{CompleteBackend{}};

  BOOST_TEST((code_of(any.remove()) == errc::permission));
  BOOST_TEST((code_of(any.shrink(7)) == errc::busy));
  BOOST_TEST((code_of(any.discard(8, 9)) == errc::busy));
  BOOST_TEST(any.transfer_to(3, 4, 5).value() == 11);
  BOOST_TEST(any.transfer_from(6, 7).value() == 12);
  BOOST_TEST((code_of(any.publish("name", PublishMode::keep)) == errc::already_exists));
  BOOST_TEST(any.append_granularity() == 4096);
  BOOST_TEST(any.max_object_size() == 1000);
  BOOST_TEST((taken_calls() == Calls{"remove", "shrink 7", "discard 8 9", "transfer_to 3 4 5", "transfer_from 6 7", "publish name 1",
                                     "append_granularity", "max_object_size"}));

  auto window = any.map(1, 2).value();
  BOOST_TEST(text_of(window.bytes()) == "window");
  BOOST_TEST((taken_calls() == Calls{"map 1 2"}));
}

BOOST_AUTO_TEST_CASE(handles_pass_every_call_on) {
  AnyBackend any{CompleteBackend{}};
  std::array<std::byte, 4> block{};

  auto writer = any.append().value();
  BOOST_TEST(writer.write(bytes_of("abc")).has_value());
  BOOST_TEST((code_of(writer.write(bytes_of("fail"))) == errc::no_space));
  BOOST_TEST((code_of(writer.close()) == errc::timeout));
  BOOST_TEST((taken_calls() == Calls{"append", "write abc", "write fail", "close"}));

  auto reader = any.open().value();
  BOOST_TEST(reader.read(block).value() == 3);
  auto seeking = any.open_seeker().value();
  BOOST_TEST(seeking.seek(-9, Whence::end).value() == 17);
  BOOST_TEST(seeking.read(block).value() == 3);
  const auto anywhere = any.open_reader_at().value();
  BOOST_TEST(anywhere.read_at(123, block).value() == 5);
  BOOST_TEST((taken_calls() == Calls{"open", "read 4", "open_seeker", "seek -9 2", "read 4", "open_reader_at", "read_at 123 4"}));
}

BOOST_AUTO_TEST_CASE(the_size_of_an_object_is_kept_where_the_handle_has_one) {
  const AnyBackend any{CompleteBackend{}};

  BOOST_TEST(any.open_seeker()->size().value() == 70);
  BOOST_TEST(any.open_reader_at()->size().value() == 71);
  BOOST_TEST((code_of(any.open()->size()) == errc::unsupported));
}

BOOST_AUTO_TEST_CASE(pieces_are_passed_on_in_one_call_to_a_writer_that_gathers) {
  auto writer = AnyBackend{GatheringBackend{}}.create().value();
  const std::array pieces{bytes_of("a"), bytes_of("b")};

  BOOST_TEST(writer.write(pieces).has_value());

  BOOST_TEST((taken_calls() == Calls{"create", "write 2 pieces"}));
}

BOOST_AUTO_TEST_CASE(pieces_are_written_one_after_the_other_where_the_writer_does_not_gather) {
  auto writer = AnyBackend{DeclaredBackend<>{}}.create().value();
  const std::array pieces{bytes_of("a"), bytes_of("fail"), bytes_of("c")};

  BOOST_TEST(writer.write(std::span{pieces}.first(1)).has_value());
  BOOST_TEST((code_of(writer.write(pieces)) == errc::no_space));
  BOOST_TEST(writer.write(std::span{pieces}.first(0)).has_value());

  BOOST_TEST((taken_calls() == Calls{"create", "write a", "write a", "write fail", "write "}));
}

BOOST_AUTO_TEST_CASE(an_empty_list_of_pieces_meets_the_rules_of_a_closed_writer) {
  AnyBackend any{examples::VectorBackend{}};
  auto writer = any.create().value();
  BOOST_TEST(writer.close().has_value());

  BOOST_TEST((code_of(writer.write(std::span<const std::span<const std::byte>>{})) == errc::closed));
}

BOOST_AUTO_TEST_CASE(exceptions_of_the_held_backend_pass) {
  AnyBackend any{ThrowingBackend{}};
  BOOST_CHECK_THROW(static_cast<void>(any.create()), std::runtime_error);
  BOOST_CHECK_THROW(static_cast<void>(any.open()), std::runtime_error);
  BOOST_CHECK_THROW(static_cast<void>(any.remove()), std::runtime_error);

  auto writer = AnyBackend{DeclaredBackend<>{}}.create().value();
  BOOST_CHECK_THROW(static_cast<void>(writer.write(bytes_of("throw"))), std::runtime_error);
  BOOST_TEST(writer.write(bytes_of("later")).has_value());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_FIXTURE_TEST_SUITE(moves, Fixture)

BOOST_AUTO_TEST_CASE(a_backend_that_was_never_there_is_closed) {
  AnyBackend never;
  expect_all_closed(never);

  auto in_place = InPlaceStorage<AnyBackend>{}.create_backend().value();
  expect_all_closed(in_place);
}

BOOST_AUTO_TEST_CASE(a_moved_from_backend_is_closed_and_the_other_goes_on) {
  AnyBackend first{CompleteBackend{}};
  AnyBackend second{std::move(first)};
  expect_all_closed(first);  // NOLINT(bugprone-use-after-move): that is the promise
  BOOST_TEST((second.capabilities() == CompleteBackend::capabilities()));

  first = std::move(second);
  expect_all_closed(second);  // NOLINT(bugprone-use-after-move)
  BOOST_TEST((code_of(first.remove()) == errc::permission));

  AnyBackend& same = first;
  first = std::move(same);
  BOOST_TEST((first.capabilities() == CompleteBackend::capabilities()));
  BOOST_TEST((code_of(first.remove()) == errc::permission));
}

BOOST_AUTO_TEST_CASE(moved_from_handles_are_closed) {
  AnyBackend any{CompleteBackend{}};
  std::array<std::byte, 4> block{};
  const auto bytes = bytes_of("x");

  auto writer = any.create().value();
  auto reader = any.open().value();
  auto seeking = any.open_seeker().value();
  auto anywhere = any.open_reader_at().value();
  auto window = any.map(0, 1).value();
  const auto writer_2 = std::move(writer);
  const auto reader_2 = std::move(reader);
  const auto seeking_2 = std::move(seeking);
  const auto anywhere_2 = std::move(anywhere);
  const auto window_2 = std::move(window);

  // NOLINTBEGIN(bugprone-use-after-move)
  BOOST_TEST((code_of(writer.write(bytes)) == errc::closed));
  BOOST_TEST((code_of(writer.write(std::span{&bytes, 1})) == errc::closed));
  BOOST_TEST((code_of(writer.close()) == errc::closed));
  BOOST_TEST((code_of(reader.read(block)) == errc::closed));
  BOOST_TEST((code_of(reader.size()) == errc::closed));
  BOOST_TEST((code_of(seeking.read(block)) == errc::closed));
  BOOST_TEST((code_of(seeking.seek(0, Whence::begin)) == errc::closed));
  BOOST_TEST((code_of(seeking.size()) == errc::closed));
  BOOST_TEST((code_of(anywhere.read_at(0, block)) == errc::closed));
  BOOST_TEST((code_of(anywhere.size()) == errc::closed));
  BOOST_TEST(window.bytes().empty());
  // NOLINTEND(bugprone-use-after-move)
  BOOST_TEST(text_of(window_2.bytes()) == "window");
  BOOST_TEST(anywhere_2.read_at(1, block).value() == 5);
}

BOOST_AUTO_TEST_CASE(assigning_lets_go_of_what_was_held) {
  // Counts itself, also where it was moved from: whoever moves it out of a slot has to destroy what is left there.
  struct Counted {
    explicit Counted(int& alive) : alive_{&alive} { ++*alive_; }
    Counted(Counted&& other) noexcept : alive_{other.alive_} { ++*alive_; }
    Counted& operator=(Counted&& other) noexcept = default;
    ~Counted() { --*alive_; }
    Result<void> write(std::span<const std::byte> /*bytes*/) { return {}; }
    Result<void> close() { return {}; }
    int* alive_;
  };
  int alive = 0;
  AnyWriter first;
  AnyWriter second;
  BOOST_TEST(first.hold(Counted{alive}));
  BOOST_TEST(second.hold(Counted{alive}));
  BOOST_TEST(alive == 2);

  first = std::move(second);
  BOOST_TEST(alive == 1);
  AnyWriter& same = first;
  first = std::move(same);
  BOOST_TEST(alive == 1);
  BOOST_TEST(first.hold(Counted{alive}));
  BOOST_TEST(alive == 1);
  { const AnyWriter last{std::move(first)}; }
  BOOST_TEST(alive == 0);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_or_may_throw_when_moved_is_held_as_well) {
  struct ThrowsWhenMoved : NotingReader<> {
    ThrowsWhenMoved() = default;
    ThrowsWhenMoved(ThrowsWhenMoved&& other) : NotingReader<>{std::move(other)} {}  // NOLINT: not noexcept, which is what matters here
    ThrowsWhenMoved& operator=(ThrowsWhenMoved&&) = default;
  };
  static_assert(!AnyReader::holds_inline<ThrowsWhenMoved> && !AnyReader::holds_inline<NotingReader<1000>>);
  static_assert(!AnyBackend::holds_inline<LargeBackend>);
  std::array<std::byte, 4> block{};

  AnyReader reader;
  BOOST_TEST(reader.hold(ThrowsWhenMoved{}));
  AnyReader moved{std::move(reader)};
  BOOST_TEST(moved.read(block).value() == 3);

  AnyBackend large{LargeBackend{}};
  AnyBackend elsewhere{std::move(large)};
  BOOST_TEST((elsewhere.capabilities() == Capabilities{Capability::reader_at}));
  std::vector<AnyReaderAt> readers;
  for (int i = 0; i != 9; ++i) readers.push_back(elsewhere.open_reader_at().value());
  for (const AnyReaderAt& each : readers) BOOST_TEST(each.read_at(0, block).value() == 5);
}

BOOST_AUTO_TEST_CASE(a_backend_that_throws_when_it_is_moved_leaves_nothing_and_no_capabilities) {
  struct Throws : LargeBackend {
    Throws() = default;
    Throws(Throws&& other) : LargeBackend{std::move(other)} { throw std::runtime_error{"as a test says"}; }
    Throws& operator=(Throws&&) = default;
  };
  AnyBackend any{LargeBackend{}};
  BOOST_TEST((any.capabilities() == Capabilities{Capability::reader_at}));

  BOOST_CHECK_THROW(static_cast<void>(any.hold(Throws{})), std::runtime_error);

  BOOST_TEST(any.holds_nothing());
  BOOST_TEST((any.capabilities() == Capabilities{}));
  BOOST_TEST((any.open_reader_at().error() == errc::closed));
}

BOOST_AUTO_TEST_CASE(the_shipped_handles_fit) {
  static_assert(AnyBackend::holds_inline<FileBackend> && AnyBackend::holds_inline<MemoryBackend>);
  static_assert(AnyWriter::holds_inline<FileWriter> && AnyWriter::holds_inline<MemoryBackend::Writer>);
  static_assert(AnyReader::holds_inline<FileReader> && AnyReader::holds_inline<MemoryBackend::Reader>);
  static_assert(AnySeeker::holds_inline<FileReader> && AnySeeker::holds_inline<MemoryBackend::Reader>);
  static_assert(AnyReaderAt::holds_inline<FileReaderAt> && AnyReaderAt::holds_inline<MemoryBackend::ReaderAt>);
  static_assert(AnyWindow::holds_inline<FileWindow> && AnyWindow::holds_inline<MemoryBackend::Window>);
  static_assert(AnyWriter::holds_inline<examples::VectorBackend::Writer> && AnyReader::holds_inline<examples::VectorBackend::Reader>);
}

BOOST_AUTO_TEST_SUITE_END()
