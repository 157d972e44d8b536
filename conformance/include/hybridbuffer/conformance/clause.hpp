#pragma once

#include <hybridbuffer/storage.hpp>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace hybridbuffer::conformance {

class Context;

/// The version of the clause set: a change of a rule's meaning changes it.
inline constexpr std::string_view clause_set = "hybridbuffer-storage/1.0";

/// When a clause has to hold.
enum class Obligation : std::uint8_t {
  required,  ///< of every backend that declares the capability
  gated,     ///< of those that declare the trait it speaks of
  hooked,    ///< of every backend, and seen only with a hook of the harness
};

/// How much of the machine a run may take.
enum class Tier : std::uint8_t { quick, full, slow };

[[nodiscard]] constexpr std::string_view name_of(Tier tier) noexcept {
  return tier == Tier::quick ? "quick" : tier == Tier::full ? "full" : "slow";
}

/// The enumerator's name: what a backend declares.
[[nodiscard]] constexpr std::string_view name_of(Capability capability) noexcept {
  switch (capability) {
    case Capability::reader_at: return "reader_at";
    case Capability::seeker: return "seeker";
    case Capability::append: return "append";
    case Capability::append_granularity: return "append_granularity";
    case Capability::shrink: return "shrink";
    case Capability::discard: return "discard";
    case Capability::map: return "map";
    case Capability::transfer: return "transfer";
    case Capability::publish: return "publish";
    case Capability::gather: return "gather";
    case Capability::max_object_size: return "max_object_size";
  }
  return "unknown";
}

/// Every capability, in the order of their declaration.
inline constexpr std::array all_capabilities{Capability::reader_at,
                                             Capability::seeker,
                                             Capability::append,
                                             Capability::append_granularity,
                                             Capability::shrink,
                                             Capability::discard,
                                             Capability::map,
                                             Capability::transfer,
                                             Capability::publish,
                                             Capability::gather,
                                             Capability::max_object_size};

/// One rule of the contract, and how it is tried.
struct Clause {
  std::string_view id;         ///< "CREATE-1"
  std::string_view rule;       ///< what must hold, in one line
  std::string_view look_here;  ///< where a backend that breaks it usually goes wrong
  Obligation obligation = Obligation::required;
  std::optional<Capability> capability{};  ///< the declaration that turns it on; none: every backend
  Tier tier = Tier::quick;                 ///< the smallest tier that runs it
  void (*run)(Context&) = nullptr;

  /// "CREATE"
  [[nodiscard]] constexpr std::string_view family() const noexcept { return id.substr(0, id.rfind('-')); }
};

}  // namespace hybridbuffer::conformance
