#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/always_spill.hpp>

#include "descriptors.hpp"
#include "fault_support.hpp"
#include "model_streams.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

// What a backend of the user's own throws changes no more than what it answers.
namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

struct Thrown {};

/// The calls that can be made to throw.
enum class Throwing : std::uint8_t { nothing, read, remove, shrink, discard, transfer, publish };

/// Which of them throws, once, and after how many others of its kind. It has done its work by then.
inline Throwing plan = Throwing::nothing;
inline int calls_before = 0;

void plan_to_throw_in(Throwing call, int after = 0) {
  plan = call;
  calls_before = after;
}
void throw_if_planned(Throwing call) {
  if (plan != call || calls_before-- > 0) return;
  plan = Throwing::nothing;
  throw Thrown{};
}

/// A backend in memory that is read from its start only and whose calls throw as planned.
class ThrowingBackend {
 public:
  using Writer = MemoryBackend::Writer;
  class Reader {
   public:
    explicit Reader(MemoryBackend::Reader inner) : inner_{std::move(inner)} {}
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> out) {
      auto count = inner_.read(out);
      throw_if_planned(Throwing::read);
      return count;
    }

   private:
    MemoryBackend::Reader inner_;
  };

  [[nodiscard]] static constexpr Capabilities capabilities() noexcept { return {Capability::gather}; }
  [[nodiscard]] Result<Writer> create() { return inner_.create(); }
  [[nodiscard]] Result<Reader> open() const {
    auto opened = inner_.open();
    if (!opened) return std::unexpected{opened.error()};
    return Reader{std::move(*opened)};
  }
  [[nodiscard]] Result<void> remove() { return inner_.remove(); }

 private:
  MemoryBackend inner_;
};

/// A file whose changes throw as planned.
class ThrowingFile {
 public:
  explicit ThrowingFile(FileBackend inner) : inner_{std::move(inner)} {}

  [[nodiscard]] static constexpr Capabilities capabilities() noexcept {
    using enum Capability;
    return {reader_at, Capability::append, Capability::shrink, Capability::discard, transfer, Capability::publish, gather};
  }
  [[nodiscard]] auto create() { return inner_.create(); }
  [[nodiscard]] auto append() { return inner_.append(); }
  [[nodiscard]] auto open() const { return inner_.open(); }
  [[nodiscard]] auto open_reader_at() const { return inner_.open_reader_at(); }
  [[nodiscard]] auto remove() { return then_throw(Throwing::remove, inner_.remove()); }
  [[nodiscard]] auto shrink(std::uint64_t size) { return then_throw(Throwing::shrink, inner_.shrink(size)); }
  [[nodiscard]] auto discard(std::uint64_t offset, std::uint64_t count) {
    return then_throw(Throwing::discard, inner_.discard(offset, count));
  }
  [[nodiscard]] auto transfer_to(int descriptor, std::uint64_t offset, std::uint64_t count) const {
    return inner_.transfer_to(descriptor, offset, count);
  }
  [[nodiscard]] auto transfer_from(int descriptor, std::uint64_t count) {
    return then_throw(Throwing::transfer, inner_.transfer_from(descriptor, count));
  }
  [[nodiscard]] auto publish(std::string_view destination, PublishMode mode) {
    return then_throw(Throwing::publish, inner_.publish(destination, mode));
  }

 private:
  template <class Answer>
  static Answer then_throw(Throwing call, Answer answer) {
    throw_if_planned(call);
    return answer;
  }

  FileBackend inner_;
};

struct ThrowingFiles {
  FileStorage inner{};
  [[nodiscard]] Result<ThrowingFile> create_backend() const {
    auto made = inner.create_backend();
    if (!made) return std::unexpected{made.error()};
    return ThrowingFile{std::move(*made)};
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(a_read_that_throws_moves_nothing_and_its_retry_is_exact) {
  const Bytes bytes = pattern(200'000);
  HybridBuffer<SegmentedMemory<>, AlwaysSpill, ThrowingBackend> buffer;
  BOOST_REQUIRE(buffer.append(bytes).has_value());
  auto cursor = buffer.open_reader();
  Bytes piece(20'000);
  BOOST_REQUIRE((buffer.read(piece).has_value() && cursor.read(piece).has_value()));  // a handle that the next read goes on with

  plan_to_throw_in(Throwing::read);
  BOOST_CHECK_THROW(static_cast<void>(buffer.read(piece)), Thrown);
  plan_to_throw_in(Throwing::read);
  BOOST_CHECK_THROW(static_cast<void>(cursor.read(piece)), Thrown);

  BOOST_TEST(buffer.tell() == 20'000U);
  BOOST_TEST(cursor.tell() == 20'000U);
  BOOST_REQUIRE(buffer.read(piece).has_value());
  BOOST_TEST(same(piece, View{bytes}.subspan(20'000, 20'000)));
  BOOST_REQUIRE(cursor.read(piece).has_value());
  BOOST_TEST(same(piece, View{bytes}.subspan(20'000, 20'000)));
}

BOOST_AUTO_TEST_CASE(a_line_whose_later_part_throws_is_still_to_be_read) {
  const std::string line(100'000, 'x');  // longer than one read-ahead
  HybridBuffer<SegmentedMemory<>, AlwaysSpill, ThrowingBackend> buffer;
  BOOST_REQUIRE(buffer.append(line + "\nnext").has_value());

  plan_to_throw_in(Throwing::read, 1);
  BOOST_CHECK_THROW(static_cast<void>(buffer.read_line()), Thrown);
  BOOST_TEST(buffer.tell() == 0U);
  plan_to_throw_in(Throwing::read, 1);
  BOOST_CHECK_THROW(static_cast<void>(buffer.read_until(std::byte{'\n'})), Thrown);
  BOOST_TEST(buffer.tell() == 0U);

  BOOST_TEST((*buffer.read_line() == line));
  BOOST_TEST((*buffer.read_line() == "next"));
}

BOOST_AUTO_TEST_CASE(a_removal_that_throws_is_reported_and_the_buffer_ends_empty) {
  HybridBuffer buffer{SpillAt{4}, ThrowingFiles{}};
  BOOST_REQUIRE((buffer.append("stored").has_value() && buffer.append("in").has_value()));
  BOOST_REQUIRE((buffer.seek(3).has_value() && buffer.discard_read().has_value()));

  plan_to_throw_in(Throwing::remove);
  const auto reset = buffer.reset();

  BOOST_TEST((!reset && reset.error() == errc::io));
  BOOST_TEST(buffer.size() == 0U);
  BOOST_TEST(buffer.stats().locations == 0U);
  BOOST_REQUIRE(buffer.append("anew, stored").has_value());
  BOOST_TEST((*buffer.to_string() == "anew, stored"));
  plan_to_throw_in(Throwing::remove);
  const auto closed = buffer.close();
  BOOST_TEST((!closed && closed.error() == errc::io));
  BOOST_TEST(buffer.size() == 0U);
}

BOOST_AUTO_TEST_CASE(truncations_and_discards_hold_when_the_storage_throws) {
  const Bytes bytes = pattern(3'000'000);
  HybridBuffer buffer{SpillAt{0}, ThrowingFiles{}};
  BOOST_REQUIRE(buffer.append(bytes).has_value());

  plan_to_throw_in(Throwing::shrink);
  BOOST_TEST(buffer.truncate(2'500'000).has_value());
  BOOST_TEST(buffer.append("behind the cut").has_value());
  plan_to_throw_in(Throwing::discard);
  BOOST_REQUIRE((buffer.seek(2'000'000).has_value() && buffer.discard_read().has_value()));

  BOOST_TEST((plan == Throwing::nothing));
  BOOST_TEST(text(*buffer.to_bytes()) == text(View{bytes}.subspan(2'000'000, 500'000)) + "behind the cut");
}

BOOST_AUTO_TEST_CASE(nothing_is_appended_to_a_file_whose_transfer_threw) {
  const TemporaryDirectory directory;
  const OwnedDescriptor file = make_file(pattern(100'000), directory.path());
  HybridBuffer buffer{SpillAt{0}, ThrowingFiles{FileStorage{{.directory = directory.path()}}}};
  BOOST_REQUIRE(buffer.append("before").has_value());

  plan_to_throw_in(Throwing::transfer);
  BOOST_CHECK_THROW(static_cast<void>(buffer.read_from(file.number())), Thrown);
  BOOST_REQUIRE(buffer.append("after").has_value());

  BOOST_TEST((*buffer.to_string() == "beforeafter"));
}

BOOST_AUTO_TEST_CASE(a_file_whose_publish_threw_takes_no_further_change) {
  const TemporaryDirectory directory;
  const std::string path = directory.file("named");
  HybridBuffer buffer{SpillAt{0}, ThrowingFiles{FileStorage{{.directory = directory.path()}}}};
  BOOST_REQUIRE(buffer.append("published").has_value());

  plan_to_throw_in(Throwing::publish);
  BOOST_CHECK_THROW(static_cast<void>(buffer.publish(path)), Thrown);
  BOOST_REQUIRE((buffer.append(" and more").has_value() && buffer.truncate(4).has_value()));

  BOOST_TEST(text(content_of(path)) == "published");
  BOOST_TEST((*buffer.to_string() == "publ"));
}
