#pragma once

#include "spool_buffer.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace spool {

/// Standard input, read as it comes.
///
/// The descriptor belongs to other processes too, so it is never made non-blocking: poll(2) tells when a read will not wait.
class Input {
 public:
  enum class Event { ready, stopped, consumer_left };

  /// `watched_output`: the descriptor of a pipe or socket whose reader's end matters also while there is no input; −1: none.
  explicit Input(int descriptor, int watched_output = -1) noexcept;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  ~Input();

  /// Waits until there is something to read, also the end or an error.
  [[nodiscard]] Event wait() noexcept;

  /// Ends wait() now and for ever. Threads: any.
  void stop() noexcept;

  /// Appends what is there now, up to `most` bytes, read straight into the buffer's memory.
  ///
  /// Errors: those of the input, which failed() tells apart, and of the buffer.
  [[nodiscard]] hybridbuffer::Result<std::uint64_t> read_into(SpoolBuffer& buffer, std::uint64_t most);

  [[nodiscard]] bool ended() const noexcept { return ended_; }
  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  struct Portion;

  [[nodiscard]] bool has_more() const noexcept;
  [[nodiscard]] hybridbuffer::Result<std::size_t> read(std::span<std::byte> bytes) noexcept;

  int descriptor_;
  int watched_output_;
  int stop_event_;
  bool ended_ = false;
  bool failed_ = false;
};

}  // namespace spool
