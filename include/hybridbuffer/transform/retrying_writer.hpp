#pragma once

#include <hybridbuffer/detail/content_memory.hpp>
#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/retried_location.hpp>
#include <hybridbuffer/detail/secrecy.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>
#include <hybridbuffer/transform/retry_policy.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// Writes, and keeps what it wrote, up to RetryOptions::replay_bytes, to write it again to a new inner writer when the inner one fails.
///
/// An extension whose close() failed without a clear answer is looked at before anything is written again: by the object's size, where an
/// inner handle tells it; where none does, the failure passes.
/// Cost:    a copy of the first replay_bytes bytes, until close(). It is wiped where the inner backend keeps secrets.
/// Threads: one at a time, any thread.
template <writer InnerWriter, storage_backend Inner, retry_time Time>
class RetryingWriter {
  using Location = detail::RetriedLocation<Inner, Time>;
  using Attempts = typename detail::Retrier<Time>::Attempts;
  using Presence = detail::Presence;

 public:
  using State = WriterState<detail::NoObject>;

  /// `extends`: whether the inner writer came from append(). `before`: the object that is extended, as far as it is known.
  RetryingWriter(State state, const std::shared_ptr<Location>& location, InnerWriter inner, bool extends, detail::KnownSize before) noexcept
      : state_{std::move(state)},
        location_{location},
        extends_{extends},
        before_{before},
        kept_{std::in_place, location->retrier().options().replay_bytes, detail::secrecy_of(location->inner)} {
    inner_.emplace(std::move(inner));
  }
  RetryingWriter(RetryingWriter&&) noexcept = default;
  RetryingWriter& operator=(RetryingWriter&& other) noexcept {
    if (this == &other) return *this;  // an optional inner writer would be moved to itself
    state_ = std::move(other.state_);
    location_ = std::move(other.location_);
    inner_ = std::move(other.inner_);
    extends_ = other.extends_;
    before_ = other.before_;
    kept_ = std::move(other.kept_);
    written_ = other.written_;
    return *this;
  }
  RetryingWriter(const RetryingWriter&) = delete;
  RetryingWriter& operator=(const RetryingWriter&) = delete;
  ~RetryingWriter() = default;

  /// Errors: those of the inner writer that could not be helped.
  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
    return state_.write([&] { return store([&] { return inner_->write(bytes); }, std::span{&bytes, 1}); });
  }
  [[nodiscard]] Result<void> write(std::span<const std::span<const std::byte>> pieces)
    requires gathering_writer<InnerWriter>
  {
    return state_.write([&] { return store([&] { return inner_->write(pieces); }, pieces); });
  }

  /// Errors: those of the inner writer that could not be helped; after `timeout` and `unavailable` nothing is visible, or all of it.
  [[nodiscard]] Result<void> close() {
    if (state_.is_open()) static_cast<void>(state_.write([&] { return commit(); }));  // what fails there is the verdict
    inner_.reset();
    kept_.reset();
    return state_.close([](detail::NoObject&) { return Result<void>{}; });
  }

 private:
  template <class Write>
  [[nodiscard]] Result<void> store(Write&& write_to_inner, std::span<const std::span<const std::byte>> pieces) {
    const auto location = location_.lock();
    if (location == nullptr) return write_to_inner();
    for (Attempts attempts{location->retrier()};;) {
      auto done = ready(*location);
      if (done) done = write_to_inner();
      if (done) {
        keep(pieces);
        return done;
      }
      inner_.reset();  // after a failed write it commits nothing
      if (!kept_ || !attempts.again(done.error())) return done;
    }
  }

  [[nodiscard]] Result<void> commit() {
    const auto location = location_.lock();
    if (location == nullptr) return inner_->close();  // NOLINT(bugprone-unchecked-optional-access): there is one while this is called
    std::optional<Error> unclear;  // of a close() that may have been carried out: then no failure after it is a definite one
    for (Attempts attempts{location->retrier()};;) {
      Result<void> done;
      if (extends_ && unclear) {
        const Result<Fate> fate = find_out(*location);
        if (fate && *fate == Fate::stored) return {};
        if (fate && (*fate == Fate::unknown || !kept_)) return std::unexpected{*unclear};
        if (fate) unclear.reset();
        else done = std::unexpected{fate.error()};
      }
      if (done) done = ready(*location);
      if (done) {
        done = close_inner(*location);
        if (done) return done;
        if (done.error().is_indeterminate()) unclear = done.error();
      }
      inner_.reset();
      const bool helps = extends_ && unclear ? before_.presence != Presence::unknown : kept_.has_value();
      if (!helps || !attempts.again(done.error())) return unclear ? std::unexpected{*unclear} : done;
    }
  }

  [[nodiscard]] Result<void> close_inner(Location& location) {
    if (!extends_) location.begin_change();
    auto closed = inner_->close();  // NOLINT(bugprone-unchecked-optional-access): there is one while this is called
    if (!extends_) location.end_change();
    if (closed) location.set_size(after());
    else if (closed.error().is_indeterminate()) location.set_size({.presence = Presence::unknown});
    return closed;
  }

  [[nodiscard]] detail::KnownSize after() const noexcept {
    if (!extends_ || before_.presence == Presence::absent) return {Presence::present, written_};
    return {before_.presence, before_.size + written_};
  }

  // What became of an extension that was closed without a clear answer: the object is as long as before, or longer by all of it.
  enum class Fate : std::uint8_t { stored, not_stored, unknown };
  // Errors: those of the inner backend.
  [[nodiscard]] Result<Fate> find_out(Location& location) {
    const auto now = location.measure();
    if (!now) return std::unexpected{now.error()};
    Fate fate = Fate::unknown;
    if (now->presence == before_.presence && now->size == before_.size) fate = Fate::not_stored;
    if (now->presence == Presence::present && now->size == after().size) fate = Fate::stored;
    if (now->presence == Presence::unknown) fate = Fate::unknown;
    if (fate != Fate::unknown) location.set_size(*now);
    return fate;
  }

  // An inner writer that took all that was written.
  [[nodiscard]] Result<void> ready(Location& location) {
    if (inner_) return {};
    auto opened = state_.while_current("write again", [&]() -> Result<void> {
      auto made = open(location.inner);
      if (!made) return std::unexpected{std::move(made).error()};
      inner_.emplace(*std::move(made));
      return {};
    });
    // NOLINTBEGIN(bugprone-unchecked-optional-access): kept bytes are what is written again, and the writer was just made
    if (!opened || kept_->empty()) return opened;
    return inner_->write(kept_->bytes());
    // NOLINTEND(bugprone-unchecked-optional-access)
  }
  [[nodiscard]] Result<InnerWriter> open(Inner& inner) const {
    if constexpr (std::is_same_v<InnerWriter, detail::appender_of<Inner>>) {
      if (extends_) return inner.append();
    }
    if constexpr (std::is_same_v<InnerWriter, detail::writer_of<Inner>>) return inner.create();
    else return failure(errc::unsupported, "write again");
  }

  void keep(std::span<const std::span<const std::byte>> pieces) noexcept {
    for (const auto piece : pieces) written_ += piece.size();
    if (kept_ && !kept_->add(pieces)) kept_.reset();  // what fails from now on is passed on
  }

  State state_;
  std::weak_ptr<Location> location_;
  std::optional<InnerWriter> inner_;  // empty when it failed
  bool extends_;
  detail::KnownSize before_;
  std::optional<detail::KeptBytes> kept_;  // all that was written; empty when that was too much
  std::uint64_t written_ = 0;
};

}  // namespace hybridbuffer::inline v0_1
