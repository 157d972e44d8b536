#pragma once

#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/storage.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace hybridbuffer::conformance::mutants {

/// How a Reader fills the span that it is given; all are legal.
enum class Delivery : std::uint8_t { up_to_chunk, one_byte, random };

/// What distinguishes one reference backend from another. Every combination is legal; LV1 to LV18 are such combinations.
struct Settings {
  std::uint64_t chunk_size = 64;
  std::uint64_t max_object_size = std::uint64_t{64} << 10U;
  Capabilities capabilities{Capability::reader_at,
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
  SecondWriter second_writer = SecondWriter::busy;
  RemoveWhileReading remove_while_reading = RemoveWhileReading::succeeds;
  PublishKeep publish_keep = PublishKeep::works;
  Integrity integrity = Integrity::checksum;
  Delivery delivery = Delivery::up_to_chunk;
  bool scratch_beyond_count = false;   ///< readers use the rest of the span as they like
  bool readers_keep_snapshot = false;  ///< what an open reader shows stays stored until it is gone; else it meets an error
  bool buffer_until_close = false;     ///< nothing is stored before close()
  bool probe_at_create = true;         ///< create() asks the store whether it is there; else the first flush finds out
  std::optional<std::chrono::seconds> max_lifetime{std::chrono::hours{1}};
  std::chrono::milliseconds primitive_delay{0};
};

/// The settings of every location that is made from now on.
inline Settings& current_settings() {
  static Settings settings;
  return settings;
}

}  // namespace hybridbuffer::conformance::mutants
