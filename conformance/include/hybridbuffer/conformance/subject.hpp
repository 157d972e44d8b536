#pragma once

#include <hybridbuffer/conformance/handles.hpp>
#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/error.hpp>

#include <concepts>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace hybridbuffer::conformance {

/// A harness with its type erased: what makes the locations under test.
class Subject {
 public:
  using MakeLocation = std::function<Result<std::unique_ptr<detail::ErasedLocation>>()>;
  /// A storage factory under test; destroying the function destroys the factory.
  using Factory = MakeLocation;

  Subject() = default;
  Subject(const Subject&) = delete;
  Subject& operator=(const Subject&) = delete;
  virtual ~Subject() = default;

  [[nodiscard]] virtual std::string_view name() const = 0;
  [[nodiscard]] virtual Traits traits() const = 0;
  [[nodiscard]] virtual Hooks hooks() = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<detail::ErasedLocation>> make() = 0;
  /// Whether the harness can find an object again whose process is gone.
  [[nodiscard]] virtual bool can_reattach() const = 0;
  /// Requires: can_reattach(), and a location of this subject.
  [[nodiscard]] virtual std::string identify(const detail::ErasedLocation& location) = 0;
  /// Requires: can_reattach().
  [[nodiscard]] virtual Result<std::unique_ptr<detail::ErasedLocation>> reattach(std::string_view identity) = 0;
  /// A new storage factory, equal to every other; an empty function when the harness has no make_storage().
  [[nodiscard]] virtual Result<Factory> make_factory() = 0;
  /// A copy of a factory made by make_factory(), or an empty function where it cannot be copied.
  [[nodiscard]] virtual bool has_factory() const = 0;
  /// Another harness of the same type, equal in every setting; null where it cannot be default-constructed.
  [[nodiscard]] virtual std::unique_ptr<Subject> another() const = 0;
};

namespace detail {

template <class Harness>
concept makes_storage = requires(Harness& h) {
  { h.make_storage() } -> hybridbuffer::detail::result;
};

template <class Harness>
class HarnessSubject final : public Subject {
  using Backend = backend_of_harness<Harness>;

 public:
  /// Owns a harness of its own.
  HarnessSubject()
    requires std::default_initializable<Harness>
      : owned_{std::make_unique<Harness>()}, harness_{owned_.get()} {}
  /// Looks at the caller's.
  explicit HarnessSubject(Harness& harness) : harness_{&harness} {}

  [[nodiscard]] std::string_view name() const override { return Harness::name; }
  [[nodiscard]] Traits traits() const override { return traits_of(*harness_); }
  [[nodiscard]] Hooks hooks() override { return hooks_of(*harness_); }
  [[nodiscard]] Result<std::unique_ptr<ErasedLocation>> make() override {
    return boxed<LocationBox, ErasedLocation>(harness_->make_backend());
  }
  [[nodiscard]] bool can_reattach() const override { return has_reattach<Harness>; }
  [[nodiscard]] std::string identify([[maybe_unused]] const ErasedLocation& location) override {
    if constexpr (has_identify<Harness>) return harness_->identify(static_cast<const LocationBox<Backend>&>(location).held);
    else return {};
  }
  [[nodiscard]] Result<std::unique_ptr<ErasedLocation>> reattach([[maybe_unused]] std::string_view identity) override {
    if constexpr (has_reattach<Harness>) return boxed<LocationBox, ErasedLocation>(harness_->reattach(identity));
    else return undeclared("reattach");
  }
  [[nodiscard]] bool has_factory() const override { return makes_storage<Harness>; }
  [[nodiscard]] Result<Factory> make_factory() override {
    if constexpr (makes_storage<Harness>) {
      auto storage = harness_->make_storage();
      if (!storage) return std::unexpected{storage.error()};
      using Storage = typename decltype(storage)::value_type;
      // A copy of the function is a copy of the factory where it has copies, else another handle on the same one.
      if constexpr (std::copy_constructible<Storage>) {
        return Factory{[storage = std::move(*storage)] { return boxed<LocationBox, ErasedLocation>(storage.create_backend()); }};
      } else {
        return Factory{[storage = std::make_shared<Storage>(std::move(*storage))] {
          return boxed<LocationBox, ErasedLocation>(storage->create_backend());
        }};
      }
    } else {
      return Factory{};
    }
  }
  [[nodiscard]] std::unique_ptr<Subject> another() const override {
    if constexpr (std::default_initializable<Harness>) return std::make_unique<HarnessSubject>();
    else return nullptr;
  }

 private:
  std::unique_ptr<Harness> owned_;
  Harness* harness_;
};

}  // namespace detail

}  // namespace hybridbuffer::conformance
