#include "open_storage.hpp"

#include <hybridbuffer/detail/framed_backend.hpp>
#include <hybridbuffer/detail/little_endian.hpp>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>

// Handles of an object in frames, over a store that is slow to answer and fails in the middle.

namespace hybridbuffer::testing {
namespace {

/// What a test does to the store.
struct Moments {
  std::function<void()> before_answer = [] {};  ///< after a commit had its effect, before it answers
  std::size_t reads_until_failure = 0;          ///< the read after so many fails, once; 0: none does
  std::size_t decodes_until_failure = 0;
};

[[nodiscard]] bool is_due(std::size_t& countdown) { return countdown != 0 && --countdown == 0; }

/// An open store that reads three bytes at a time, in order only.
class SlowBackend {
 public:
  class Writer {
   public:
    Writer(OpenBackend::Writer inner, std::shared_ptr<Moments> moments) : inner_{std::move(inner)}, moments_{std::move(moments)} {}
    Result<void> write(std::span<const std::byte> bytes) { return inner_.write(bytes); }
    Result<void> close() {
      auto closed = inner_.close();
      moments_->before_answer();
      return closed;
    }

   private:
    OpenBackend::Writer inner_;
    std::shared_ptr<Moments> moments_;
  };

  class Reader {
   public:
    Reader(OpenBackend::Reader inner, std::shared_ptr<Moments> moments) : inner_{std::move(inner)}, moments_{std::move(moments)} {}
    Result<std::size_t> read(std::span<std::byte> bytes) {
      if (is_due(moments_->reads_until_failure)) return failure(errc::unavailable, "read");
      return inner_.read(bytes.first(std::min<std::size_t>(bytes.size(), 3)));
    }

   private:
    OpenBackend::Reader inner_;
    std::shared_ptr<Moments> moments_;
  };

  SlowBackend(OpenBackend inner, std::shared_ptr<Moments> moments) : inner_{std::move(inner)}, moments_{std::move(moments)} {}

  static constexpr Capabilities capabilities() noexcept { return {Capability::append, Capability::reader_at}; }
  Result<Writer> create() { return wrapped<Writer>(inner_.create()); }
  Result<Writer> append() { return wrapped<Writer>(inner_.append()); }
  Result<Reader> open() const { return wrapped<Reader>(inner_.open()); }
  Result<OpenBackend::ReaderAt> open_reader_at() const { return inner_.open_reader_at(); }
  Result<void> remove() { return inner_.remove(); }

 private:
  template <class Handle, class Inner>
  Result<Handle> wrapped(Result<Inner> inner) const {
    if (!inner) return std::unexpected{inner.error()};
    return Handle{*std::move(inner), moments_};
  }

  OpenBackend inner_;
  std::shared_ptr<Moments> moments_;
};

/// Frames as they are, behind their number.
struct NumberCodec {
  static constexpr bool is_secret = false;
  std::shared_ptr<Moments> moments;

  [[nodiscard]] detail::FrameShape shape() const noexcept { return {8, 8, 8, true}; }
  void write_header(std::uint64_t object, std::span<std::byte> out) const { detail::store_little_endian(object, out); }
  [[nodiscard]] Result<std::uint64_t> read_header(std::span<const std::byte> in) const {
    return detail::load_little_endian<std::uint64_t>(in);
  }
  [[nodiscard]] Result<detail::EncodedFrame> encode(detail::EncodingHistory&, detail::FrameId id, std::span<const std::byte>,
                                                    std::span<std::byte> stored) const {
    detail::store_little_endian(id.number, stored);
    return detail::EncodedFrame{8, true};
  }
  [[nodiscard]] Result<void> decode(detail::FrameId id, std::span<const std::byte> stored, std::span<std::byte> plain) const {
    if (is_due(moments->decodes_until_failure)) return failure(errc::no_space, "decode");
    if (detail::load_little_endian<std::uint64_t>(stored) != id.number) return failure(errc::corrupted, "another frame");
    std::copy_n(stored.begin() + 8, plain.size(), plain.begin());
    return {};
  }
};

struct World {
  std::shared_ptr<Moments> moments = std::make_shared<Moments>();
  OpenStorage storage;
  detail::FramedBackend<NumberCodec, SlowBackend> backend{std::make_shared<const NumberCodec>(moments), make(), {}};

  SlowBackend make() { return {*storage.create_backend(), moments}; }
};

BOOST_AUTO_TEST_CASE(a_reader_at_the_end_takes_an_extension_that_is_not_yet_known_for_no_damage) {
  World world;
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(20), 20).has_value());
  auto reader = world.backend.open();
  auto reader_at = world.backend.open_reader_at();
  BOOST_TEST_REQUIRE((read_all(*reader, 7) == pattern(20)));
  bool was_tried = false;

  world.moments->before_answer = [&] {
    Bytes beyond(8);
    BOOST_TEST((reader->read(beyond) == 0U));
    BOOST_TEST((reader_at->read_at(20, beyond) == 0U));
    was_tried = true;
  };
  BOOST_TEST(write_all(world.backend.append(), pattern(12), 12).has_value());

  BOOST_TEST(was_tried);
}

BOOST_AUTO_TEST_CASE(an_extension_that_failed_leaves_bytes_behind_the_end_what_they_are) {
  World world;
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(20), 20).has_value());
  world.storage.made->front()->commit_fails = errc::no_space;
  BOOST_TEST_REQUIRE(!write_all(world.backend.append(), pattern(12), 12).has_value());
  world.storage.made->front()->bytes->push_back(std::byte{1});

  auto reader = world.backend.open();

  BOOST_TEST((read_all(*reader, 7).error() == errc::corrupted));
}

BOOST_AUTO_TEST_CASE(a_read_that_failed_anywhere_goes_on_at_its_position) {
  for (std::size_t k = 1; k < 30; ++k) {
    World world;
    BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(40), 40).has_value());
    auto reader = world.backend.open();
    world.moments->reads_until_failure = k;
    Bytes found;

    for (std::size_t failures = 0;;) {
      Bytes block(5);
      const auto count = reader->read(block);
      if (!count) {
        BOOST_TEST_REQUIRE((count.error() == errc::unavailable));
        BOOST_TEST_REQUIRE(++failures == 1U);
        continue;
      }
      if (*count == 0) break;
      found.insert(found.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*count));
    }

    BOOST_TEST_CONTEXT("read " << k) { BOOST_TEST((found == pattern(40))); }
  }
}

BOOST_AUTO_TEST_CASE(a_frame_for_which_there_was_no_memory_is_decoded_later) {
  World world;
  BOOST_TEST_REQUIRE(write_all(world.backend.create(), pattern(40), 40).has_value());
  auto reader = world.backend.open();
  world.moments->decodes_until_failure = 2;
  Bytes block(8);
  BOOST_TEST_REQUIRE((reader->read(block) == 8U));

  BOOST_TEST((reader->read(block).error() == errc::no_space));

  const auto rest = read_all(*reader, 40);
  const Bytes all = pattern(40);
  BOOST_TEST_REQUIRE(rest.has_value());
  BOOST_TEST((*rest == Bytes{all.begin() + 8, all.end()}));
}

}  // namespace
}  // namespace hybridbuffer::testing
