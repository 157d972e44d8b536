#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace hybridbuffer::conformance {

/// The child's end of the line to its parent.
class ParentLine {
 public:
  explicit ParentLine(int line) noexcept : line_{line} {}
  /// Tells the parent that a point of the work is reached.
  void mark() const;
  /// Sends the parent a text, at most 65 535 bytes.
  void tell(std::string_view text) const;
  /// Waits until the parent says go().
  void wait() const;

 private:
  int line_;
};

/// A fork of this process without exec: does `work` and ends with _exit, whatever happens; nothing of the parent is destroyed there.
/// Killed, if it still lives, when this object is destroyed.
class ForkedChild {
 public:
  explicit ForkedChild(const std::function<void(ParentLine&)>& work);
  ForkedChild(const ForkedChild&) = delete;
  ForkedChild& operator=(const ForkedChild&) = delete;
  ~ForkedChild();

  /// Waits for the child's next mark(). Throws a Failure with what the child threw, or how it ended, when there is none.
  void expect_mark(std::string_view what);
  /// The same, for a child that may end: false then.
  [[nodiscard]] bool next_mark();
  /// Waits for the child's next tell(). Throws as expect_mark() does.
  [[nodiscard]] std::string expect_text(std::string_view what);
  void go() const noexcept;
  /// Waits until the work is done. Throws a Failure when the child threw or crashed.
  void expect_end(std::string_view what);
  /// Ends it at once, as kill -9 does.
  void kill() noexcept;

 private:
  // The next byte from the child; 0: it ended.
  [[nodiscard]] char next();
  [[noreturn]] void fail(std::string_view what, char got);

  int line_ = -1;
  pid_t child_ = -1;
  int status_ = 0;
};

}  // namespace hybridbuffer::conformance
