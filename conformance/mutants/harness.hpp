#pragma once

#include "backend.hpp"
#include "damage.hpp"
#include "settings.hpp"
#include "store.hpp"

#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/error.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hybridbuffer::conformance::mutants {

/// What is known of the store, whatever stands on it.
struct StoreHarness {
  static constexpr std::string_view name = "reference";

  StoreHarness() {
    the_store()->set_lifetime(settings.max_lifetime);
    the_store()->set_delay(settings.primitive_delay);
  }

  Result<Backend> make_backend() { return storage.create_backend(); }
  Result<Storage> make_storage() { return Storage{settings}; }

  // The hooks' settings first: the traits are read from them.
  Settings settings = current_settings();
  Storage storage{settings};
  std::uint64_t chunk_size = settings.chunk_size;
  std::uint64_t max_object_size = settings.max_object_size;
  SecondWriter second_writer = settings.second_writer;
  RemoveWhileReading remove_while_reading = settings.remove_while_reading;
  PublishKeep publish_keep = settings.publish_keep;
  Integrity integrity = settings.integrity;
  std::chrono::seconds max_lifetime = settings.max_lifetime.value_or(std::chrono::seconds::max());
  std::chrono::milliseconds op_deadline = 20 * Store::patience;
  std::uint64_t memory_bound = settings.buffer_until_close ? 2 * settings.max_object_size : 64 * settings.chunk_size;
  // What a killed process had stored stays in the store, as in any that is a process of its own.
  CrashResidue crash_residue = settings.max_lifetime ? CrashResidue::expires : CrashResidue::remains;

  std::size_t stored_objects() { return the_store()->stored_objects(); }
  std::uint64_t stored_bytes() { return the_store()->stored_bytes(); }
  std::uint64_t primitive_calls() { return the_store()->calls(); }
  bool inject(const Fault& fault) { return the_store()->inject(fault); }
  std::uint64_t faults_fired() { return the_store()->faults_fired(); }
  bool damage(Damage kind) { return damage_all(*the_store(), kind); }
  bool set_chunk_size(std::uint64_t n) {
    settings.chunk_size = n;
    storage.set_chunk_size(n);
    return true;
  }
  bool advance_clock(std::chrono::seconds step) {
    the_store()->advance_clock(step);
    return true;
  }
  void plant_foreign() { the_store()->plant_foreign(); }
  bool foreign_intact() { return the_store()->foreign_intact(); }
  void trim() {}
  std::string publish_destination() {
    static std::atomic<unsigned> last{0};
    return "published-" + std::to_string(++last);
  }
  std::optional<std::vector<std::byte>> read_published(std::string_view destination) { return the_store()->peek(destination); }
  void remove_published(std::string_view destination) { the_store()->erase(destination); }
  // No file is made anywhere.
  std::vector<std::string> roots() { return {"/proc/reference-backend-makes-no-files"}; }
  std::vector<std::string> secrets() { return {std::string{Store::password}}; }
};

/// Describes the reference backend to the kit, with every trait that it has and every hook.
struct ReferenceHarness : StoreHarness {
  static constexpr bool durable = true;  // as long as the store, which is the process that runs the clause

  std::string identify(const Backend& location) { return location.name(); }
  Result<Backend> reattach(std::string_view identity) { return Backend::reattach(the_store(), settings, std::string{identity}); }
};

}  // namespace hybridbuffer::conformance::mutants
