#include "legal.hpp"

#include <hybridbuffer/conformance/subject.hpp>
#include <hybridbuffer/storage.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <span>

namespace hybridbuffer::conformance::mutants {
namespace {

template <class Harness>
std::unique_ptr<Subject> make() {
  return std::make_unique<conformance::detail::HarnessSubject<Harness>>();
}

// clang-format off: a table, a row a backend
const std::array rows{
  LegalBackend{"LV1", "reads deliver one byte", [](Settings& s) { s.delivery = Delivery::one_byte; }, make<ReferenceHarness>},
  LegalBackend{"LV2", "reads are short at random", [](Settings& s) { s.delivery = Delivery::random; }, make<ReferenceHarness>},
  LegalBackend{"LV3", "chunks of one byte", [](Settings& s) { s.chunk_size = 1; s.max_object_size = 4096; }, make<ReferenceHarness>},
  LegalBackend{"LV4", "10 ms a primitive", [](Settings& s) { s.primitive_delay = std::chrono::milliseconds{10}; s.max_object_size = 4096; }, make<ReferenceHarness>, true},
  LegalBackend{"LV5", "a second writer is busy", [](Settings& s) { s.second_writer = SecondWriter::busy; }, make<ReferenceHarness>},
  LegalBackend{"LV6", "the last close wins", [](Settings& s) { s.second_writer = SecondWriter::last_close_wins; }, make<ReferenceHarness>},
  LegalBackend{"LV7", "remove is busy while readers are open", [](Settings& s) { s.remove_while_reading = RemoveWhileReading::busy; }, make<ReferenceHarness>},
  LegalBackend{"LV8", "an open reader fails after a replacement", [](Settings& s) { s.readers_keep_snapshot = false; }, make<ReferenceHarness>},
  LegalBackend{"LV9", "an open reader keeps the old object", [](Settings& s) { s.readers_keep_snapshot = true; }, make<ReferenceHarness>},
  LegalBackend{"LV10", "neither ReaderAt nor Seeker", [](Settings& s) { s.capabilities = s.capabilities.without({Capability::reader_at, Capability::seeker}); }, make<ReferenceHarness>},
  LegalBackend{"LV11", "handles without size()", [](Settings&) {}, make<SizelessHarness>},
  LegalBackend{"LV12", "nothing is stored before close", [](Settings& s) { s.buffer_until_close = true; }, make<ReferenceHarness>},
  LegalBackend{"LV13", "objects of 1 MiB at most", [](Settings& s) { s.chunk_size = 4096; s.max_object_size = std::uint64_t{1} << 20U; }, make<ReferenceHarness>},
  LegalBackend{"LV14", "create does not touch the store", [](Settings& s) { s.probe_at_create = false; }, make<ReferenceHarness>},
  LegalBackend{"LV15", "reads scribble behind what they deliver", [](Settings& s) { s.scratch_beyond_count = true; s.delivery = Delivery::random; }, make<ReferenceHarness>},
  LegalBackend{"LV16", "a harness without hooks", [](Settings&) {}, make<HooklessHarness>},
  LegalBackend{"LV17", "no capability at all, no checksum, data without end", [](Settings& s) { s.capabilities = {}; s.integrity = Integrity::none; s.max_lifetime.reset(); }, make<ReferenceHarness>},
  LegalBackend{"LV18", "publish cannot keep, and says so", [](Settings& s) { s.publish_keep = PublishKeep::unsupported; }, make<ReferenceHarness>},
};
// clang-format on

}  // namespace

std::span<const LegalBackend> legal_backends() { return rows; }

}  // namespace hybridbuffer::conformance::mutants
