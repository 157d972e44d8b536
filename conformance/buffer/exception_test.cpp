#define BOOST_TEST_MODULE buffer_exceptions
#define BOOST_TEST_DYN_LINK
#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/always_spill.hpp>

#include "model_streams.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

// What a backend of the user's own throws changes no more than what it answers.
namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

struct Thrown {};

/// The calls that can be made to throw.
enum class Throwing : std::uint8_t { nothing, read };

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
