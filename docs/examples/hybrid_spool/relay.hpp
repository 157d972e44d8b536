#pragma once

#include "input.hpp"
#include "outcome.hpp"
#include "output.hpp"
#include "report.hpp"
#include "shortcut.hpp"
#include "spool_buffer.hpp"

#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace spool {

/// Passes the input on to the output while both go on, each at its own pace.
///
///     input → [ back ]   … swapped when front is empty …   [ front ] → output
///
/// One thread reads into the back buffer, one writes out of the front buffer; each is alone with its own, so neither waits while the
/// other reads, writes or spills. Each buffer goes into storage on its own when memory runs short, and of any number of bytes that the
/// consumer leaves lying there are never more than these two buffers. While the consumer keeps up, and both ends are pipes, nothing goes
/// through a buffer at all.
class Relay {
 public:
  Relay(Input& input, Output& output, Shortcut shortcut, BufferSource& buffers, Counters& counters, Console& console);

  /// Returns when all is written, or cannot be.
  [[nodiscard]] Outcome run();

 private:
  // The thread that reads.
  void take_in();
  [[nodiscard]] bool take_in_once();
  [[nodiscard]] bool pass_by();
  [[nodiscard]] hybridbuffer::Result<void> fill_back();
  void hand_over();
  void wait_for_room(const hybridbuffer::Error& error);

  // The thread that writes.
  [[nodiscard]] Outcome give_out();
  [[nodiscard]] bool next_front();
  [[nodiscard]] bool swap_buffers();
  void made_room();
  void end_input(Outcome outcome);

  Input& input_;
  Output& output_;
  Shortcut shortcut_;
  BufferSource& buffers_;
  Counters& counters_;
  Console& console_;

  SpoolBuffer first_;
  SpoolBuffer second_;
  SpoolBuffer* front_ = &first_;  // the writing thread's, except while it is hungry
  SpoolBuffer* back_ = &second_;  // the reading thread's while it is filling, else whoever's holds the lock

  std::mutex lock_;
  std::condition_variable fed_;      // the front was swapped for a full one, or the input ended
  std::condition_variable drained_;  // room was made, or nobody needs any
  bool filling_ = false;
  bool hungry_ = false;   // the writing thread waits for a front
  bool ended_ = false;    // nothing more comes
  bool stopped_ = false;  // nothing more is wanted
  std::uint64_t rooms_made_ = 0;
  Outcome input_outcome_;

  std::uint64_t rooms_seen_ = 0;  // the reading thread's: rooms_made_ before it last tried
  bool told_ = false;             // the reading thread's: that storage is full is worth one note
};

}  // namespace spool
