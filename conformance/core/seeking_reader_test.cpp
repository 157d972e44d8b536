#include <boost/test/unit_test.hpp>

#include <hybridbuffer/seeking_reader.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;

constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();

constexpr std::byte byte_at(std::uint64_t offset) { return static_cast<std::byte>(offset * 7 + offset / 251); }

// An object of any size, whose byte at an offset is known, and what is wrong with it at the moment.
struct Object {
  std::uint64_t size = 0;
  std::size_t longest_read = std::numeric_limits<std::size_t>::max();
  std::optional<errc> read_error{};
  std::optional<errc> size_error{};
};

class FakeReaderAt {
 public:
  explicit FakeReaderAt(std::shared_ptr<const Object> object) : object_{std::move(object)} {}

  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
    if (object_->read_error) return failure(*object_->read_error, "read");
    const std::uint64_t left = offset < object_->size ? object_->size - offset : 0;
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>({bytes.size(), left, object_->longest_read}));
    for (std::size_t i = 0; i < count; ++i) bytes[i] = byte_at(offset + i);
    return count;
  }
  [[nodiscard]] Result<std::uint64_t> size() const {
    if (object_->size_error) return failure(*object_->size_error, "size");
    return object_->size;
  }

 private:
  std::shared_ptr<const Object> object_;
};

class ReaderAtWithoutSize {
 public:
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const;
};

using Reader = SeekingReader<FakeReaderAt>;

Reader reader_of(std::uint64_t size) { return Reader{FakeReaderAt{std::make_shared<Object>(Object{.size = size})}}; }

// The position, and with one read that the byte there is the right one.
std::uint64_t checked_position(Reader& reader) {
  const std::uint64_t position = reader.seek(0, Whence::current).value();
  std::array<std::byte, 1> next{};
  const std::size_t count = reader.read(next).value();
  const bool right = position < reader.size().value() ? count == 1 && next[0] == byte_at(position) : count == 0;
  BOOST_TEST(right);
  BOOST_TEST(reader.seek(static_cast<std::int64_t>(position), Whence::begin).value() == position);
  return position;
}

std::uint64_t seed_of_this_run() {
  const char* given = std::getenv("HYBRIDBUFFER_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  BOOST_TEST_MESSAGE("HYBRIDBUFFER_SEED=" << seed);
  return seed;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(seeking_readers)

BOOST_AUTO_TEST_CASE(any_reader_at_with_a_size_becomes_a_seeker) {
  static_assert(sized_reader_at<FakeReaderAt> && !sized_reader_at<ReaderAtWithoutSize> && !sized_reader_at<Reader>);
  static_assert(seeker<Reader> && reader<Reader> && !reader_at<Reader>);
  BOOST_TEST(reader_at<ReaderAtWithoutSize>);
}

BOOST_AUTO_TEST_CASE(it_starts_at_the_beginning_and_delivers_every_byte_once) {
  for (const std::size_t step : {1U, 2U, 3U, 7U, 16U, 17U, 40U}) {
    auto reader = reader_of(17);
    std::vector<std::byte> bytes(step);

    std::uint64_t offset = 0;
    for (std::size_t count = reader.read(bytes).value(); count != 0; count = reader.read(bytes).value()) {
      for (std::size_t i = 0; i < count; ++i) BOOST_TEST((bytes[i] == byte_at(offset + i)));
      offset += count;
    }

    BOOST_TEST(offset == 17U);
    for (int again = 0; again < 5; ++again) BOOST_TEST(reader.read(bytes).value() == 0U);
    BOOST_TEST(reader.read({}).value() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(every_whence_and_offset_lands_where_it_says) {
  constexpr std::int64_t size = 5;
  for (std::int64_t start = 0; start <= size + 2; ++start) {
    for (std::int64_t offset = -size - 3; offset <= size + 3; ++offset) {
      for (const Whence whence : {Whence::begin, Whence::current, Whence::end}) {
        auto reader = reader_of(size);
        BOOST_TEST(reader.seek(start, Whence::begin).value() == static_cast<std::uint64_t>(start));
        const std::int64_t base = whence == Whence::begin ? 0 : whence == Whence::current ? start : size;

        const auto moved = reader.seek(offset, whence);

        BOOST_TEST_CONTEXT("from " << start << " by " << offset << " of " << static_cast<int>(whence)) {
          const bool legal = base + offset >= 0;
          BOOST_TEST(moved.has_value() == legal);
          if (legal) BOOST_TEST(*moved == static_cast<std::uint64_t>(base + offset));
          if (!legal) BOOST_TEST((moved.error() == errc::invalid_argument));
          BOOST_TEST(checked_position(reader) == static_cast<std::uint64_t>(legal ? base + offset : start));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(seeking_by_zero_tells_the_position_after_full_short_and_empty_reads) {
  const auto object = std::make_shared<Object>(Object{.size = 10, .longest_read = 3});
  Reader reader{FakeReaderAt{object}};
  std::array<std::byte, 8> bytes{};

  BOOST_TEST(reader.read(bytes).value() == 3U);
  BOOST_TEST(reader.seek(0, Whence::current).value() == 3U);
  BOOST_TEST(reader.read({}).value() == 0U);
  BOOST_TEST(reader.seek(0, Whence::current).value() == 3U);
  BOOST_TEST(reader.seek(-1, Whence::current).value() == 2U);
  BOOST_TEST(reader.read(std::span{bytes}.first(2)).value() == 2U);
  BOOST_TEST((bytes[0] == byte_at(2)));
  BOOST_TEST(reader.seek(0, Whence::current).value() == 4U);
}

BOOST_AUTO_TEST_CASE(the_end_does_not_survive_a_seek) {
  auto reader = reader_of(3);
  std::array<std::byte, 8> bytes{};

  for (int round = 0; round < 3; ++round) {
    BOOST_TEST(reader.read(bytes).value() == 3U);
    BOOST_TEST(reader.read(bytes).value() == 0U);
    BOOST_TEST(reader.seek(0, Whence::begin).value() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(beyond_the_end_nothing_is_read_and_seeks_still_work) {
  for (const std::int64_t target : {std::int64_t{6}, std::int64_t{5} + 65536, std::int64_t{5} + (std::int64_t{1} << 32U), highest}) {
    auto reader = reader_of(5);

    BOOST_TEST(reader.seek(target, Whence::begin).value() == static_cast<std::uint64_t>(target));
    BOOST_TEST(checked_position(reader) == static_cast<std::uint64_t>(target));
    BOOST_TEST(reader.seek(-target + 1, Whence::current).value() == 1U);
    BOOST_TEST(checked_position(reader) == 1U);
  }
}

BOOST_AUTO_TEST_CASE(the_extremes_of_the_offset_neither_wrap_nor_move) {
  for (const Whence whence : {Whence::begin, Whence::current, Whence::end}) {
    auto reader = reader_of(5);
    BOOST_TEST(reader.seek(2, Whence::begin).value() == 2U);

    BOOST_TEST((reader.seek(lowest, whence).error() == errc::invalid_argument));
    BOOST_TEST((reader.seek(lowest + 1, whence).error() == errc::invalid_argument));
    BOOST_TEST(checked_position(reader) == 2U);
  }
}

BOOST_AUTO_TEST_CASE(positions_reach_the_last_of_64_bits_and_no_further) {
  auto reader = reader_of(5);

  BOOST_TEST(reader.seek(highest, Whence::begin).value() == largest / 2);
  BOOST_TEST(reader.seek(highest, Whence::current).value() == largest - 1);
  BOOST_TEST((reader.seek(2, Whence::current).error() == errc::invalid_argument));
  BOOST_TEST((reader.seek(highest, Whence::current).error() == errc::invalid_argument));
  BOOST_TEST(reader.seek(1, Whence::current).value() == largest);
  BOOST_TEST((reader.seek(1, Whence::current).error() == errc::invalid_argument));
  BOOST_TEST(reader.seek(lowest, Whence::current).value() == largest / 2);
  BOOST_TEST(reader.seek(lowest + 1, Whence::current).value() == 0U);
}

BOOST_AUTO_TEST_CASE(the_largest_object_can_be_sought_from_its_end) {
  auto reader = reader_of(largest);

  BOOST_TEST((reader.seek(1, Whence::end).error() == errc::invalid_argument));
  BOOST_TEST(reader.seek(0, Whence::end).value() == largest);
  BOOST_TEST(reader.seek(-1, Whence::end).value() == largest - 1);
  BOOST_TEST(reader.seek(lowest, Whence::end).value() == largest / 2);
  std::array<std::byte, 2> bytes{};
  BOOST_TEST(reader.read(bytes).value() == 2U);
  BOOST_TEST((bytes[0] == byte_at(largest / 2)));
}

BOOST_AUTO_TEST_CASE(an_unknown_whence_is_an_invalid_argument_and_moves_nothing) {
  for (const int unknown : {3, 7, 255}) {
    auto reader = reader_of(5);
    BOOST_TEST(reader.seek(2, Whence::begin).value() == 2U);

    BOOST_TEST((reader.seek(1, static_cast<Whence>(unknown)).error() == errc::invalid_argument));
    BOOST_TEST(checked_position(reader) == 2U);
  }
}

BOOST_AUTO_TEST_CASE(errors_beneath_come_through_and_leave_the_position) {
  const auto object = std::make_shared<Object>(Object{.size = 10});
  Reader reader{FakeReaderAt{object}};
  std::array<std::byte, 4> bytes{};
  BOOST_TEST(reader.read(bytes).value() == 4U);

  object->read_error = errc::unavailable;
  BOOST_TEST((reader.read(bytes).error() == errc::unavailable));
  object->size_error = errc::closed;
  for (const Whence whence : {Whence::begin, Whence::current, Whence::end}) BOOST_TEST((reader.seek(1, whence).error() == errc::closed));
  BOOST_TEST((reader.size().error() == errc::closed));
  *object = {.size = 10};

  BOOST_TEST(checked_position(reader) == 4U);
}

BOOST_AUTO_TEST_CASE(the_end_is_where_the_object_ends_now) {
  const auto object = std::make_shared<Object>(Object{.size = 4});
  Reader reader{FakeReaderAt{object}};
  BOOST_TEST(reader.seek(0, Whence::end).value() == 4U);

  object->size = 6;

  std::array<std::byte, 8> bytes{};
  BOOST_TEST(reader.size().value() == 6U);
  BOOST_TEST(reader.read(bytes).value() == 2U);
  BOOST_TEST((bytes[1] == byte_at(5)));
  BOOST_TEST(reader.seek(-1, Whence::end).value() == 5U);
}

BOOST_AUTO_TEST_CASE(two_random_walkers_over_one_object_equal_their_models) {
  constexpr std::uint64_t size = 300;
  std::mt19937_64 random{seed_of_this_run()};
  const auto pick = [&random](std::int64_t from, std::int64_t to) { return std::uniform_int_distribution<std::int64_t>{from, to}(random); };
  std::array readers{reader_of(size), reader_of(size)};
  std::array<std::int64_t, 2> positions{};
  int wrong = 0;

  for (int step = 0; step < 20'000; ++step) {
    const auto which = static_cast<std::size_t>(pick(0, 1));
    std::int64_t& position = positions[which];
    if (pick(0, 1) == 0) {
      std::vector<std::byte> bytes(static_cast<std::size_t>(pick(0, 40)));
      const auto left = std::max<std::int64_t>(static_cast<std::int64_t>(size) - position, 0);
      const auto expected = std::min<std::size_t>(bytes.size(), static_cast<std::size_t>(left));
      const std::size_t count = readers[which].read(bytes).value();
      if (count != expected) ++wrong;
      for (std::size_t i = 0; i < count; ++i) wrong += bytes[i] == byte_at(static_cast<std::uint64_t>(position) + i) ? 0 : 1;
      position += static_cast<std::int64_t>(expected);
    } else {
      const auto whence = static_cast<Whence>(pick(0, 2));
      const std::int64_t base = whence == Whence::begin ? 0 : whence == Whence::current ? position : static_cast<std::int64_t>(size);
      const std::int64_t offset = pick(-350, 350);
      const auto moved = readers[which].seek(offset, whence);
      if (moved.has_value() != (base + offset >= 0)) ++wrong;
      if (base + offset >= 0) position = base + offset;
      if (moved && *moved != static_cast<std::uint64_t>(position)) ++wrong;
    }
  }

  BOOST_TEST(wrong == 0);
}

BOOST_AUTO_TEST_SUITE_END()
