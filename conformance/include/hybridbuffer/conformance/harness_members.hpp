#pragma once

#include <hybridbuffer/conformance/harness.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// \file
/// How the optional members of a harness are recognised. A member whose name is there with another type stops the compilation.

namespace hybridbuffer::conformance::detail {

// A trait holds when it is absent or of its type; a hook when it is absent or can be called as promised.

template <class Present, class Type>
concept of_type = std::convertible_to<Present, Type>;

// clang-format off: tables, a row a member

template <class H> concept calls_stored_objects = requires(H& h) { { h.stored_objects() } -> std::convertible_to<std::size_t>; };
template <class H> concept calls_stored_bytes = requires(H& h) { { h.stored_bytes() } -> std::convertible_to<std::uint64_t>; };
template <class H> concept calls_primitive_calls = requires(H& h) { { h.primitive_calls() } -> std::convertible_to<std::uint64_t>; };
template <class H> concept calls_inject = requires(H& h, const Fault& fault) { { h.inject(fault) } -> std::convertible_to<bool>; };
template <class H> concept calls_faults_fired = requires(H& h) { { h.faults_fired() } -> std::convertible_to<std::uint64_t>; };
template <class H> concept calls_damage = requires(H& h, Damage kind) { { h.damage(kind) } -> std::convertible_to<bool>; };
template <class H> concept calls_set_chunk_size = requires(H& h, std::uint64_t n) { { h.set_chunk_size(n) } -> std::convertible_to<bool>; };
template <class H> concept calls_advance_clock = requires(H& h, std::chrono::seconds d) { { h.advance_clock(d) } -> std::convertible_to<bool>; };
template <class H> concept calls_plant_foreign = requires(H& h) { h.plant_foreign(); };
template <class H> concept calls_foreign_intact = requires(H& h) { { h.foreign_intact() } -> std::convertible_to<bool>; };
template <class H> concept calls_trim = requires(H& h) { h.trim(); };
template <class H> concept calls_publish_destination = requires(H& h) { { h.publish_destination() } -> std::convertible_to<std::string>; };
template <class H> concept calls_read_published = requires(H& h, std::string_view destination) {
  { h.read_published(destination) } -> std::convertible_to<std::optional<std::vector<std::byte>>>;
};
template <class H> concept calls_remove_published = requires(H& h, std::string_view destination) { h.remove_published(destination); };
template <class H> concept calls_roots = requires(H& h) { { h.roots() } -> std::convertible_to<std::vector<std::string>>; };
template <class H> concept calls_secrets = requires(H& h) { { h.secrets() } -> std::convertible_to<std::vector<std::string>>; };

template <class H>
consteval bool explain_traits() {
  constexpr bool chunk_size = !requires(H& h) { h.chunk_size; } || requires(H& h) { { h.chunk_size } -> of_type<std::uint64_t>; };
  static_assert(chunk_size, "the trait must be: std::uint64_t chunk_size;");
  constexpr bool max_object_size = !requires(H& h) { h.max_object_size; } || requires(H& h) { { h.max_object_size } -> of_type<std::uint64_t>; };
  static_assert(max_object_size, "the trait must be: std::uint64_t max_object_size;");
  constexpr bool second_writer = !requires(H& h) { h.second_writer; } || requires(H& h) { { h.second_writer } -> of_type<SecondWriter>; };
  static_assert(second_writer, "the trait must be: SecondWriter second_writer;");
  constexpr bool remove_while_reading = !requires(H& h) { h.remove_while_reading; } || requires(H& h) { { h.remove_while_reading } -> of_type<RemoveWhileReading>; };
  static_assert(remove_while_reading, "the trait must be: RemoveWhileReading remove_while_reading;");
  constexpr bool publish_keep = !requires(H& h) { h.publish_keep; } || requires(H& h) { { h.publish_keep } -> of_type<PublishKeep>; };
  static_assert(publish_keep, "the trait must be: PublishKeep publish_keep;");
  constexpr bool integrity = !requires(H& h) { h.integrity; } || requires(H& h) { { h.integrity } -> of_type<Integrity>; };
  static_assert(integrity, "the trait must be: Integrity integrity;");
  constexpr bool max_lifetime = !requires(H& h) { h.max_lifetime; } || requires(H& h) { { h.max_lifetime } -> of_type<std::chrono::seconds>; };
  static_assert(max_lifetime, "the trait must be: std::chrono::seconds max_lifetime;");
  constexpr bool durable = !requires(H& h) { h.durable; } || requires(H& h) { { h.durable } -> of_type<bool>; };
  static_assert(durable, "the trait must be: bool durable;");
  constexpr bool op_deadline = !requires(H& h) { h.op_deadline; } || requires(H& h) { { h.op_deadline } -> of_type<std::chrono::milliseconds>; };
  static_assert(op_deadline, "the trait must be: std::chrono::milliseconds op_deadline;");
  constexpr bool memory_bound = !requires(H& h) { h.memory_bound; } || requires(H& h) { { h.memory_bound } -> of_type<std::uint64_t>; };
  static_assert(memory_bound, "the trait must be: std::uint64_t memory_bound;");
  constexpr bool crash_residue = !requires(H& h) { h.crash_residue; } || requires(H& h) { { h.crash_residue } -> of_type<CrashResidue>; };
  static_assert(crash_residue, "the trait must be: CrashResidue crash_residue;");
  return true;
}

template <class H>
consteval bool explain_hooks() {
  constexpr bool stored_objects = calls_stored_objects<H> || !requires { &H::stored_objects; };
  static_assert(stored_objects, "the hook must be: std::size_t stored_objects();");
  constexpr bool stored_bytes = calls_stored_bytes<H> || !requires { &H::stored_bytes; };
  static_assert(stored_bytes, "the hook must be: std::uint64_t stored_bytes();");
  constexpr bool primitive_calls = calls_primitive_calls<H> || !requires { &H::primitive_calls; };
  static_assert(primitive_calls, "the hook must be: std::uint64_t primitive_calls();");
  constexpr bool inject = calls_inject<H> || !requires { &H::inject; };
  static_assert(inject, "the hook must be: bool inject(const Fault& fault);");
  constexpr bool faults_fired = calls_faults_fired<H> || !requires { &H::faults_fired; };
  static_assert(faults_fired, "the hook must be: std::uint64_t faults_fired();");
  constexpr bool damage = calls_damage<H> || !requires { &H::damage; };
  static_assert(damage, "the hook must be: bool damage(Damage kind);");
  constexpr bool set_chunk_size = calls_set_chunk_size<H> || !requires { &H::set_chunk_size; };
  static_assert(set_chunk_size, "the hook must be: bool set_chunk_size(std::uint64_t n);");
  constexpr bool advance_clock = calls_advance_clock<H> || !requires { &H::advance_clock; };
  static_assert(advance_clock, "the hook must be: bool advance_clock(std::chrono::seconds d);");
  constexpr bool plant_foreign = calls_plant_foreign<H> || !requires { &H::plant_foreign; };
  static_assert(plant_foreign, "the hook must be: void plant_foreign();");
  constexpr bool foreign_intact = calls_foreign_intact<H> || !requires { &H::foreign_intact; };
  static_assert(foreign_intact, "the hook must be: bool foreign_intact();");
  constexpr bool trim = calls_trim<H> || !requires { &H::trim; };
  static_assert(trim, "the hook must be: void trim();");
  constexpr bool publish_destination = calls_publish_destination<H> || !requires { &H::publish_destination; };
  static_assert(publish_destination, "the hook must be: std::string publish_destination();");
  constexpr bool read_published = calls_read_published<H> || !requires { &H::read_published; };
  static_assert(read_published, "the hook must be: std::optional<std::vector<std::byte>> read_published(std::string_view destination);");
  constexpr bool remove_published = calls_remove_published<H> || !requires { &H::remove_published; };
  static_assert(remove_published, "the hook must be: void remove_published(std::string_view destination);");
  constexpr bool roots = calls_roots<H> || !requires { &H::roots; };
  static_assert(roots, "the hook must be: std::vector<std::string> roots();");
  constexpr bool secrets = calls_secrets<H> || !requires { &H::secrets; };
  static_assert(secrets, "the hook must be: std::vector<std::string> secrets();");
  constexpr bool identify = has_identify<H> || !requires { &H::identify; };
  static_assert(identify, "the hook must be: std::string identify(const Backend& location);");
  constexpr bool reattach = has_reattach<H> || !requires { &H::reattach; };
  static_assert(reattach, "the hook must be: Result<Backend> reattach(std::string_view identity);");
  constexpr bool attaches = requires { &H::identify; } == requires { &H::reattach; };
  static_assert(attaches, "the hooks identify() and reattach() come together");
  constexpr bool injects = requires { &H::inject; } == requires { &H::faults_fired; };
  static_assert(injects, "the hooks inject() and faults_fired() come together");
  constexpr bool plants = requires { &H::plant_foreign; } == requires { &H::foreign_intact; };
  static_assert(plants, "the hooks plant_foreign() and foreign_intact() come together");
  return true;
}

template <class H>
[[nodiscard]] Traits traits_of([[maybe_unused]] const H& h) {
  Traits t;
  if constexpr (requires { { h.chunk_size } -> of_type<std::uint64_t>; }) t.chunk_size = static_cast<std::uint64_t>(h.chunk_size);
  if constexpr (requires { { h.max_object_size } -> of_type<std::uint64_t>; }) t.max_object_size = static_cast<std::uint64_t>(h.max_object_size);
  if constexpr (requires { { h.second_writer } -> of_type<SecondWriter>; }) t.second_writer = h.second_writer;
  if constexpr (requires { { h.remove_while_reading } -> of_type<RemoveWhileReading>; }) t.remove_while_reading = h.remove_while_reading;
  if constexpr (requires { { h.publish_keep } -> of_type<PublishKeep>; }) t.publish_keep = h.publish_keep;
  if constexpr (requires { { h.integrity } -> of_type<Integrity>; }) t.integrity = h.integrity;
  if constexpr (requires { { h.max_lifetime } -> of_type<std::chrono::seconds>; }) t.max_lifetime = h.max_lifetime;
  if constexpr (requires { { h.durable } -> of_type<bool>; }) t.durable = static_cast<bool>(h.durable);
  if constexpr (requires { { h.op_deadline } -> of_type<std::chrono::milliseconds>; }) t.op_deadline = h.op_deadline;
  if constexpr (requires { { h.memory_bound } -> of_type<std::uint64_t>; }) t.memory_bound = static_cast<std::uint64_t>(h.memory_bound);
  if constexpr (requires { { h.crash_residue } -> of_type<CrashResidue>; }) t.crash_residue = h.crash_residue;
  return t;
}

template <class H>
[[nodiscard]] Hooks hooks_of([[maybe_unused]] H& h) {
  Hooks hooks;
  if constexpr (calls_stored_objects<H>) hooks.stored_objects = [&h] { return h.stored_objects(); };
  if constexpr (calls_stored_bytes<H>) hooks.stored_bytes = [&h] { return h.stored_bytes(); };
  if constexpr (calls_primitive_calls<H>) hooks.primitive_calls = [&h] { return h.primitive_calls(); };
  if constexpr (calls_inject<H>) hooks.inject = [&h](const Fault& fault) { return h.inject(fault); };
  if constexpr (calls_faults_fired<H>) hooks.faults_fired = [&h] { return h.faults_fired(); };
  if constexpr (calls_damage<H>) hooks.damage = [&h](Damage kind) { return h.damage(kind); };
  if constexpr (calls_set_chunk_size<H>) hooks.set_chunk_size = [&h](std::uint64_t n) { return h.set_chunk_size(n); };
  if constexpr (calls_advance_clock<H>) hooks.advance_clock = [&h](std::chrono::seconds d) { return h.advance_clock(d); };
  if constexpr (calls_plant_foreign<H>) hooks.plant_foreign = [&h] { h.plant_foreign(); };
  if constexpr (calls_foreign_intact<H>) hooks.foreign_intact = [&h] { return h.foreign_intact(); };
  if constexpr (calls_trim<H>) hooks.trim = [&h] { h.trim(); };
  if constexpr (calls_publish_destination<H>) hooks.publish_destination = [&h] { return h.publish_destination(); };
  if constexpr (calls_read_published<H>) hooks.read_published = [&h](std::string_view destination) { return h.read_published(destination); };
  if constexpr (calls_remove_published<H>) hooks.remove_published = [&h](std::string_view destination) { h.remove_published(destination); };
  if constexpr (calls_roots<H>) hooks.roots = [&h] { return h.roots(); };
  if constexpr (calls_secrets<H>) hooks.secrets = [&h] { return h.secrets(); };
  return hooks;
}

// clang-format on

}  // namespace hybridbuffer::conformance::detail
