#pragma once

#include <hybridbuffer/storage.hpp>

#include <range/v3/view/interface.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <ranges>
#include <span>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Where the elements of a view come from, one after the other: `load` makes the next one current (false at the end, and again from where
/// it stopped when it threw), `current` shows it, `drop` lets go of it. `load_at_hand` does what `load` does where that is nearly nothing,
/// so that it is inlined into the loop; where it answers false, nothing has changed and `load` is asked.
template <class S>
concept view_source = std::movable<S> && requires(S& source, const S& shown) {
  typename S::value_type;
  { source.load() } -> std::same_as<Result<bool>>;
  { source.load_at_hand() } noexcept -> std::same_as<bool>;
  { source.drop() } noexcept;
  { shown.current() } noexcept;
};

/// Has cursors of its own that do not move its position: a HybridBuffer.
template <class B>
concept has_independent_readers = requires(const B& buffer) {
  { buffer.open_reader() } -> reader;
};

/// A reader that shows bytes where they are: a MappedReader. What peek() shows stays until the next peek(); shown() is that part of it that
/// needs no work, or nothing.
template <class R>
concept window_reader = reader<R> && !has_independent_readers<R> && requires(R& source, const R& shown, std::size_t count) {
  { source.peek() } -> std::same_as<Result<std::span<const std::byte>>>;
  { shown.shown() } noexcept -> std::same_as<std::span<const std::byte>>;
  { source.consume(count) } noexcept;
};

/// Reads once, and does not believe a source that claims more than it was asked for.
template <reader Reader>
[[nodiscard]] Result<std::size_t> read_some_of(Reader& source, std::span<std::byte> out) {
  auto count = source.read(out);
  if (count && *count > out.size()) return failure(errc::corrupted, "read", "the source returned more than was asked for");
  return count;
}

/// A view over a source that can fail: it ends at the end or at the first error, and `status()` tells which. Made by chunks() and lines().
///
/// Single pass, for range-v3 and std::ranges alike. Nothing is read before begin(), and no element before it is asked for, so that
/// `view | take(n)` reads n. Copies, and the copies that adaptors make, are the same view: they share one place and one status, so that
/// `status()` of the view that a pipeline was made from tells how the pipeline ended. begin() goes on at the current element.
///
/// Invalidates: an element lives until the iterator moves on; the view's value_type owns a copy of one.
/// Errors:      of the source, in status(); std::bad_alloc, after which the iteration may go on.
/// Threads:     one at a time for a view and its copies; distinct views of one buffer at once while nobody changes the buffer.
template <view_source Source>
class SourceView : public ranges::view_interface<SourceView<Source>> {
  class State {
   public:
    explicit State(Source source) : source_{std::move(source)} {}

    [[nodiscard]] bool has_element() {
      if (phase_ != Phase::wanted) return phase_ == Phase::shown;
      if (!source_.load_at_hand()) [[unlikely]]
        return load();
      phase_ = Phase::shown;
      return true;
    }
    /// For whoever did not ask has_element() before, which is the exception.
    void look() {
      if (phase_ == Phase::wanted) [[unlikely]]
        static_cast<void>(load());
    }
    void advance() {
      look();
      if (phase_ != Phase::shown) return;
      source_.drop();
      phase_ = Phase::wanted;
    }
    [[nodiscard]] const Source& source() const noexcept { return source_; }
    [[nodiscard]] const Result<void>& status() const noexcept { return status_; }

   private:
    enum class Phase : std::uint8_t { wanted, shown, ended };

    [[nodiscard, gnu::noinline]] bool load() {
      auto loaded = source_.load();
      phase_ = loaded && *loaded ? Phase::shown : Phase::ended;
      if (!loaded) status_ = std::unexpected{std::move(loaded).error()};
      return phase_ == Phase::shown;
    }

    Source source_;
    Result<void> status_{};
    Phase phase_ = Phase::wanted;
  };

 public:
  /// An input iterator.
  class iterator {
   public:
    using value_type = typename Source::value_type;
    using reference = decltype(std::declval<const Source&>().current());
    using difference_type = std::ptrdiff_t;
    using pointer = void;
    using iterator_category = std::input_iterator_tag;  // range-v3 asks for it; std::ranges takes it for the concept

    iterator() = default;
    /// Over the state of a view.
    explicit iterator(State* state) noexcept : state_{state} {}

    /// Requires: the iterator is not at the end.
    [[nodiscard]] reference operator*() const {
      state_->look();
      return state_->source().current();
    }
    iterator& operator++() {
      state_->advance();
      return *this;
    }
    void operator++(int) { state_->advance(); }
    friend bool operator==(const iterator& at, std::default_sentinel_t) { return at.state_ == nullptr || !at.state_->has_element(); }

   private:
    State* state_ = nullptr;
  };

  /// An empty view.
  SourceView() = default;
  explicit SourceView(Source source) : state_{std::make_shared<State>(std::move(source))} {}

  [[nodiscard]] iterator begin() const noexcept { return iterator{state_.get()}; }
  [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

  /// The error that ended the iteration; none before the end, and none when everything was shown.
  [[nodiscard]] Result<void> status() const { return state_ ? state_->status() : Result<void>{}; }

 private:
  std::shared_ptr<State> state_;
};

}  // namespace hybridbuffer::inline v0_1

template <class Source>
inline constexpr bool std::ranges::enable_view<hybridbuffer::SourceView<Source>> = true;
