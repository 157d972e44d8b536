#include "../../docs/examples/minimal_backend.hpp"
#include "../support/forked_child.hpp"
#include "model_streams.hpp"
#include "random.hpp"

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/mapped_reader.hpp>
#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/inline.hpp>
#include <hybridbuffer/spill/overlapped.hpp>
#include <hybridbuffer/view/chunks.hpp>
#include <hybridbuffer/view/lines.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

// A cursor that shows stored bytes in place: it equals a vector whatever the buffer does, and never looks at a mapping that went stale.

namespace hybridbuffer::testing {
namespace {

constexpr std::size_t page = 4096;

// Backends ---------------------------------------------------------------------------------------------------------------------

/// What `map` of a PlannedBackend does next.
enum class MapEffect : std::uint8_t { none, error, bad_alloc, unsupported, not_found, empty };
struct MapPlan {
  static inline MapEffect effect = MapEffect::none;                             ///< of each call, until it is set anew
  static inline std::size_t longest = std::numeric_limits<std::size_t>::max();  ///< of a window
  static inline std::uint64_t calls = 0;
  static inline std::uint64_t windows = 0;       ///< alive
  static inline std::uint64_t most_windows = 0;  ///< at once

  static void reset() { effect = MapEffect::none, longest = std::numeric_limits<std::size_t>::max(), calls = 0, most_windows = windows; }
};

/// Files that cannot shrink and cannot discard, whose `map` does as planned.
class PlannedBackend {
 public:
  class Window {
   public:
    explicit Window(FileWindow inner) : inner_{std::move(inner)} { count(); }
    Window(Window&& other) noexcept : inner_{std::move(other.inner_)} { count(); }
    Window& operator=(Window&&) noexcept = default;
    ~Window() { --MapPlan::windows; }
    [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return inner_.bytes(); }

   private:
    static void count() noexcept { MapPlan::most_windows = std::max(MapPlan::most_windows, ++MapPlan::windows); }
    FileWindow inner_;
  };

  explicit PlannedBackend(FileBackend inner) : inner_{std::move(inner)} {}
  static constexpr Capabilities capabilities() { return {Capability::reader_at, Capability::append, Capability::map, Capability::gather}; }
  Result<FileWriter> create() { return inner_.create(); }
  Result<FileWriter> append() { return inner_.append(); }
  [[nodiscard]] Result<FileReader> open() const { return inner_.open(); }
  [[nodiscard]] Result<FileReaderAt> open_reader_at() const { return inner_.open_reader_at(); }
  Result<void> remove() { return inner_.remove(); }
  [[nodiscard]] Result<Window> map(std::uint64_t offset, std::size_t n) const {
    ++MapPlan::calls;
    switch (MapPlan::effect) {
      case MapEffect::none: break;
      case MapEffect::error: return failure(errc::io, "map, which fails as planned");
      case MapEffect::bad_alloc: throw std::bad_alloc{};
      case MapEffect::unsupported: return failure(errc::unsupported, "map");
      case MapEffect::not_found: return failure(errc::not_found, "map");
      case MapEffect::empty: n = 0; break;
    }
    auto window = inner_.map(offset, std::min(n, MapPlan::longest));
    if (!window) return std::unexpected{window.error()};
    return Window{std::move(*window)};
  }

 private:
  FileBackend inner_;
};
struct PlannedStorage {
  FileStorage inner{};
  [[nodiscard]] Result<PlannedBackend> create_backend() const {
    auto made = inner.create_backend();
    if (!made) return std::unexpected{made.error()};
    return PlannedBackend{std::move(*made)};
  }
};

/// Locations of every kind by turns: some can map, some cannot.
struct MixedStorage {
  AnyStorage files{FileStorage{{.max_bytes = 20'000}}};
  AnyStorage vectors{InPlaceStorage<examples::VectorBackend>{}};
  AnyStorage blocks{BasicMemoryStorage<1000>{{.max_bytes = 7000}}};
  std::shared_ptr<std::atomic<unsigned>> made = std::make_shared<std::atomic<unsigned>>(0U);
  [[nodiscard]] Result<AnyBackend> create_backend() const {
    const unsigned kind = (*made)++ % 3;
    return (kind == 0 ? files : kind == 1 ? vectors : blocks).create_backend();
  }
};

// Compositions -------------------------------------------------------------------------------------------------------------------

struct Files {
  using Buffer = HybridBuffer<SegmentedMemory<64>, SpillAt, FileBackend>;
  static Buffer make(std::uint64_t threshold) { return Buffer{SpillAt{threshold}, FileStorage{}}; }
};
struct RecycledSmallFiles {
  using Buffer = HybridBuffer<SegmentedMemory<4096>, SpillAt, FileBackend>;
  static Buffer make(std::uint64_t threshold) {
    return Buffer{SpillAt{threshold}, FileStorage{{.max_bytes = 30'000, .reserve_ahead = 1 << 20, .recycled_files = 4}}};
  }
};
struct Blocks {
  using Buffer = HybridBuffer<ContiguousMemory, SpillAt, BasicMemoryBackend<1000>>;
  static Buffer make(std::uint64_t threshold) { return Buffer{SpillAt{threshold}, BasicMemoryStorage<1000>{}}; }
};
struct Minimal {
  using Buffer = HybridBuffer<InlineMemory<300>, SpillAt, examples::VectorBackend>;
  static Buffer make(std::uint64_t threshold) { return Buffer{SpillAt{threshold}}; }
};
struct MixedKinds {
  using Buffer = HybridBuffer<SegmentedMemory<256>, SpillAt, AnyBackend, MixedStorage>;
  static Buffer make(std::uint64_t threshold) { return Buffer{SegmentedMemory<256>{}, SpillAt{threshold}, MixedStorage{}}; }
};
struct Planned {
  using Buffer = HybridBuffer<SegmentedMemory<64>, SpillAt, PlannedBackend, PlannedStorage>;
  static Buffer make(std::uint64_t threshold) { return Buffer{SpillAt{threshold}, PlannedStorage{}}; }
};
struct Overlapping {
  using Buffer = HybridBuffer<SegmentedMemory<256>, Overlapped<SpillAt>, FileBackend>;
  static Buffer make(std::uint64_t threshold) { return Buffer{Overlapped{SpillAt{threshold}}, FileStorage{}}; }
};
using Compositions = std::tuple<Files, RecycledSmallFiles, Blocks, Minimal, MixedKinds, Planned, Overlapping>;

static_assert(seeker<MappedReader<Files::Buffer>> && window_reader<MappedReader<Files::Buffer>>);
static_assert(seeker<MappedReader<Minimal::Buffer>> && window_reader<MappedReader<Minimal::Buffer>>);
static_assert(!window_reader<Files::Buffer> && !window_reader<BufferReader<Files::Buffer>>);
static_assert(!std::constructible_from<MappedReader<Files::Buffer>, Files::Buffer>, "a reader of a temporary");

template <class T>
[[nodiscard]] bool has_failed(const Result<T>& done, errc code) {
  return !done && done.error() == code;
}

/// Mappings of this process.
std::size_t mappings() {
  std::ifstream maps{"/proc/self/maps"};
  std::size_t lines_seen = 0;
  for (std::string line; std::getline(maps, line);) ++lines_seen;
  return lines_seen;
}
/// Mappings of files without a name.
std::size_t mapped_files() {
  std::ifstream maps{"/proc/self/maps"};
  std::size_t found = 0;
  for (std::string line; std::getline(maps, line);) found += line.ends_with("(deleted)") && line.find(" r--") != std::string::npos ? 1 : 0;
  return found;
}

// Against a model ----------------------------------------------------------------------------------------------------------------

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

// At boundaries ------------------------------------------------------------------------------------------------------------------

template <class Composition>
typename Composition::Buffer spilled_by(std::size_t piece, const Bytes& content) {
  auto buffer = Composition::make(0);
  for (View left{content}; !left.empty(); left = left.subspan(std::min(piece, left.size()))) {
    buffer.append(left.first(std::min(piece, left.size()))).value();
    buffer.spill().value();
  }
  return buffer;
}

BOOST_AUTO_TEST_CASE(windows_end_at_multiples_of_their_size) {
  constexpr std::array<std::size_t, 11> points{0,        1,        page - 1,     page,         page + 1, 2 * page - 1,
                                               2 * page, 3 * page, 3 * page + 1, 4 * page - 1, 5 * page};
  for (const std::size_t window : {page, 2 * page, 3 * page}) {
    for (const std::size_t size : points) {
      for (const std::size_t piece : {page - 1, page, page + 1, 2 * page}) {
        const Bytes content = pattern(size);
        const auto buffer = spilled_by<Files>(piece, content);
        MappedReader reader{buffer, window};
        BOOST_REQUIRE_EQUAL(reader.window_bytes(), window);
        for (const std::size_t offset : points) {
          BOOST_REQUIRE(reader.seek(static_cast<std::int64_t>(offset)).has_value());
          const auto shown = reader.peek();
          BOOST_REQUIRE(shown.has_value());
          const std::size_t expected = offset < size ? std::min(window - offset % window, size - offset) : 0;
          BOOST_REQUIRE_EQUAL(shown->size(), expected);
          BOOST_REQUIRE(same(*shown, View{content}.subspan(std::min(offset, size), expected)));
          for (const std::size_t count : points) {
            Bytes out(count);
            const auto read = reader.read_at(offset, out);
            const View part = View{content}.subspan(std::min(offset, size), std::min(count, size - std::min(offset, size)));
            BOOST_REQUIRE(read.has_value() && *read == part.size() && same(View{out}.first(*read), part));
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(sizes_of_windows_are_rounded_up) {
  const auto buffer = Files::make(0);
  constexpr std::size_t large = std::size_t{2} << 20U;
  constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
  BOOST_TEST(MappedReader(buffer).window_bytes() == 4 * large);
  BOOST_TEST(MappedReader(buffer, 0).window_bytes() == page);
  BOOST_TEST(MappedReader(buffer, page + 1).window_bytes() == 2 * page);
  BOOST_TEST(MappedReader(buffer, large - 1).window_bytes() == large);
  BOOST_TEST(MappedReader(buffer, large + 1).window_bytes() == 2 * large);
  BOOST_TEST(MappedReader(buffer, most).window_bytes() >= most / 2);
}

// Where bytes are shown ----------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(one_window_at_a_time_and_none_left) {
  const Bytes content = pattern(20 * page);
  const auto buffer = spilled_by<Files>(3 * page, content);
  const std::size_t before = mappings();
  {
    MappedReader reader{buffer, page};
    BOOST_TEST(mapped_files() == 0U);
    for (std::size_t i = 0; i != 20; ++i) {
      BOOST_TEST_REQUIRE(reader.next_chunk().value().size() == page);
      BOOST_TEST_REQUIRE(mapped_files() == 1U);
    }
    MappedReader other = std::move(reader);
    BOOST_TEST(mapped_files() == 1U);
    other = MappedReader{buffer, page};
    BOOST_TEST(mapped_files() == 0U);
    BOOST_TEST(other.peek().value().size() == page);
  }
  BOOST_TEST(mapped_files() == 0U);
  BOOST_TEST(mappings() <= before);
}

BOOST_AUTO_TEST_CASE(memory_is_shown_where_it_is) {
  auto buffer = Files::make(100);
  buffer.append(pattern(90)).value();
  buffer.spill().value();
  buffer.append(pattern(40, 7)).value();
  buffer.seek(90).value();
  MappedReader reader{buffer};
  const auto shown = reader.peek();
  BOOST_TEST_REQUIRE(shown->size() == 40U);
  BOOST_TEST(static_cast<const void*>(shown->data()) == static_cast<const void*>(buffer.peek()->data()));
  BOOST_TEST(mapped_files() == 0U);
}

BOOST_AUTO_TEST_CASE(a_backend_that_lends_less_is_asked_again) {
  MapPlan::reset();
  const Bytes content = pattern(3 * page);
  const auto buffer = spilled_by<Planned>(page, content);
  MapPlan::longest = 1000;
  MappedReader reader{buffer};
  Bytes out(content.size() + 1);
  BOOST_TEST(reader.read(out).value() == content.size());
  out.pop_back();
  BOOST_TEST(same(out, content));
  BOOST_TEST(MapPlan::most_windows <= 2U);  // one, and the temporary that it comes from
  MapPlan::reset();
}

// What the buffer does meanwhile -------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(bytes_that_were_cut_off_are_not_touched) {
  const Bytes content = pattern(8 * page);
  auto buffer = spilled_by<Files>(page, content);
  MappedReader reader{buffer, 8 * page};
  BOOST_TEST_REQUIRE(reader.peek().value().size() == content.size());
  BOOST_REQUIRE(buffer.truncate(page + 5).has_value());
  std::array<std::byte, 100> out{};
  BOOST_TEST(reader.read_at(4 * page, out).value() == 0U);  // a touch of the old mapping would be SIGBUS
  BOOST_TEST(reader.peek().value().size() == page + 5);
  const Bytes other = pattern(8 * page, 99);
  BOOST_REQUIRE(buffer.append(other).has_value());
  BOOST_REQUIRE(buffer.spill().has_value());
  BOOST_TEST(reader.read_at(page + 5, out).value() == out.size());
  BOOST_TEST(same(out, View{other}.first(out.size())));
  BOOST_TEST(reader.read_at(page + 5 + other.size() - 100, out).value() == out.size());
  BOOST_TEST(same(out, View{other}.last(out.size())));
}

BOOST_AUTO_TEST_CASE(dead_bytes_of_a_backend_that_cannot_shrink_are_not_shown) {
  MapPlan::reset();
  auto buffer = spilled_by<Planned>(page, pattern(4 * page));
  MappedReader reader{buffer};
  BOOST_TEST_REQUIRE(reader.peek().value().size() == 4 * page);
  BOOST_REQUIRE(buffer.truncate(page).has_value());
  const Bytes other = pattern(page, 99);
  BOOST_REQUIRE(buffer.append(other).has_value());
  BOOST_TEST(reader.next_chunk().value().size() == page);
  BOOST_TEST(same(reader.next_chunk().value(), other));
  BOOST_TEST(buffer.stats().locations == 1U);
  BOOST_TEST(buffer.stats().stored_held == 5 * page);
}

BOOST_AUTO_TEST_CASE(a_location_that_came_later_is_not_taken_for_the_one_before) {
  auto buffer = spilled_by<RecycledSmallFiles>(page, pattern(2 * page));
  MappedReader reader{buffer};
  BOOST_TEST_REQUIRE(reader.peek().value().size() == 2 * page);
  for (std::uint64_t round = 1; round != 5; ++round) {
    BOOST_REQUIRE(buffer.reset().has_value());
    BOOST_TEST(reader.peek().value().empty());
    const Bytes other = pattern(2 * page, 1000 * round);
    BOOST_REQUIRE(buffer.append(other).has_value());
    BOOST_REQUIRE(buffer.spill().has_value());
    BOOST_TEST(same(reader.peek().value(), other));
  }
}

BOOST_AUTO_TEST_CASE(discarded_bytes_are_refused_and_the_rest_goes_on) {
  constexpr std::size_t mebibyte = std::size_t{1} << 20U;
  const Bytes content = pattern(5 * mebibyte);
  auto buffer = spilled_by<Files>(mebibyte, content);
  MappedReader reader{buffer};
  BOOST_TEST_REQUIRE(reader.peek().value().size() == content.size());
  buffer.seek(3 * mebibyte + 11).value();
  BOOST_REQUIRE(buffer.discard_read().has_value());
  BOOST_TEST(buffer.stats().stored_held == 2 * mebibyte - 11);
  BOOST_TEST((reader.peek().error() == errc::invalid_argument));
  BOOST_TEST((reader.seek(0).error() == errc::invalid_argument));
  BOOST_REQUIRE(reader.seek(3 * mebibyte + 11).has_value());
  BOOST_TEST(same(reader.peek().value(), View{content}.subspan(3 * mebibyte + 11)));
  MappedReader fresh{buffer};
  BOOST_TEST(same(fresh.peek().value(), View{content}.subspan(3 * mebibyte + 11)));
}

BOOST_AUTO_TEST_CASE(sees_what_is_appended_and_spilled_later) {
  auto buffer = Files::make(1 << 20);
  MappedReader reader{buffer};
  BOOST_TEST(reader.peek().value().empty());
  Bytes all;
  for (std::uint64_t round = 0; round != 40; ++round) {
    const Bytes more = pattern(700 + round, round);
    BOOST_REQUIRE(buffer.append(more).has_value());
    if (round % 3 == 0) buffer.spill().value();
    Bytes out(more.size() + 1);
    BOOST_TEST_REQUIRE(reader.read(out).value() == more.size());
    out.pop_back();
    BOOST_TEST_REQUIRE(same(out, more));
  }
}

BOOST_AUTO_TEST_CASE(bytes_on_their_way_are_shown_in_memory) {
  auto buffer = Overlapping::make(4 * page);
  Bytes content;
  MappedReader reader{buffer, page};
  for (std::uint64_t round = 0; round != 50; ++round) {
    const Bytes more = pattern(page + round, round);
    content.insert(content.end(), more.begin(), more.end());
    BOOST_REQUIRE(buffer.append(more).has_value());
    BOOST_REQUIRE(reader.seek(0).has_value());
    Bytes out(content.size());
    BOOST_TEST_REQUIRE(reader.read(out).value() == content.size());
    BOOST_TEST_REQUIRE(same(out, content));
  }
}

BOOST_AUTO_TEST_CASE(a_closed_buffer_and_a_forked_child_say_so) {
  auto buffer = spilled_by<Files>(page, pattern(2 * page));
  MappedReader reader{buffer};
  BOOST_TEST(reader.peek().value().size() == 2 * page);
  const int failed = first_failure_in_forked_child([&](auto&& holds) {
    std::array<std::byte, 10> out{};
    holds(has_failed(reader.read_at(5, out), errc::closed));
    holds(has_failed(reader.peek(), errc::closed));
    holds(reader.tell() == 0);
    holds(mapped_files() == 0);
  });
  BOOST_TEST(failed == 0);
  BOOST_TEST(mapped_files() == 1U);
  BOOST_TEST(reader.peek().value().size() == 2 * page);
  BOOST_REQUIRE(buffer.close().has_value());
  std::array<std::byte, 10> out{};
  BOOST_TEST((reader.peek().error() == errc::closed));
  BOOST_TEST((reader.read(out).error() == errc::closed));
  BOOST_TEST((reader.read(std::span<std::byte>{}).error() == errc::closed));
  BOOST_TEST((reader.seek(0).error() == errc::closed));
}

// Faults -------------------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_map_that_fails_changes_nothing_and_can_be_repeated) {
  const Bytes content = pattern(6 * page);
  const auto buffer = spilled_by<Planned>(2 * page, content);
  for (const std::size_t position : {std::size_t{0}, page, 3 * page + 1}) {
    for (const MapEffect effect : {MapEffect::error, MapEffect::bad_alloc, MapEffect::not_found, MapEffect::empty}) {
      MapPlan::reset();
      MappedReader reader{buffer, page};
      BOOST_REQUIRE(reader.peek().has_value());  // so that a read from 0 fails in its middle
      BOOST_REQUIRE(reader.seek(static_cast<std::int64_t>(position)).has_value());
      MapPlan::effect = effect;
      Bytes out(content.size() - position);
      const std::uint64_t before = MapPlan::calls;
      if (effect == MapEffect::bad_alloc) {
        BOOST_CHECK_THROW(static_cast<void>(reader.read(out)), std::bad_alloc);
      } else {
        const auto read = reader.read(out);
        BOOST_TEST_REQUIRE(!read.has_value());
        BOOST_TEST((read.error() == (effect == MapEffect::error ? errc::io : errc::corrupted)));
      }
      BOOST_TEST(MapPlan::calls > before);
      BOOST_TEST(reader.tell() == position);
      MapPlan::effect = MapEffect::none;
      BOOST_TEST(reader.read(out).value() == out.size());
      BOOST_TEST(same(out, View{content}.subspan(position)));
    }
  }
  MapPlan::reset();
  BOOST_TEST(MapPlan::windows == 0U);
}

BOOST_AUTO_TEST_CASE(a_map_that_is_unsupported_makes_it_copy) {
  MapPlan::reset();
  const Bytes content = pattern(200'000);
  auto buffer = spilled_by<Planned>(50'000, content);
  MapPlan::effect = MapEffect::unsupported;
  MappedReader reader{buffer};
  Bytes shown;
  for (auto chunk = reader.next_chunk(); chunk.value().size() != 0; chunk = reader.next_chunk()) {
    BOOST_TEST(chunk->size() <= std::size_t{64} << 10U);
    shown.insert(shown.end(), chunk->begin(), chunk->end());
  }
  BOOST_TEST(same(shown, content));
  BOOST_TEST(MapPlan::calls != 0U);
  BOOST_TEST(mapped_files() == 0U);

  // What was copied is looked at again as a window is.
  BOOST_REQUIRE(reader.seek(0).has_value());
  BOOST_TEST(reader.peek().value().size() == std::size_t{64} << 10U);
  BOOST_REQUIRE(buffer.truncate(10).has_value());
  const Bytes other = pattern(1000, 5);
  BOOST_REQUIRE(buffer.append(other).has_value());
  BOOST_TEST(reader.next_chunk().value().size() == 10U);
  BOOST_TEST(same(reader.next_chunk().value(), other));
  MapPlan::reset();
}

// Views --------------------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE_TEMPLATE(chunks_show_the_windows, Composition, Compositions) {
  MapPlan::reset();
  const Bytes content = pattern(10 * page + 17);
  auto buffer = spilled_by<Composition>(3 * page, content);
  buffer.append(pattern(100, 3)).value();
  Bytes all = content;
  const Bytes tail = pattern(100, 3);
  all.insert(all.end(), tail.begin(), tail.end());
  for (const std::size_t chunk_bytes : {std::size_t{1}, std::size_t{100}, page - 1, page, std::size_t{1} << 20U}) {
    auto view = chunks(MappedReader{buffer, 2 * page}, chunk_bytes);
    Bytes shown;
    for (const View chunk : view) {
      BOOST_REQUIRE(!chunk.empty() && chunk.size() <= chunk_bytes);
      shown.insert(shown.end(), chunk.begin(), chunk.end());
    }
    BOOST_TEST(view.status().has_value());
    BOOST_TEST(same(shown, all));
  }
  BOOST_TEST(buffer.tell() == 0U);
}

BOOST_AUTO_TEST_CASE(chunks_and_lines_copy_nothing_of_a_window) {
  const auto buffer = spilled_by<Files>(page, pattern(4 * page));
  MappedReader beside{buffer};
  const View whole = beside.peek().value();
  auto view = chunks(std::move(beside), 1000);
  const View first = *view.begin();
  BOOST_TEST(static_cast<const void*>(first.data()) == static_cast<const void*>(whole.data()));
  BOOST_TEST(first.size() == 1000U);
}

std::string random_lines(Random& random, std::size_t size) {
  std::string text;
  while (text.size() < size) {
    text.append(random.one_in(20) ? random.below(3 * page) : random.below(90), 'x');
    if (random.one_in(4)) text += '\r';
    text += '\n';
  }
  if (random.one_in(2)) text += "a rest";
  if (random.one_in(4)) text += '\r';
  return text;
}

BOOST_AUTO_TEST_CASE_TEMPLATE(lines_equal_those_of_the_copying_view, Composition, Compositions) {
  MapPlan::reset();
  for (std::uint64_t seed = 0; seed != 20; ++seed) {
    Random random{seed};
    const std::string text = random_lines(random, 8 * page);
    const View bytes = testing::view(text);
    auto buffer = spilled_by<Composition>(1 + random.below(3 * page), Bytes(bytes.begin(), bytes.end()));
    std::vector<std::string> expected;
    for (const std::string_view line : lines(buffer)) expected.emplace_back(line);
    std::vector<std::string> shown;
    auto view = lines(MappedReader{buffer, page * (1 + random.below(4))});
    for (const std::string_view line : view) shown.emplace_back(line);
    BOOST_TEST(view.status().has_value());
    BOOST_TEST_REQUIRE(shown.size() == expected.size());
    BOOST_TEST((shown == expected));
  }
}

BOOST_AUTO_TEST_CASE(views_go_on_over_changes_of_the_buffer) {
  auto buffer = Files::make(1 << 20);
  buffer.append("one\ntwo\n").value();
  auto view = lines(MappedReader{buffer});
  std::vector<std::string> shown;
  for (const std::string_view line : view) {
    shown.emplace_back(line);
    if (shown.size() == 1) buffer.spill().value();                  // the memory that was shown is gone
    if (shown.size() == 2) buffer.append("three\nfour\n").value();  // the view had come to the end
    if (shown.size() == 3) buffer.truncate(14).value(), buffer.append("FIVE\n").value();
  }
  BOOST_TEST(view.status().has_value());
  BOOST_TEST((shown == std::vector<std::string>{"one", "two", "three", "FIVE"}));
}

BOOST_AUTO_TEST_CASE(a_view_ends_at_a_map_that_fails) {
  MapPlan::reset();
  const auto buffer = spilled_by<Planned>(page, pattern(4 * page));
  auto view = chunks(MappedReader{buffer, page}, page);
  std::size_t shown = 0;
  for (const View chunk : view) {
    shown += chunk.size();
    if (shown == 2 * page) MapPlan::effect = MapEffect::error;
  }
  BOOST_TEST(shown == 2 * page);
  BOOST_TEST((view.status().error() == errc::io));
  auto none = lines(MappedReader{buffer, page});
  BOOST_TEST((none.begin() == none.end()));
  BOOST_TEST((none.status().error() == errc::io));
  MapPlan::reset();
}

}  // namespace
}  // namespace hybridbuffer::testing
