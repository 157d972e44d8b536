#include <boost/test/unit_test.hpp>

#include <hybridbuffer/storage.hpp>

#include "../../docs/examples/minimal_backend.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

// The types below exist for their signatures only: nothing calls what they declare.
namespace {

using namespace hybridbuffer;
using Bytes = std::span<const std::byte>;
using Pieces = std::span<const std::span<const std::byte>>;

// Handles: a model of each concept, and types one token away from it.

struct Writer {
  Result<void> write(Bytes bytes);
  Result<void> close();
};
struct GatheringWriter : Writer {
  using Writer::write;
  Result<void> write(Pieces pieces);
};
struct WriterThatCounts {
  Result<std::size_t> write(Bytes bytes);
  Result<void> close();
};
struct WriterThatTakesMutableBytes {
  Result<void> write(std::span<std::byte> bytes);
  Result<void> close();
};
struct WriterWithoutClose {
  Result<void> write(Bytes bytes);
};
struct WriterThatCannotMove : Writer {
  WriterThatCannotMove(WriterThatCannotMove&&) = delete;
};
struct WriterWhoseDestructorThrows : Writer {
  ~WriterWhoseDestructorThrows() noexcept(false) {}  // NOLINT(modernize-use-equals-default)
};
struct GatheringWriterThatCounts : Writer {
  using Writer::write;
  Result<std::size_t> write(Pieces pieces);
};

struct Reader {
  Result<std::size_t> read(std::span<std::byte> bytes);
};
struct ConstReader {
  Result<std::size_t> read(std::span<std::byte> bytes) const;
};
struct ReaderWithoutResult {
  std::size_t read(std::span<std::byte> bytes);
};
struct ReaderOfConstBytes {
  int read(Bytes bytes);
};

struct ReaderAt {
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const;
};
struct ReaderAtThatChanges {
  Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes);
};

struct Seeker : Reader {
  Result<std::uint64_t> seek(std::int64_t offset, Whence whence);
};
struct SeekerThatCannotRead {
  Result<std::uint64_t> seek(std::int64_t offset, Whence whence);
};
struct SeekerWithoutPosition : Reader {
  Result<void> seek(std::int64_t offset, Whence whence);
};

struct Window {
  [[nodiscard]] Bytes bytes() const noexcept;
};
struct WindowThatMayThrow {
  [[nodiscard]] Bytes bytes() const;
};
struct MutableWindow {
  [[nodiscard]] std::span<std::byte> bytes() const noexcept;
};

// Backends.

struct Minimal {
  Result<Writer> create();
  [[nodiscard]] Result<Reader> open() const;
  Result<void> remove();
};
struct BackendWithoutResult : Minimal {
  Writer create();
};
struct BackendOfBadWriters : Minimal {
  Result<WriterWithoutClose> create();
};
struct BackendThatOpensMutably {
  Result<Writer> create();
  Result<Reader> open();
  Result<void> remove();
};
struct BackendThatCountsRemovals : Minimal {
  Result<bool> remove();
};
struct BackendThatCannotMove : Minimal {
  BackendThatCannotMove(BackendThatCannotMove&&) = delete;
};
struct BackendWhoseDestructorThrows : Minimal {
  ~BackendWhoseDestructorThrows() noexcept(false) {}  // NOLINT(modernize-use-equals-default)
};
struct BackendWithOtherCapabilities : Minimal {
  [[nodiscard]] static constexpr int capabilities() { return 0; }
};

// One right and one wrong member for each capability.

struct RightReaderAt : Minimal {
  [[nodiscard]] Result<ReaderAt> open_reader_at() const;
};
struct WrongReaderAt : Minimal {
  [[nodiscard]] Result<Reader> open_reader_at() const;
};
struct RightSeeker : Minimal {
  [[nodiscard]] Result<Seeker> open_seeker() const;
};
struct WrongSeeker : Minimal {
  [[nodiscard]] Result<Reader> open_seeker() const;
};
struct RightAppend : Minimal {
  Result<Writer> append();
};
struct WrongAppend : Minimal {
  Result<void> append();
};
struct RightGranularity : Minimal {
  [[nodiscard]] std::uint64_t append_granularity() const;
};
struct WrongGranularity : Minimal {
  [[nodiscard]] std::uint32_t append_granularity() const;
};
struct RightShrink : Minimal {
  Result<void> shrink(std::uint64_t size);
};
struct WrongShrink : Minimal {
  Result<std::uint64_t> shrink(std::uint64_t size);
};
struct RightDiscard : Minimal {
  Result<void> discard(std::uint64_t offset, std::uint64_t n);
};
struct WrongDiscard : Minimal {
  void discard(std::uint64_t offset, std::uint64_t n);
};
struct RightMap : Minimal {
  [[nodiscard]] Result<Window> map(std::uint64_t offset, std::size_t n) const;
};
struct WrongMap : Minimal {
  [[nodiscard]] Result<Bytes> map(std::uint64_t offset, std::size_t n) const;
};
struct RightTransfer : Minimal {
  [[nodiscard]] Result<std::uint64_t> transfer_to(int descriptor, std::uint64_t offset, std::uint64_t n) const;
  Result<std::uint64_t> transfer_from(int descriptor, std::uint64_t n);
};
struct WrongTransfer : Minimal {  // half of it
  [[nodiscard]] Result<std::uint64_t> transfer_to(int descriptor, std::uint64_t offset, std::uint64_t n) const;
};
struct RightPublish : Minimal {
  Result<void> publish(std::string_view destination, PublishMode mode);
};
struct WrongPublish : Minimal {
  Result<bool> publish(std::string_view destination, PublishMode mode);
};
struct RightGather : Minimal {
  Result<GatheringWriter> create();
};
struct RightLimit : Minimal {
  [[nodiscard]] std::uint64_t max_object_size() const;
};
struct WrongLimit : Minimal {
  [[nodiscard]] Result<std::uint64_t> max_object_size() const;
};

template <class Base, Capability... members>
struct Declaring : Base {
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept { return {members...}; }
};
template <class Base>
struct DecidingAtRunTime : Base {
  [[nodiscard]] Capabilities capabilities() const noexcept { return declared; }
  Capabilities declared;
};

template <Capability member, class Right, class Wrong = Minimal>
consteval bool capability_is_checked() {
  static_assert(storage_backend<Declaring<Right, member>>, "declared and there");
  static_assert(!storage_backend<Declaring<Minimal, member>>, "declared and missing");
  static_assert(!storage_backend<Declaring<Wrong, member>>, "declared and of another signature");
  static_assert(!storage_backend<Right>, "there and not declared");
  static_assert(!storage_backend<Declaring<Right>>, "there and left out of the declaration");
  static_assert(std::is_same_v<Wrong, Minimal> || !storage_backend<Wrong>, "a misspelt signature, not declared");

  static_assert(may_have<Declaring<Right, member>>(member) && !may_have<Minimal>(member) && !may_have<Declaring<Minimal>>(member));
  static_assert(storage_backend<DecidingAtRunTime<Right>> && may_have<DecidingAtRunTime<Right>>(member));
  static_assert(storage_backend<DecidingAtRunTime<Minimal>> && !may_have<DecidingAtRunTime<Minimal>>(member));
  static_assert(!may_have<DecidingAtRunTime<Wrong>>(member));
  return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(handle_concepts)

BOOST_AUTO_TEST_CASE(a_writer_writes_all_or_fails_closes_moves_and_dies_quietly) {
  static_assert(writer<Writer> && writer<GatheringWriter>);
  static_assert(!writer<WriterThatCounts> && !writer<WriterThatTakesMutableBytes> && !writer<WriterWithoutClose>);
  static_assert(!writer<WriterThatCannotMove> && !writer<WriterWhoseDestructorThrows> && !writer<Reader> && !writer<int>);
  static_assert(gathering_writer<GatheringWriter> && !gathering_writer<Writer> && !gathering_writer<GatheringWriterThatCounts>);
  BOOST_TEST(writer<examples::VectorBackend::Writer>);
}

BOOST_AUTO_TEST_CASE(a_reader_fills_a_span_and_says_how_far) {
  static_assert(reader<Reader> && reader<ConstReader> && reader<Seeker>);
  static_assert(!reader<ReaderWithoutResult> && !reader<ReaderOfConstBytes> && !reader<Writer>);
  BOOST_TEST(reader<examples::VectorBackend::Reader>);
}

BOOST_AUTO_TEST_CASE(a_reader_at_is_const_and_a_seeker_also_reads) {
  static_assert(reader_at<ReaderAt> && !reader_at<ReaderAtThatChanges> && !reader_at<Reader>);
  static_assert(seeker<Seeker> && !seeker<Reader> && !seeker<SeekerThatCannotRead> && !seeker<SeekerWithoutPosition>);
  static_assert(mapped_window<Window> && !mapped_window<WindowThatMayThrow> && !mapped_window<MutableWindow>);
  BOOST_TEST(!seeker<examples::VectorBackend::Reader>);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(backend_concept)

BOOST_AUTO_TEST_CASE(create_open_and_remove_are_a_backend_and_nothing_less_is) {
  static_assert(storage_backend<Minimal> && storage_backend<Declaring<Minimal>>);
  static_assert(!storage_backend<BackendWithoutResult> && !storage_backend<BackendOfBadWriters>);
  static_assert(!storage_backend<BackendThatOpensMutably> && !storage_backend<BackendThatCountsRemovals>);
  static_assert(!storage_backend<BackendThatCannotMove> && !storage_backend<BackendWhoseDestructorThrows>);
  static_assert(!storage_backend<BackendWithOtherCapabilities> && !storage_backend<int>);
  static_assert(explain_storage_backend<Minimal>());
  BOOST_TEST(storage_backend<examples::VectorBackend>);
}

BOOST_AUTO_TEST_CASE(each_capability_is_declared_exactly_when_its_member_is_there) {
  using enum Capability;
  static_assert(capability_is_checked<reader_at, RightReaderAt, WrongReaderAt>());
  static_assert(capability_is_checked<seeker, RightSeeker, WrongSeeker>());
  static_assert(capability_is_checked<append, RightAppend, WrongAppend>());
  static_assert(capability_is_checked<append_granularity, RightGranularity, WrongGranularity>());
  static_assert(capability_is_checked<shrink, RightShrink, WrongShrink>());
  static_assert(capability_is_checked<discard, RightDiscard, WrongDiscard>());
  static_assert(capability_is_checked<map, RightMap, WrongMap>());
  static_assert(capability_is_checked<transfer, RightTransfer, WrongTransfer>());
  static_assert(capability_is_checked<publish, RightPublish, WrongPublish>());
  static_assert(capability_is_checked<gather, RightGather>());
  static_assert(capability_is_checked<max_object_size, RightLimit, WrongLimit>());
  BOOST_TEST((storage_backend<Declaring<RightReaderAt, reader_at>>));
}

BOOST_AUTO_TEST_CASE(gather_covers_the_writers_of_append_too) {
  using enum Capability;
  struct Both : Minimal {
    Result<GatheringWriter> create();
    Result<GatheringWriter> append();
  };
  struct OnlyCreate : Minimal {
    Result<GatheringWriter> create();
    Result<Writer> append();
  };

  BOOST_TEST((storage_backend<Declaring<Both, append, gather>>));
  BOOST_TEST((!storage_backend<Declaring<OnlyCreate, append, gather>>));
}

BOOST_AUTO_TEST_CASE(a_misspelt_member_is_no_capability_but_its_declaration_is_an_error) {
  struct Misspelt : Minimal {
    [[nodiscard]] Result<ReaderAt> open_readerat() const;
  };

  BOOST_TEST((storage_backend<Misspelt>));
  BOOST_TEST((!storage_backend<Declaring<Misspelt, Capability::reader_at>>));
}

BOOST_AUTO_TEST_CASE(capabilities_known_at_run_time_are_those_of_the_object) {
  const DecidingAtRunTime<RightShrink> without{{}, {}};
  const DecidingAtRunTime<RightShrink> with{{}, {Capability::shrink}};

  BOOST_TEST(!capabilities_of(without).has(Capability::shrink));
  BOOST_TEST(capabilities_of(with).has(Capability::shrink));
  BOOST_TEST((capabilities_of(Minimal{}) == Capabilities{}));
  BOOST_TEST((capabilities_of(Declaring<RightShrink, Capability::shrink>{}) == Capabilities{Capability::shrink}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(capability_sets)

BOOST_AUTO_TEST_CASE(a_set_has_what_was_put_in_and_nothing_else) {
  using enum Capability;
  constexpr std::array all{reader_at, seeker, append, append_granularity, shrink, discard, map, transfer, publish, gather, max_object_size};

  for (const Capability one : all) {
    for (const Capability other : all) BOOST_TEST(Capabilities{one}.has(other) == (one == other));
    BOOST_TEST(!Capabilities{}.has(one));
  }
}

BOOST_AUTO_TEST_CASE(sets_combine_as_sets_do) {
  using enum Capability;
  constexpr Capabilities few{append, map};
  constexpr Capabilities others{map, publish};

  static_assert(few.with(others) == Capabilities{append, map, publish});
  static_assert(few.without(others) == Capabilities{append});
  static_assert(few.common_with(others) == Capabilities{map});
  static_assert(few != others && few == Capabilities{map, append});
  BOOST_TEST((few.with(few) == few));
  BOOST_TEST((few.without(few) == Capabilities{}));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(factories)

BOOST_AUTO_TEST_CASE(a_factory_makes_backends_through_const_and_as_results) {
  struct Good {
    [[nodiscard]] Result<Minimal> create_backend() const;
  };
  struct Mutable {
    Result<Minimal> create_backend();
  };
  struct WithoutResult {
    [[nodiscard]] Minimal create_backend() const;
  };
  struct OfNoBackend {
    [[nodiscard]] Result<Writer> create_backend() const;
  };

  static_assert(storage_factory<Good> && std::is_same_v<backend_of_t<Good>, Minimal>);
  static_assert(!storage_factory<Mutable> && !storage_factory<WithoutResult> && !storage_factory<OfNoBackend> && !storage_factory<int>);
  BOOST_TEST(storage_factory<InPlaceStorage<Minimal>>);
}

BOOST_AUTO_TEST_CASE(a_backend_names_its_storage_or_stands_in_place) {
  struct Place {};
  struct Named : Minimal {
    using storage_type = Place;
  };

  BOOST_TEST((std::is_same_v<default_storage_t<Named>, Place>));
  BOOST_TEST((std::is_same_v<default_storage_t<Minimal>, InPlaceStorage<Minimal>>));
}

BOOST_AUTO_TEST_CASE(backends_made_in_place_keep_objects_of_their_own) {
  const InPlaceStorage<examples::VectorBackend> storage;
  auto first = storage.create_backend().value();
  auto second = storage.create_backend().value();
  const std::array content{std::byte{1}, std::byte{2}, std::byte{3}};

  auto writer = first.create().value();
  BOOST_TEST(writer.write(content).has_value());
  BOOST_TEST((first.open().error() == errc::not_found));
  BOOST_TEST(writer.close().has_value());

  std::array<std::byte, 5> bytes{};
  auto reader = first.open().value();
  BOOST_TEST(reader.read(bytes).value() == 3U);
  BOOST_TEST((bytes[2] == std::byte{3}));
  BOOST_TEST(reader.read(bytes).value() == 0U);
  BOOST_TEST((second.open().error() == errc::not_found));
  BOOST_TEST(first.remove().has_value());
  BOOST_TEST((first.open().error() == errc::not_found));
}

BOOST_AUTO_TEST_SUITE_END()
