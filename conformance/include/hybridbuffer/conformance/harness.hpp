#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

/// \file
/// What an author tells the kit about a backend: a harness. Two members are required, `name` and `make_backend()`; each further one
/// unlocks clauses. A member with a wrong type is a compile error that names it; the report lists what was recognised.

namespace hybridbuffer::conformance {

// Declared traits ----------------------------------------------------------------------------------------------------------------

/// What create() does while another writer of the location is open (CREATE-6).
enum class SecondWriter : std::uint8_t { busy, last_close_wins };
/// What remove() does while readers are open (REMOVE-5).
enum class RemoveWhileReading : std::uint8_t { succeeds, busy };
/// Whether stored bytes carry a checksum that every read verifies (READER-9).
enum class Integrity : std::uint8_t { none, checksum };
/// What publish() does with PublishMode::keep (PUBLISH-1): it keeps; or, where the store takes no condition on what it writes, it answers
/// `already_exists` or `unsupported` and changes nothing.
enum class PublishKeep : std::uint8_t { works, unsupported };
/// What a killed process leaves in the store (DUR-2): nothing, what expires, or what somebody must clean up.
enum class CrashResidue : std::uint8_t { none, expires, remains };

// Hooks --------------------------------------------------------------------------------------------------------------------------

/// How a primitive of the store fails.
enum class FaultMode : std::uint8_t {
  error,               ///< it fails and has no effect
  short_count,         ///< it moves fewer bytes than asked and says so
  interrupted,         ///< it is interrupted once, as by a signal; the backend has to do it again
  error_after_effect,  ///< it has its whole effect and fails all the same: the answer was lost
  hang,                ///< it does not answer before the backend gives up
};

/// One fault: the k-th primitive operation of the store, counted from the call of inject(), fails.
struct Fault {
  std::uint64_t k = 0;  ///< from 1; 0: none, which disarms
  FaultMode mode = FaultMode::error;
  errc category = errc::io;  ///< what the native failure means
  bool for_ever = false;     ///< every later primitive as well
};

/// What is done to stored bytes behind the backend's back.
enum class Damage : std::uint8_t {
  truncate,       ///< the object loses its last bytes
  drop_first,     ///< its first chunk is gone
  drop_middle,    ///< a chunk in its middle
  drop_last,      ///< its last chunk
  flip_first,     ///< a bit flips in the first chunk
  flip_middle,    ///< in the middle
  flip_last,      ///< in the last chunk
  flip_metadata,  ///< in what describes the object
};

/// What an author declares; unset where the harness does not say.
struct Traits {
  std::optional<std::uint64_t> chunk_size{};        ///< the backend cuts objects into pieces of this size
  std::optional<std::uint64_t> max_object_size{};   ///< no object may be larger
  SecondWriter second_writer = SecondWriter::busy;  ///< see there
  RemoveWhileReading remove_while_reading = RemoveWhileReading::succeeds;
  PublishKeep publish_keep = PublishKeep::works;  ///< see there
  Integrity integrity = Integrity::none;
  std::optional<std::chrono::seconds> max_lifetime{};      ///< stored bytes expire after this time without use
  bool durable = false;                                    ///< committed bytes survive the process
  std::optional<std::chrono::milliseconds> op_deadline{};  ///< no operation takes longer, whatever the store does
  std::optional<std::uint64_t> memory_bound{};             ///< bytes of memory that a handle takes at most, whatever the object's size
  std::optional<CrashResidue> crash_residue{};             ///< see there
};

/// The hooks of a harness; empty functions where it has none.
struct Hooks {
  std::function<std::size_t()> stored_objects{};
  std::function<std::uint64_t()> stored_bytes{};
  std::function<std::uint64_t()> primitive_calls{};
  std::function<bool(const Fault&)> inject{};
  std::function<std::uint64_t()> faults_fired{};
  std::function<bool(Damage)> damage{};
  std::function<bool(std::uint64_t)> set_chunk_size{};
  std::function<bool(std::chrono::seconds)> advance_clock{};
  std::function<void()> plant_foreign{};
  std::function<bool()> foreign_intact{};
  std::function<void()> trim{};
  std::function<std::string()> publish_destination{};
  std::function<std::optional<std::vector<std::byte>>(std::string_view)> read_published{};
  std::function<void(std::string_view)> remove_published{};
  std::function<std::vector<std::string>()> roots{};
  std::function<std::vector<std::string>()> secrets{};
};

namespace detail {

template <class Harness>
using backend_of_harness = typename std::remove_cvref_t<decltype(std::declval<Harness&>().make_backend())>::value_type;

template <class Harness>
concept has_identify = requires(Harness& h, const backend_of_harness<Harness>& location) {
  { h.identify(location) } -> std::convertible_to<std::string>;
};
template <class Harness>
concept has_reattach = requires(Harness& h, std::string_view identity) {
  { h.reattach(identity) } -> std::same_as<Result<backend_of_harness<Harness>>>;
};

template <class Harness>
concept has_make_backend = requires(Harness& h) {
  { h.make_backend() } -> hybridbuffer::detail::result;
};
template <class Harness>
concept has_name = requires {
  { Harness::name } -> std::convertible_to<std::string_view>;
};

// How the optional members are recognised: harness_members.hpp.

/// Stops the compilation with a sentence for each trait of another type.
template <class Harness>
consteval bool explain_traits();
/// Stops the compilation with a sentence for each hook of another signature.
template <class Harness>
consteval bool explain_hooks();
template <class Harness>
[[nodiscard]] Traits traits_of(const Harness& h);
template <class Harness>
[[nodiscard]] Hooks hooks_of(Harness& h);

}  // namespace detail

/// A description of a backend for the kit. The complete one, with the exact type of every member; all below make_backend is optional:
///
///     struct MyHarness {
///       static constexpr std::string_view name = "my-backend";
///       Result<MyBackend> make_backend();                        // a new, empty location each call
///
///       // Traits: static constexpr or not. See Traits for their meaning.
///       static constexpr std::uint64_t chunk_size = 65536;
///       static constexpr std::uint64_t max_object_size = 1 << 20;
///       static constexpr SecondWriter second_writer = SecondWriter::busy;
///       static constexpr RemoveWhileReading remove_while_reading = RemoveWhileReading::succeeds;
///       static constexpr PublishKeep publish_keep = PublishKeep::works;
///       static constexpr Integrity integrity = Integrity::checksum;
///       static constexpr std::chrono::seconds max_lifetime{3600};
///       static constexpr bool durable = false;
///       static constexpr std::chrono::milliseconds op_deadline{30000};
///       static constexpr std::uint64_t memory_bound = 1 << 20;
///       static constexpr CrashResidue crash_residue = CrashResidue::none;
///
///       // Hooks. They look at the store from outside the backend.
///       std::size_t stored_objects();                            // what is left in the store, in any unit: 0 exactly when nothing is
///       std::uint64_t stored_bytes();                            // storage taken by all locations of this harness
///       std::uint64_t primitive_calls();                         // how many primitives of the store ran so far
///       bool inject(const Fault& fault);                         // arms one fault, and forgets the one before; false: cannot be made
///       std::uint64_t faults_fired();                            // how often the armed fault fired since inject()
///       bool damage(Damage kind);                                // to every committed object that is there; false: cannot be done
///       bool set_chunk_size(std::uint64_t n);                    // for the locations made from now on; false: cannot be done
///       bool advance_clock(std::chrono::seconds d);              // of the store; false: cannot be done
///       void plant_foreign();                                    // puts data of somebody else near the namespace
///       bool foreign_intact();                                   // whether it is all still there, unchanged
///       void trim();                                             // lets go of what is kept for reuse: files, connections
///       std::string publish_destination();                       // a new name for publish(), unused so far
///       std::optional<std::vector<std::byte>> read_published(std::string_view destination);   // nothing: there is no such object
///       void remove_published(std::string_view destination);
///       std::vector<std::string> roots();                        // the directories in which files may be made
///       std::vector<std::string> secrets();                      // what no error may show
///       std::string identify(const MyBackend& location);         // by what reattach() finds its object, in any process
///       Result<MyBackend> reattach(std::string_view identity);   // the location of a process that is gone; committed bytes are there
///       Result<Storage> make_storage();                          // the storage factory, each call an equal one
///     };
///
/// Requires of make_backend(): equal locations from every call. With clauses run in child processes each child makes a harness of its own.
template <class Harness>
concept conformance_harness =
    detail::has_name<Harness> && detail::has_make_backend<Harness> && storage_backend<detail::backend_of_harness<Harness>>;

/// Stops the compilation with a sentence for each member that `Harness` lacks, and for each that its backend lacks.
template <class Harness>
consteval bool explain_harness() {
  constexpr bool named = detail::has_name<Harness>;
  static_assert(named, "a harness needs: static constexpr std::string_view name;");
  constexpr bool makes = detail::has_make_backend<Harness>;
  static_assert(makes, "a harness needs: Result<Backend> make_backend();");
  if constexpr (makes) static_assert(explain_storage_backend<detail::backend_of_harness<Harness>>());
  static_assert(detail::explain_traits<Harness>() && detail::explain_hooks<Harness>());
  return true;
}

}  // namespace hybridbuffer::conformance

#include <hybridbuffer/conformance/harness_members.hpp>
