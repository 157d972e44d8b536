#include <boost/test/unit_test.hpp>

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>

#include "../../docs/examples/minimal_backend.hpp"
#include "model_streams.hpp"
#include "odd_backends.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <utility>

// Every operation at every size round a small threshold, exhaustively.
namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

constexpr std::uint64_t threshold = 8;
constexpr std::size_t largest_append = 2 * threshold + 1;

enum class Between : std::uint8_t { nothing, read, get, seek, peek, truncate, discard, spill, reserve, read_from };
constexpr std::array every_between{Between::nothing,  Between::read,    Between::get,   Between::seek,    Between::peek,
                                   Between::truncate, Between::discard, Between::spill, Between::reserve, Between::read_from};

/// Appends of three sizes, and before the last or the last but one an operation with an amount.
struct Plan {
  std::array<std::size_t, 3> appends{};
  std::size_t gap = 0;
  Between between{};
  std::size_t amount = 0;

  [[nodiscard]] std::string describe() const {
    std::ostringstream out;
    out << "appends of " << appends[0] << ", " << appends[1] << ", " << appends[2] << "; after append " << gap + 1 << " operation "
        << static_cast<int>(between) << " with amount " << amount;
    return out.str();
  }
};

const Bytes& source() {
  static const Bytes bytes = pattern(256);
  return bytes;
}

/// A buffer and what it must hold.
template <class Buffer>
class Comparison {
 public:
  explicit Comparison(Buffer buffer) : buffer_{std::move(buffer)} {}

  [[nodiscard]] bool append(std::size_t count) {
    const View bytes = View{source()}.subspan(appended_ % 64, count);
    appended_ += count;
    const bool would_spill = buffer_.would_spill(count);
    const std::uint64_t spills = buffer_.stats().spills;
    if (!buffer_.append(bytes)) return false;
    content_.insert(content_.end(), bytes.begin(), bytes.end());
    return would_spill == (buffer_.stats().spills != spills) && buffer_.stats().in_memory <= threshold && is_same_shape();
  }

  [[nodiscard]] bool perform(Between between, std::size_t amount) { return perform_one(between, amount) && is_same_shape(); }

  /// All content, by each route.
  [[nodiscard]] bool is_same() {
    Bytes read(content_.size() + 1);
    const auto at = std::as_const(buffer_).read_at(first_, read);
    if (!at || *at != content_.size() || !same(View{read}.first(*at), content_)) return false;
    auto cursor = buffer_.open_reader();
    if (cursor.tell() != first_ + tell_ || !cursor.seek(static_cast<std::int64_t>(first_))) return false;
    const auto by_cursor = cursor.read(read);
    if (!by_cursor || *by_cursor != content_.size() || !same(View{read}.first(*by_cursor), content_)) return false;
    const auto rest = buffer_.to_bytes();
    if (!rest || !same(*rest, unread())) return false;
    const auto by_read = buffer_.read(read);
    return by_read && *by_read == rest->size() && same(View{read}.first(*by_read), *rest) && buffer_.unread() == 0;
  }

  [[nodiscard]] std::size_t content_size() const { return content_.size(); }

 private:
  [[nodiscard]] View unread() const { return View{content_}.subspan(tell_); }
  [[nodiscard]] bool is_same_shape() const {
    const BufferStats stats = buffer_.stats();
    return buffer_.size() == first_ + content_.size() && buffer_.tell() == first_ + tell_ && buffer_.first_offset() == first_ &&
           stats.in_memory + stats.stored == content_.size();
  }

  [[nodiscard]] bool perform_one(Between between, std::size_t amount) {
    switch (between) {
      case Between::nothing: return true;
      case Between::read: return read(amount);
      case Between::get: return get(amount);
      case Between::seek: return seek(amount);
      case Between::peek: return peek(amount);
      case Between::truncate: return truncate(amount);
      case Between::discard: return seek(amount) && discard();
      case Between::spill: return seek(amount) && buffer_.spill() && buffer_.stats().in_memory == 0;
      case Between::reserve: return buffer_.reserve(amount).has_value();
      case Between::read_from: return read_from(amount);
    }
    return false;
  }

  [[nodiscard]] bool read(std::size_t amount) {
    Bytes out(amount);
    const auto count = buffer_.read(out);
    const View expected = unread().first(std::min(amount, unread().size()));
    if (!count || !same(View{out}.first(*count), expected)) return false;
    tell_ += *count;
    return true;
  }
  [[nodiscard]] bool get(std::size_t amount) {
    for (std::size_t i = 0; i < amount; ++i) {
      const auto byte = buffer_.get();
      if (!byte || byte->has_value() != !unread().empty()) return false;
      if (!byte->has_value()) return true;
      if (**byte != unread()[0]) return false;
      ++tell_;
    }
    return true;
  }
  [[nodiscard]] bool seek(std::size_t amount) {
    const auto position = buffer_.seek(-static_cast<std::int64_t>(std::min(amount, content_.size())), Whence::end);
    tell_ = content_.size() - std::min(amount, content_.size());
    return position && *position == first_ + tell_;
  }
  [[nodiscard]] bool peek(std::size_t amount) {
    const auto window = buffer_.peek();
    if (!window || window->empty() != unread().empty() || !same(*window, unread().first(window->size()))) return false;
    const std::size_t count = std::min(amount, window->size());
    buffer_.consume(count);
    tell_ += count;
    return true;
  }
  [[nodiscard]] bool truncate(std::size_t amount) {
    if (amount > content_.size()) return !buffer_.truncate(first_ + amount);
    if (!buffer_.truncate(first_ + amount)) return false;
    content_.resize(amount);
    tell_ = std::min(tell_, amount);
    return true;
  }
  [[nodiscard]] bool discard() {
    if (!buffer_.discard_read()) return false;
    content_.erase(content_.begin(), content_.begin() + static_cast<std::ptrdiff_t>(tell_));
    first_ += tell_;
    tell_ = 0;
    return true;
  }
  [[nodiscard]] bool read_from(std::size_t amount) {
    PieceSource pieces{.left = View{source()}.subspan(100, amount), .piece = 3};
    content_.insert(content_.end(), pieces.left.begin(), pieces.left.end());
    const auto count = buffer_.read_from(pieces);
    return count && *count == amount && buffer_.stats().in_memory <= threshold;
  }

  Buffer buffer_;
  Bytes content_;
  std::uint64_t first_ = 0;
  std::size_t tell_ = 0;
  std::size_t appended_ = 0;
};

template <class Make>
[[nodiscard]] bool holds(const Make& make, const Plan& plan) {
  Comparison comparison{make()};
  for (std::size_t i = 0; i < plan.appends.size(); ++i) {
    if (!comparison.append(plan.appends[i])) return false;
    if (plan.gap == i && !comparison.perform(plan.between, plan.amount)) return false;
  }
  return comparison.is_same();
}

/// Runs all plans with up to that many appends of which the first is one of the given sizes. Returns: how many.
template <class Make>
std::size_t check_all_plans(const Make& make, std::size_t most_appends) {
  std::size_t plans = 0;
  std::size_t failures = 0;
  const std::size_t last = most_appends < 3 ? 0 : largest_append;
  for (std::size_t a = 0; a <= largest_append; ++a) {
    for (std::size_t b = 0; b <= largest_append; ++b) {
      for (std::size_t c = 0; c <= last; ++c) {
        for (const Between between : every_between) {
          for (const std::size_t gap : {0U, 1U}) {
            const std::size_t most = between == Between::nothing ? 0 : gap == 0 ? a + 1 : std::min(a + b + 1, largest_append);
            for (std::size_t amount = 0; amount <= most; ++amount) {
              const Plan plan{.appends = {a, b, c}, .gap = gap, .between = between, .amount = amount};
              ++plans;
              if (holds(make, plan) || ++failures > 10) continue;
              BOOST_ERROR(plan.describe());
            }
          }
        }
      }
    }
  }
  BOOST_TEST(failures == 0);
  return plans;
}

template <class Memory, class Backend, class... Parts>
auto make_buffer(Parts... parts) {
  return [parts...] { return HybridBuffer<Memory, SpillAt, Backend>{Memory{}, SpillAt{threshold}, parts...}; };
}

using SmallBlocks = BasicMemoryBackend<4>;
using Minimal = examples::VectorBackend;

}  // namespace

BOOST_AUTO_TEST_CASE(three_appends_with_an_operation_between_in_small_chunks_and_small_blocks) {
  BOOST_TEST(check_all_plans(make_buffer<SegmentedMemory<3>, SmallBlocks>(), 3) > 1'000'000);
}

BOOST_AUTO_TEST_CASE(three_appends_with_an_operation_between_on_a_backend_of_three_calls) {
  BOOST_TEST(check_all_plans(make_buffer<SegmentedMemory<8>, Minimal>(), 3) > 1'000'000);
}

BOOST_AUTO_TEST_CASE(three_appends_with_an_operation_between_in_memory_that_is_full_at_the_threshold) {
  BOOST_TEST(check_all_plans(make_buffer<InlineMemory<threshold>, SmallBlocks>(), 3) > 1'000'000);
}

BOOST_AUTO_TEST_CASE(two_appends_with_an_operation_between_in_memory_that_is_full_below_the_threshold) {
  BOOST_TEST(check_all_plans(make_buffer<InlineMemory<threshold - 1>, Minimal>(), 2) > 10'000);
}

BOOST_AUTO_TEST_CASE(two_appends_with_an_operation_between_in_memory_that_moves) {
  BOOST_TEST(check_all_plans(make_buffer<ContiguousMemory, SmallBlocks>(), 2) > 10'000);
}

BOOST_AUTO_TEST_CASE(two_appends_with_an_operation_between_on_files) {
  BOOST_TEST(check_all_plans(make_buffer<SegmentedMemory<16>, FileBackend>(FileStorage{}), 2) > 10'000);
}

BOOST_AUTO_TEST_CASE(two_appends_with_an_operation_between_on_odd_backends) {
  odd_log = {};

  check_all_plans(make_buffer<SegmentedMemory<16>, OneByteReads>(), 2);
  check_all_plans(make_buffer<SegmentedMemory<16>, SnapshotReaderAt>(), 2);
  check_all_plans(make_buffer<SegmentedMemory<16>, SnapshotSeeker>(), 2);
  check_all_plans(make_buffer<SegmentedMemory<16>, AppendOnly>(), 2);
  check_all_plans(make_buffer<SegmentedMemory<16>, OddBackend<OddTraits{.append = true, .max_object_size = 5}>>(), 2);
  check_all_plans(make_buffer<SegmentedMemory<16>, NothingAtRunTime>(), 2);

  BOOST_TEST(odd_log.complaint == "");
  BOOST_TEST(odd_log.objects + odd_log.locations + odd_log.handles == 0U);
}
