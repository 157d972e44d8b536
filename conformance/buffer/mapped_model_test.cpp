#include "mapped_support.hpp"
#include "model_streams.hpp"
#include "random.hpp"

#include <hybridbuffer/mapped_reader.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

// Cursors that show stored bytes in place equal a vector, whatever the buffer does meanwhile.

namespace hybridbuffer::testing {
namespace {

/// A buffer, what it holds, and readers beside it that know where they stand.
template <class Composition>
class ModelRun {
  using Buffer = typename Composition::Buffer;
  using Reader = MappedReader<Buffer>;

 public:
  ModelRun(std::uint64_t seed, std::size_t scale)
      : random_{seed}, scale_{scale}, buffer_{Composition::make(random_.up_to(3) == 0 ? random_.below(100) : random_.below(2 * scale))} {
    for (const std::size_t window : {std::size_t{1}, 3 * page, std::size_t{64} << 20U}) {
      readers_.emplace_back(buffer_, window);
      positions_.push_back(0);
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps && !failed_; ++i) {
      if (random_.up_to(2) == 0) change();
      else look();
    }
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] std::uint64_t compared() const { return compared_; }
  [[nodiscard]] std::uint64_t spills() const { return buffer_.stats().spills; }

 private:
  void check(bool holds, const char* what) {
    if (holds) return;
    failed_ = true;
    BOOST_ERROR(what);
  }

  [[nodiscard]] std::uint64_t size() const { return first_ + content_.size(); }
  [[nodiscard]] View from(std::uint64_t offset) const {
    return offset >= size() ? View{} : View{content_}.subspan(static_cast<std::size_t>(offset - first_));
  }
  /// Around pages, or anywhere.
  [[nodiscard]] std::size_t length() {
    constexpr std::array sizes{std::size_t{0}, std::size_t{1}, page - 1, page, page + 1, 2 * page};
    return random_.one_in(2) ? sizes[random_.below(sizes.size())] : static_cast<std::size_t>(random_.below(2 * scale_));
  }
  [[nodiscard]] std::uint64_t offset() { return first_ + random_.up_to(content_.size()); }

  void change() {
    switch (random_.below(10)) {
      case 0: check(buffer_.spill().has_value(), "spill"); break;
      case 1: {
        const std::uint64_t kept = random_.one_in(2) ? offset() : size() - random_.up_to(std::min<std::uint64_t>(content_.size(), 300));
        check(buffer_.truncate(kept).has_value(), "truncate");
        content_.resize(static_cast<std::size_t>(kept - first_));
        if (random_.one_in(2)) append(length());  // other bytes where the old ones were
        break;
      }
      case 2: {
        const std::uint64_t gone = random_.one_in(8) ? size() : first_ + random_.up_to(content_.size() / 2);
        check(buffer_.seek(static_cast<std::int64_t>(gone)).has_value() && buffer_.discard_read().has_value(), "discard");
        content_.erase(content_.begin(), content_.begin() + static_cast<std::ptrdiff_t>(gone - first_));
        first_ = gone;
        break;
      }
      case 3:
        if (random_.one_in(6)) {
          check(buffer_.reset().has_value(), "reset");
          content_.clear();
          first_ = 0;
        }
        break;
      default: append(length()); break;
    }
  }
  void append(std::size_t count) {
    const Bytes bytes = pattern(count, random_.next());
    check(buffer_.append(bytes).has_value(), "append");
    content_.insert(content_.end(), bytes.begin(), bytes.end());
  }

  void look() {
    const std::size_t which = random_.below(readers_.size());
    Reader& reader = readers_[which];
    std::uint64_t& position = positions_[which];
    check(reader.tell() == position, "tell");
    const bool is_gone = position < first_;
    switch (random_.below(6)) {
      case 0: {
        const auto shown = reader.peek();
        if (!matches(shown, position)) return check(false, "peek");
        const std::size_t taken = shown ? static_cast<std::size_t>(random_.up_to(shown->size())) : 0;
        reader.consume(taken);
        position += taken;
        break;
      }
      case 1: {
        const auto shown = reader.next_chunk();
        if (!matches(shown, position)) return check(false, "next_chunk");
        position += shown ? shown->size() : 0;
        break;
      }
      case 2: {
        Bytes out(length());
        const auto count = reader.read(out);
        if (is_gone) return check(!count && count.error() == errc::invalid_argument, "read of what was discarded");
        const View expected = from(position).first(std::min(out.size(), from(position).size()));
        check(count && *count == expected.size() && same(View{out}.first(*count), expected), "read");
        position += expected.size();
        compared_ += expected.size();
        break;
      }
      case 3: {
        Bytes out(length());
        const std::uint64_t at = random_.one_in(10) ? size() + random_.below(3) : offset();
        const auto count = reader.read_at(at, out);
        const View expected = from(at).first(std::min(out.size(), from(at).size()));
        check(count && *count == expected.size() && same(View{out}.first(*count), expected), "read_at");
        compared_ += expected.size();
        if (first_ != 0) check(has_failed(reader.read_at(first_ - 1, out), errc::invalid_argument), "read_at below");
        break;
      }
      case 4: {
        const std::uint64_t target = random_.one_in(10) ? size() + random_.below(page) : offset();
        const auto moved = reader.seek(static_cast<std::int64_t>(target));
        check(moved && *moved == target, "seek");
        position = target;
        break;
      }
      default: {
        Reader other = std::move(reader);
        reader = std::move(other);
        break;
      }
    }
  }

  [[nodiscard]] bool matches(const Result<View>& shown, std::uint64_t position) {
    if (position < first_) return !shown && shown.error() == errc::invalid_argument;
    const View expected = from(position);
    if (!shown || shown->empty() != expected.empty() || shown->size() > expected.size()) return false;
    compared_ += shown->size();
    return same(*shown, expected.first(shown->size()));
  }

  Random random_;
  std::size_t scale_;
  Buffer buffer_;
  Bytes content_{};
  std::uint64_t first_ = 0;
  std::vector<Reader> readers_;
  std::vector<std::uint64_t> positions_;
  std::uint64_t compared_ = 0;
  bool failed_ = false;
};

BOOST_AUTO_TEST_CASE_TEMPLATE(equals_a_vector, Composition, Compositions) {
  MapPlan::reset();
  std::uint64_t compared = 0;
  std::uint64_t spills = 0;
  constexpr std::array<std::size_t, 4> scales{500, 9000, 60'000, 700'000};
  for (std::uint64_t seed = 0; seed != 120; ++seed) {
    ModelRun<Composition> run{seed, scales[seed % 16 == 15 ? 3 : seed % 3]};
    run.run(150);
    BOOST_REQUIRE_MESSAGE(!run.failed(), "seed " << seed);
    compared += run.compared();
    spills += run.spills();
  }
  BOOST_TEST(compared > 10'000'000U);
  BOOST_TEST(spills > 1000U);
  BOOST_TEST(mapped_files() == 0U);
}

}  // namespace
}  // namespace hybridbuffer::testing
