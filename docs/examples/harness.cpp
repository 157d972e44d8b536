// The complete harness of docs/contract.md: every member that the kit knows, with its exact type. The program checks that each one is
// recognised.

#include <hybridbuffer/conformance.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "minimal_backend.hpp"

using namespace hybridbuffer;
using namespace hybridbuffer::conformance;

namespace {

using MyBackend = examples::VectorBackend;
using MyStorage = InPlaceStorage<MyBackend>;

// clang-format off
// [harness]
struct MyHarness {
  // Required.
  static constexpr std::string_view name = "my-backend";
  Result<MyBackend> make_backend() { return MyBackend{}; }      // a new, empty location each call

  // Traits: what the author declares. static constexpr or not.
  static constexpr std::uint64_t chunk_size = 65536;            // objects are cut into pieces of this size
  static constexpr std::uint64_t max_object_size = 1 << 20;     // no object may be larger
  static constexpr SecondWriter second_writer = SecondWriter::busy;                                // or last_close_wins
  static constexpr RemoveWhileReading remove_while_reading = RemoveWhileReading::succeeds;         // or busy
  static constexpr PublishKeep publish_keep = PublishKeep::works;  // or unsupported: publish(keep) is refused and changes nothing
  static constexpr Integrity integrity = Integrity::none;       // checksum: every read verifies one
  static constexpr std::chrono::seconds max_lifetime{3600};     // stored bytes expire after this time without use
  static constexpr bool durable = false;                        // committed bytes survive the process
  static constexpr std::chrono::milliseconds op_deadline{30000};  // no operation takes longer, whatever the store does
  static constexpr std::uint64_t memory_bound = 1 << 20;        // bytes of memory that a handle takes at most
  static constexpr CrashResidue crash_residue = CrashResidue::none;  // or expires, remains

  // Hooks: they look at the store from outside the backend.
  std::size_t stored_objects() { return 0; }                    // what is left in the store, in any unit: 0 exactly when nothing is
  std::uint64_t stored_bytes() { return 0; }                    // storage taken by all locations of this harness
  std::uint64_t primitive_calls() { return 0; }                 // how many primitives of the store ran so far
  bool inject(const Fault& fault) { return fault.k == 0; }      // arms one fault, forgets the one before; false: cannot be made
  std::uint64_t faults_fired() { return 0; }                    // how often the armed fault fired since inject()
  bool damage(Damage) { return false; }                         // to every committed object; false: cannot be done
  bool set_chunk_size(std::uint64_t) { return false; }          // for the locations made from now on; false: cannot be done
  bool advance_clock(std::chrono::seconds) { return false; }    // of the store; false: cannot be done
  void plant_foreign() {}                                       // puts data of somebody else near the namespace
  bool foreign_intact() { return true; }                        // whether it is all still there, unchanged
  void trim() {}                                                // lets go of what is kept for reuse: files, connections
  std::string publish_destination() { return "name"; }          // a new name for publish(), unused so far
  std::optional<std::vector<std::byte>> read_published(std::string_view) { return {}; }  // nothing: there is no such object
  void remove_published(std::string_view) {}
  std::vector<std::string> roots() { return {}; }               // the directories in which files may be made
  std::vector<std::string> secrets() { return {}; }             // what no error may show
  std::string identify(const MyBackend&) { return {}; }         // by what reattach() finds its object, in any process
  Result<MyBackend> reattach(std::string_view) { return MyBackend{}; }  // the location of a process that is gone
  Result<MyStorage> make_storage() { return MyStorage{}; }      // the storage factory, each call an equal one
};
// [harness]
// clang-format on

}  // namespace

int main() {
  conformance::detail::HarnessSubject<MyHarness> subject;
  const Report report = start_report(subject, {});
  const Traits& traits = report.traits;
  const bool all_traits = traits.chunk_size && traits.max_object_size && traits.max_lifetime && traits.op_deadline && traits.memory_bound &&
                          traits.crash_residue;
  for (const std::string& hook : report.hooks) std::printf("%s\n", hook.c_str());
  constexpr std::size_t hooks = 18;
  return all_traits && report.hooks.size() == hooks ? 0 : 1;
}
