#pragma once

#include "fault_run.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <stdexcept>
#include <string>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/// \file
/// What a buffer is put through while calls fail. Each scenario works for every composition whose memory ends at about 100 bytes.

namespace hybridbuffer::testing {

/// A descriptor that is closed with its scope.
class OwnedDescriptor {
 public:
  explicit OwnedDescriptor(int number) : number_{number} {
    if (number < 0) throw std::runtime_error{"cannot open what a scenario needs"};
  }
  OwnedDescriptor(const OwnedDescriptor&) = delete;
  OwnedDescriptor& operator=(const OwnedDescriptor&) = delete;
  ~OwnedDescriptor() { ::close(number_); }
  [[nodiscard]] int number() const noexcept { return number_; }

 private:
  int number_;
};

struct Pipe {
  static std::array<int, 2> make() {
    std::array<int, 2> ends{-1, -1};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::runtime_error{"cannot make a pipe"};
    return ends;
  }
  explicit Pipe(std::array<int, 2> ends = make()) : in{ends[0]}, out{ends[1]} {}

  /// Bytes that wait in it.
  [[nodiscard]] std::size_t filled() const {
    int count = 0;
    return ::ioctl(in.number(), FIONREAD, &count) == 0 ? static_cast<std::size_t>(count) : 0;
  }

  OwnedDescriptor in;
  OwnedDescriptor out;
};

/// Appends of every kind, in memory, across its end, in one piece far beyond it, and spills in between.
struct Appends {
  static constexpr std::string_view name = "appends";
  void operator()(auto& run) const {
    run.append(60);
    run.append(40);
    run.append(1);
    run.append(150);
    run.append_text("some text, ");
    run.append_byte(std::byte{0x5A});
    run.append_code_point(U'\u20AC');
    run.spill();
    run.append(70'000);
    run.reserve(80);
    run.append(30);
    for (int i = 0; i < 12; ++i) run.append(37);
    run.move();
    run.append(99);
  }
};

/// Reads of every kind over storage and memory.
struct Reads {
  static constexpr std::string_view name = "reads";
  void operator()(auto& run) const {
    run.append(300);
    run.append_text("a line\r\nanother line\n\xE2\x82\xAC and the rest");
    run.append(50);
    run.read(10);
    run.get();
    run.peek(20);
    run.read_line();
    run.read_until(std::byte{'e'});
    run.read_code_point();
    run.next(33);
    run.seek(-20, Whence::current);
    run.next_chunk();
    run.seek(5, Whence::begin);
    run.read_at(0, 400);
    run.read_at(290, 200);
    run.append(120);
    run.copy();
    run.read(1000);
    run.seek(-7, Whence::end);
    run.read(3);
    run.read_code_point();
    run.spill();
    run.read_at(1, 20);
    run.read_line();
  }
};

/// Cursors that stay while the buffer grows, and reads that bypass the read-ahead.
struct Cursors {
  static constexpr std::string_view name = "cursors";
  void operator()(auto& run) const {
    auto cursor = run.buffer().open_reader();
    run.append(250);
    run.read_cursor(cursor, 100);
    run.append(40'000);
    auto second = run.buffer().open_reader();
    run.read_cursor(second, 20'000);
    run.read_cursor(cursor, 30'000);
    run.read(20'000);
    run.append(50);
    run.read_cursor(second, 40'000);
    run.read(17'000);
    run.attempt("seek of a cursor", [&] { return cursor.seek(-60, Whence::end); });
    run.read_cursor(cursor, 100);
    run.spill();
    run.attempt("seek of a cursor", [&] { return cursor.seek(10); });
    run.read_cursor(cursor, 20);
  }
};

/// Truncations at any point with appends behind them, and a queue.
struct Removals {
  static constexpr std::string_view name = "removals";
  void operator()(auto& run) const {
    run.append(250);
    run.truncate(230);
    run.append(90);
    run.read(100);
    run.spill();
    run.truncate(run.content().size() - 1);
    run.append(130);
    run.truncate(150);
    run.append(300);
    run.discard_read();
    run.read(200);
    run.discard_read();
    run.append(20);
    run.read(1000);
    run.append(10);
    run.discard_read();
    run.append(140);
    run.truncate(run.content().size() - 140);
    run.truncate(run.content().size() - 5);
    run.append(500);
    run.seek(-300, Whence::end);
    run.read(40);
  }
};

/// A queue long enough for ranges of one stored object to be given back.
struct LongQueue {
  static constexpr std::string_view name = "long queue";
  void operator()(auto& run) const {
    run.append(1'200'000);
    run.append(200'000);
    run.read(1'100'000);
    run.discard_read();
    run.append(100);
    run.read_at(1'150'000, 300);
    run.read(250'000);
    run.discard_read();
    run.append(1'000'000);
    run.read(1'050'000);
    run.discard_read();
  }
};

/// Bytes from and to readers, writers and files: in `directory`, or in memory where none is named.
struct Transfers {
  static constexpr std::string_view name = "transfers";
  std::string directory{};

  [[nodiscard]] int open_file() const {
    if (directory.empty()) return ::memfd_create("hybridbuffer-test", MFD_CLOEXEC);
    return ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  }

  void operator()(auto& run) const {
    run.read_from_source(700, [&](auto& source, std::uint64_t limit) { return run.buffer().read_from(source, limit); });
    run.write_to_sink(250);
    const OwnedDescriptor file{open_file()};
    const auto position = [&] { return static_cast<std::size_t>(::lseek(file.number(), 0, SEEK_CUR)); };
    const auto to_file = [&](std::uint64_t limit) { return run.buffer().write_to(file.number(), limit); };
    run.give("write_to a file", 300, to_file, position);
    run.append(1500);
    run.give("write_to a file", 1500, to_file, position);

    Bytes written(position());
    expect(::pread(file.number(), written.data(), written.size(), 0) == static_cast<ssize_t>(written.size()), "cannot read the file");
    expect(std::ranges::equal(written, std::span{run.content()}.subspan(250, written.size())), "write_to wrote other bytes to a file");
    expect(::lseek(file.number(), 0, SEEK_SET) == 0, "cannot rewind the file");
    run.take_all("read_from a file", written, [&](std::uint64_t limit) { return run.buffer().read_from(file.number(), limit); }, position);
    run.append(60);
  }
};

/// Bytes from and to pipes, then changes of what a pipe was given.
struct Pipes {
  static constexpr std::string_view name = "pipes";
  void operator()(auto& run) const {
    run.append(900);
    const Pipe pipe;
    run.give(
        "write_to a pipe", 600, [&](std::uint64_t limit) { return run.buffer().write_to(pipe.out.number(), limit); },
        [&] { return pipe.filled(); });
    const Bytes sent{run.content().begin(), run.content().begin() + 600};
    run.truncate(500);
    run.append(250);
    run.take_all(
        "read_from a pipe", sent, [&](std::uint64_t limit) { return run.buffer().read_from(pipe.in.number(), limit); },
        [&] { return sent.size() - pipe.filled(); });
    run.append(10);
  }
};

/// A buffer that is emptied and used again, and closed at last.
struct Endings {
  static constexpr std::string_view name = "endings";
  void operator()(auto& run) const {
    run.append(400);
    run.read(250);
    run.reset();
    run.append(350);
    run.read(20);
    run.spill();
    run.append(50);
    run.reset();
    run.append(20);
    run.reset();
    run.append(333);
    run.verify();
    run.close();
  }
};

/// Contents that get a lasting name, and a buffer that goes on.
template <class Plan>
struct Publishing {
  static constexpr std::string_view name = "publishing";
  void operator()(auto& run) const {
    const TemporaryDirectory target{Medium::memory};
    const std::string first = target.file("first");
    run.append(300);
    run.spill();
    run.append(20);
    publish(run, first, PublishMode::keep);
    const Bytes published = run.content();
    run.append(200);
    run.append(50);
    expect(content_of(first) == published, "an append after publish() changed the published file");
    publish(run, first, PublishMode::replace);
    publish(run, target.file("second"), PublishMode::keep);
    for (const std::string& left : names_in(target.path())) {
      expect(left == "first" || left == "second" || (Plan::may_leave_names() && left.starts_with("hybridbuffer-")),
             "publish() left another name behind");
    }
    expect(content_of(first) == run.content() && content_of(target.file("second")) == run.content(), "a published file changed");
  }

  static void publish(auto& run, const std::string& path, PublishMode mode) {
    const bool existed = ::access(path.c_str(), F_OK) == 0;
    const Bytes before = existed ? content_of(path) : Bytes{};
    run.attempt("publish", [&] {
      // A failure whose answer was lost may have made the file.
      const bool made = !existed && ::access(path.c_str(), F_OK) == 0;
      auto done = run.buffer().publish(path, made ? PublishMode::replace : mode);
      Plan::pause();
      const bool exists = ::access(path.c_str(), F_OK) == 0;
      const Bytes now = exists ? content_of(path) : Bytes{};
      const bool untouched = exists == existed && now == before;
      expect(now == run.content() || (!done && untouched), "publish() made a file that is not the whole content");
      Plan::resume();
      return done;
    });
  }
};

/// A publish that is not tried again when it failed, and appends behind it.
template <class Plan>
struct AbandonedPublish {
  static constexpr std::string_view name = "abandoned publish";
  void operator()(auto& run) const {
    const TemporaryDirectory target{Medium::memory};
    const std::string path = target.file("once");
    run.append(300);
    run.spill();
    static_cast<void>(run.try_once("publish once", [&] { return run.buffer().publish(path); }));
    const bool exists = ::access(path.c_str(), F_OK) == 0;
    const Bytes published = run.content();
    run.append(150);
    run.append(200);
    run.truncate(310);
    run.append(150);
    expect(!exists || content_of(path) == published, "a change after publish() altered the published file");
  }
};

}  // namespace hybridbuffer::testing
