#pragma once

#include <hybridbuffer/detail/content_memory.hpp>
#include <hybridbuffer/detail/forwarded_capabilities.hpp>
#include <hybridbuffer/detail/tiered_object.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>

/// \file
/// How a tiered object comes about: bytes go to the first storage, and from its first failure on to the second.

namespace hybridbuffer::inline v0_1::detail {

/// Whether the first storage's failure is one that the second can make good.
[[nodiscard]] constexpr bool moves_over(errc code) noexcept {
  return code == errc::no_space || code == errc::limit_exceeded || code == errc::unavailable || code == errc::timeout;
}

/// Takes an object's bytes into locations that nobody sees yet: those of the first storage as long as it takes them.
///
/// The inner writer is closed, which commits into its location, whenever more than replay_bytes wait in it: those that wait are kept in
/// memory, so that they can go to the second storage when the first one fails at the write or at the close. A write that is larger goes
/// through without a copy.
template <class FirstStorage, class SecondStorage>
class TieredAssembly {
 public:
  using First = backend_of_t<FirstStorage>;
  using Second = backend_of_t<SecondStorage>;
  using Location = TieredLocation<First, Second>;
  using Extents = TieredExtents<First, Second>;
  using Pieces = std::span<const std::span<const std::byte>>;

  /// `extents`: the object that is extended; empty for a new one. `keeps_secrets`: whether a storage does.
  TieredAssembly(std::shared_ptr<const Tiers<FirstStorage, SecondStorage>> tiers, std::shared_ptr<typename Location::Attic> attic,
                 Extents extents, bool keeps_secrets)
      : tiers_{std::move(tiers)}, attic_{std::move(attic)}, extents_{std::move(extents)}, kept_{tiers_->replay_bytes, keeps_secrets} {
    if (extents_.all().empty()) return;
    location_ = extents_.all().back().location;
    in_first_ = location_->is_first();
    extended_ = location_;
    extended_end_ = location_->end;
  }
  TieredAssembly(const TieredAssembly&) = delete;
  TieredAssembly& operator=(const TieredAssembly&) = delete;
  ~TieredAssembly() {
    drop_writer();
    give_back_extension();
  }

  /// Errors: those of the second storage; those of the first that are not about room or reach.
  [[nodiscard]] Result<void> write(Pieces pieces) {
    std::size_t total = 0;
    for (const auto piece : pieces) total += piece.size();
    if (total == 0) return {};
    return in_either_tier([&] { return put(pieces, total); });
  }
  /// Commits what waits. Errors: as write().
  [[nodiscard]] Result<void> finish() {
    return in_either_tier([&]() -> Result<void> {
      if (kept_.empty()) return {};
      if (auto ready = open_writer(); !ready) return ready;
      return commit();
    });
  }
  /// All that was written. Requires: finish() succeeded.
  [[nodiscard]] const Extents& extents() const noexcept { return extents_; }
  /// What was written belongs to an object now: it no longer goes with this.
  void publish() noexcept { extended_.reset(); }

 private:
  // The writers of both storages, for new objects and for extensions.
  using Writers = std::variant<std::monostate, writer_of<First>, appender_of<First>, writer_of<Second>, appender_of<Second>>;

  // Runs `step`, and once more in the second storage when the first one cannot, or in another location there when one that is extended
  // takes no more: what a storage adds to each extension takes room that no number told before.
  template <class Step>
  [[nodiscard]] Result<void> in_either_tier(Step&& step) {
    auto done = step();
    if (!done && in_first_ && moves_over(done.error().code())) {
      in_first_ = false;
      leave_location();
      done = step();
    }
    if (!done && !in_first_ && done.error() == errc::limit_exceeded && location_ != nullptr && location_->end != 0) {
      leave_location();
      done = step();
    }
    return done;
  }
  void leave_location() noexcept {
    drop_writer();
    waiting_ = 0;
    location_.reset();
  }

  [[nodiscard]] Result<void> put(Pieces pieces, std::size_t total) {
    if (auto ready = open_writer(); !ready) return ready;
    if (auto written = write_to_inner(pieces); !written) return written;
    waiting_ += total;
    return kept_.add(pieces) ? Result<void>{} : commit();
  }

  // A writer that took all that is kept.
  [[nodiscard]] Result<void> open_writer() {
    if (writer_.index() != 0) return {};
    auto opened = in_first_ ? open_in<0>() : open_in<1>();
    if (!opened || kept_.empty()) return opened;
    const std::span<const std::byte> all = kept_.bytes();
    if (auto written = write_to_inner(std::span{&all, 1}); !written) return written;
    waiting_ = all.size();
    return {};
  }
  // An extension of the location where there is one that takes it, else a new location.
  template <std::size_t tier>
  [[nodiscard]] Result<void> open_in() {
    using Backend = std::variant_alternative_t<tier, Either<First, Second>>;
    if constexpr (may_have<Backend>(Capability::append)) {
      if (location_ != nullptr && !location_->sealed && location_->has(Capability::append)) {
        auto made = std::get<tier>(location_->backend).append();
        if (!made) return std::unexpected{std::move(made).error()};
        writer_.template emplace<2 * tier + 2>(*std::move(made));
        return {};
      }
    }
    auto backend = create_backend<tier>();
    if (!backend) return std::unexpected{std::move(backend).error()};
    location_ = std::make_shared<Location>(Either<First, Second>{std::in_place_index<tier>, *std::move(backend)}, attic_);
    auto made = std::get<tier>(location_->backend).create();
    if (!made) return std::unexpected{std::move(made).error()};
    writer_.template emplace<2 * tier + 1>(*std::move(made));
    return {};
  }
  template <std::size_t tier>
  [[nodiscard]] auto create_backend() const {
    if constexpr (tier == 0) return tiers_->first.create_backend();
    else return tiers_->second.create_backend();
  }

  template <class Function>
  [[nodiscard]] Result<void> with_writer(Function&& function) {
    return std::visit(
        [&](auto& inner) -> Result<void> {
          using Inner = std::remove_reference_t<decltype(inner)>;
          if constexpr (std::is_same_v<Inner, std::monostate> || std::is_same_v<Inner, NoHandle>) return failure(errc::closed, "write");
          else return function(inner);
        },
        writer_);
  }
  [[nodiscard]] Result<void> write_to_inner(Pieces pieces) {
    auto written = with_writer([&](auto& inner) -> Result<void> {
      if constexpr (gathering_writer<std::remove_reference_t<decltype(inner)>>) {
        return inner.write(pieces);
      } else {
        for (const auto piece : pieces) {
          if (auto done = inner.write(piece); !done) return done;
        }
        return {};
      }
    });
    if (!written) drop_writer();
    return written;
  }
  [[nodiscard]] Result<void> commit() {
    Extents with_these = extents_;
    with_these.add(location_, location_->end, waiting_);
    auto closed = with_writer([](auto& inner) { return inner.close(); });
    drop_writer();
    if (!closed) {
      location_->sealed = location_->sealed || closed.error().is_indeterminate();
      return closed;
    }
    location_->end += std::exchange(waiting_, 0);
    extents_ = std::move(with_these);
    kept_.clear();
    return {};
  }
  // What it did not commit goes with it.
  void drop_writer() noexcept { writer_.template emplace<0>(); }  // NOLINT(bugprone-exception-escape): the first alternative is empty

  // New locations go by themselves; what was committed into one that was there before is cut off again, where it can be.
  void give_back_extension() noexcept {
    if (extended_ == nullptr || extended_->end == extended_end_ || extended_->sealed) return;
    const auto shrink = [&](auto& inner) -> Result<void> {
      if constexpr (may_have<std::remove_reference_t<decltype(inner)>>(Capability::shrink)) {
        if (capabilities_of(inner).has(Capability::shrink)) return inner.shrink(extended_end_);
      }
      return failure(errc::unsupported, "shorten a location");
    };
    try {
      const auto shrunk = std::visit(shrink, extended_->backend);
      if (shrunk) extended_->end = extended_end_;
      else extended_->sealed = shrunk.error().is_indeterminate();
    } catch (...) {  // NOLINT(bugprone-empty-catch): whether it is there is unknown
      extended_->sealed = true;
    }
  }

  std::shared_ptr<const Tiers<FirstStorage, SecondStorage>> tiers_;
  std::shared_ptr<typename Location::Attic> attic_;
  Extents extents_;  // what was committed into locations
  bool in_first_ = true;
  std::shared_ptr<Location> location_;  // where bytes go; null where that is still open
  Writers writer_;
  std::shared_ptr<Location> extended_;  // the location that was there before, if any
  std::uint64_t extended_end_ = 0;      // its size then
  KeptBytes kept_;                      // bytes that no commit has taken yet
  std::uint64_t waiting_ = 0;           // bytes in writer_
};

}  // namespace hybridbuffer::inline v0_1::detail
