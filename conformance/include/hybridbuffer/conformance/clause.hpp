#pragma once

#include <hybridbuffer/storage.hpp>

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
