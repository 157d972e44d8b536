#pragma once

#include "harness.hpp"

#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/conformance/subject.hpp>
#include <hybridbuffer/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

/// \file
/// Harnesses that lie about a correct backend: META has to find each out.

namespace hybridbuffer::conformance::mutants {

struct SharedInstance : ReferenceHarness {
  Result<Backend> make_backend() { return Backend{the_store(), settings, prefix}; }
  std::string prefix = random_prefix();
};
struct BlindResidue : ReferenceHarness {
  std::size_t stored_objects() { return 0; }
};
struct InjectNeverFires : ReferenceHarness {
  bool inject(const Fault&) { return true; }
};
struct InjectOnlyCounts : ReferenceHarness {
  bool inject(const Fault& fault) {
    armed = fault.k != 0;
    return true;
  }
  std::uint64_t faults_fired() { return armed ? 1 : 0; }
  bool armed = false;
};
struct InjectStaysArmed : ReferenceHarness {
  bool inject(const Fault& fault) { return fault.k == 0 || ReferenceHarness::inject(fault); }
};
struct WrongChunkSize : ReferenceHarness {
  std::uint64_t chunk_size = 16;
};
struct WrongLimit : ReferenceHarness {
  std::uint64_t max_object_size = settings.max_object_size / 2;
};
struct ChunkSizeStays : ReferenceHarness {
  bool set_chunk_size(std::uint64_t) { return true; }
  ChunkSizeStays() { storage.set_chunk_size(chunk_size = settings.chunk_size = 1024); }
};
struct DamageChangesNothing : ReferenceHarness {
  bool damage(Damage) { return true; }
};

struct Liar {
  std::string_view id;
  std::string_view lie;
  std::string_view clause;  ///< that finds it out
  std::unique_ptr<Subject> (*make_subject)();
};

namespace detail {
template <class Harness>
std::unique_ptr<Subject> make_liar() {
  return std::make_unique<conformance::detail::HarnessSubject<Harness>>();
}
}  // namespace detail

// clang-format off: a table, a row a liar
inline constexpr std::array liars{
  Liar{"shared-instance", "make_backend() gives one location again and again", "META-1", detail::make_liar<SharedInstance>},
  Liar{"blind-residue", "stored_objects() sees nothing", "META-2", detail::make_liar<BlindResidue>},
  Liar{"inject-never-fires", "inject() arms nothing", "META-3", detail::make_liar<InjectNeverFires>},
  Liar{"inject-only-counts", "faults_fired() counts, and no fault has an effect", "META-3", detail::make_liar<InjectOnlyCounts>},
  Liar{"inject-stays-armed", "a fault cannot be disarmed", "META-3", detail::make_liar<InjectStaysArmed>},
  Liar{"wrong-chunk-size", "chunk_size is not the backend's", "META-4", detail::make_liar<WrongChunkSize>},
  Liar{"wrong-limit", "max_object_size is not the backend's", "META-4", detail::make_liar<WrongLimit>},
  Liar{"chunk-size-stays", "set_chunk_size() does nothing", "META-4", detail::make_liar<ChunkSizeStays>},
  Liar{"damage-changes-nothing", "damage() does nothing", "META-5", detail::make_liar<DamageChangesNothing>},
};
// clang-format on

}  // namespace hybridbuffer::conformance::mutants
