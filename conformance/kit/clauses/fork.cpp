#include "clauses.hpp"

#include "descriptors.hpp"
#include "extension.hpp"

#include <hybridbuffer/conformance/clause.hpp>
#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

/// \file
/// FORK: what a forked child has of the parent's handles. It releases local resources, never touches the store, and is told `closed`.

namespace hybridbuffer::conformance::clauses {
namespace {

/// How a child ends.
enum class Ending : std::uint8_t { immediate, normal };

/// Runs `work` in a forked child. Returns: what was wrong there; empty when nothing.
std::string wrong_in_child(const std::function<void()>& work, Ending ending) {
  int ends[2];
  must(::pipe2(ends, O_CLOEXEC), "a pipe");
  OwnedDescriptor from_child{ends[0]};
  OwnedDescriptor to_parent{ends[1]};
  const pid_t child = must(::fork(), "fork");
  if (child == 0) {
    ::alarm(15);
    std::string seen;
    try {
      work();
    } catch (const Failure& failure) {
      seen = failure.seen;
    } catch (const std::exception& error) {
      seen = std::string{"the kit failed: "} + error.what();
    }
    const ssize_t told = ::write(to_parent.number(), seen.data(), std::min<std::size_t>(seen.size(), 4000));
    const int status = seen.empty() && told == 0 ? 0 : 1;
    if (ending == Ending::normal && status == 0) std::exit(0);
    ::_exit(status);
  }
  to_parent.close();
  std::string text;
  for (std::array<char, 512> block{};;) {
    const ssize_t count = ::read(from_child.number(), block.data(), block.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    text.append(block.data(), static_cast<std::size_t>(count));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) == -1 && errno == EINTR) {}
  if (!text.empty()) return text;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "it hangs";
  if (WIFSIGNALED(status)) return std::string{"it crashed: "} + ::strsignal(WTERMSIG(status));
  if (WEXITSTATUS(status) != 0) return "it ended with status " + std::to_string(WEXITSTATUS(status));
  return {};
}

/// All kinds of handles, open.
class Scene {
 public:
  explicit Scene(Context& c)
      : context_{&c},
        size_{std::min(2 * c.chunk() + 1, extension_limit(c) / 2)},
        location_{c.make()},
        object_{c.object(location_, size_)},
        replaced_{c.make()},
        old_{c.object(replaced_, size_ / 2 + 1)},
        fresh_{c.make()},
        large_{c.make()} {
    c.store(location_, object_);
    c.store(replaced_, old_);
    reader_.emplace(c.require(location_.open(), "open()"));
    read_some();
    if (c.has(Capability::seeker)) seeker_.emplace(c.require(location_.open_seeker(), "open_seeker()"));
    if (c.has(Capability::reader_at)) reader_at_.emplace(c.require(location_.open_reader_at(), "open_reader_at()"));
    if (c.has(Capability::map)) window_.emplace(c.require(location_.map(0, static_cast<std::size_t>(size_)), "map()"));
    add_writer(replaced_, Object{}, old_, false);
    add_writer(fresh_, Object{}, {}, false);
    // One that has written much may have come by other means than a small one: a thread, a connection, parts that are stored already.
    const std::uint64_t much = std::min({std::uint64_t{1} << 20U, 256 * c.chunk(), c.most() / 4});
    add_writer(large_, Object{}, {}, false, much);
    if (!c.has(Capability::append)) return;
    extended_.emplace(c.make());
    const Object committed = c.object(*extended_, size_ / 3 + 1);
    c.store(*extended_, committed);
    add_writer(*extended_, committed, committed, true);
  }

  /// In the child: every method is `closed`.
  void expect_closed() {
    Context& c = *context_;
    std::array<std::byte, 16> block{};
    const auto closed = [&](const auto& result, std::string_view what) {
      c.expect_error(result, {errc::closed}, "in a forked child, " + std::string{what});
    };
    closed(reader_->read(block), "read()");
    if (seeker_) {
      closed(seeker_->seek(1, Whence::begin), "seek()");
      closed(seeker_->read(block), "read() of a seeker");
    }
    if (reader_at_) {
      closed(reader_at_->read_at(0, block), "read_at()");
      if (reader_at_->has_size()) closed(reader_at_->size(), "size() of a reader_at");
    }
    if (window_) c.check(window_->bytes().size() <= size_, "in a forked child, a window shows more than there is");
    for (Open& open : writers_) {
      closed(open.writer.write(block), "write()");
      closed(open.writer.close(), "close()");
      closed(open.writer.close(), "the second close()");
      closed(open.writer.write(block), "write() after close()");
    }
    for (Location* location : locations()) expect_closed(*location, closed);
  }

  /// In the child: everything goes, in the order that `turn` says.
  void destroy_all(int turn) {
    const auto destroy_locations = [&] {
      for (Location* location : locations()) location->destroy();
    };
    if (turn % 2 == 0) destroy_locations();
    writers_.clear();
    window_.reset();
    reader_.reset();
    reader_at_.reset();
    seeker_.reset();
    if (turn % 2 == 1) destroy_locations();
  }

  /// In the parent, after the child: nothing happened.
  void expect_untouched(std::string_view what) {
    Context& c = *context_;
    c.expect_object(location_, object_, what);
    c.expect_object(replaced_, old_, what);
    read_some();
    if (seeker_) {
      const std::uint64_t at = c.require(seeker_->seek(0, Whence::current), "seek(0, current)");
      c.check(at == 0, "a seeker that a child was forked with is at " + std::to_string(at) + ", not at 0");
    }
    if (reader_at_) c.expect_window(*reader_at_, object_, size_ / 3, size_);
    if (window_) c.expect_bytes(object_, 0, window_->bytes(), "a window that a child was forked with");
    for (Open& open : writers_) write_some(open);
  }

  /// In the parent, in the end: all writers can still commit.
  void finish() {
    Context& c = *context_;
    for (Open& open : writers_) {
      c.require(open.writer.close(), "close() of a writer that children were forked with");
      open.pending.truncate(open.written);
      c.expect_object(*open.location, open.pending, "an object whose writer children were forked with");
    }
    c.expect_rest(*reader_, object_, position_, 1000, "a reader that children were forked with");
    if (seeker_) c.expect_rest(*seeker_, object_, 0, 1000, "a seeker that children were forked with");
    reader_.reset();
    seeker_.reset();
    reader_at_.reset();
    window_.reset();
    for (Location* location : locations()) {
      c.require(location->remove(), "remove() after children were forked");
      c.expect_absent(*location, "after remove() following forks");
    }
  }

  [[nodiscard]] const Location& location() const noexcept { return location_; }
  [[nodiscard]] const Object& object() const noexcept { return object_; }
  [[nodiscard]] const std::optional<ReaderAt>& reader_at() const noexcept { return reader_at_; }

 private:
  struct Open {
    Location* location;
    Writer writer;
    Object pending;
    std::uint64_t written;
  };

  void add_writer(Location& location, const Object& start, const Object& committed, bool appends, std::uint64_t at_once = 0) {
    Context& c = *context_;
    Object pending = longer_by(c, location, start, size_ + committed.size() + at_once);
    writers_.push_back(
        {&location, c.require(appends ? location.append() : location.create(), "a writer"), std::move(pending), start.size()});
    c.write(writers_.back().writer, writers_.back().pending, start.size(), at_once);
    writers_.back().written += at_once;
    write_some(writers_.back());
  }
  void write_some(Open& open) {
    const std::uint64_t n = std::min(size_ / 5 + 1, open.pending.size() - open.written);
    context_->write(open.writer, open.pending, open.written, n);
    open.written += n;
  }
  void read_some() {
    Context& c = *context_;
    if (position_ >= size_) return;
    std::vector<std::byte> block(static_cast<std::size_t>(size_ / 9) + 1);
    const std::size_t count = c.require(reader_->read(block), "read()");
    c.check(count != 0 && count <= block.size(), "read() at " + std::to_string(position_) + " returned " + std::to_string(count));
    c.expect_bytes(object_, position_, std::span{block}.first(count), "a reader that a child was forked with");
    position_ += count;
  }
  [[nodiscard]] std::vector<Location*> locations() {
    std::vector<Location*> all{&location_, &replaced_, &fresh_, &large_};
    if (extended_) all.push_back(&*extended_);
    return all;
  }

  template <class Closed>
  void expect_closed(Location& location, const Closed& closed) {
    Context& c = *context_;
    closed(location.create(), "create()");
    closed(location.open(), "open()");
    if (c.has(Capability::append)) closed(location.append(), "append()");
    if (c.has(Capability::seeker)) closed(location.open_seeker(), "open_seeker()");
    if (c.has(Capability::reader_at)) closed(location.open_reader_at(), "open_reader_at()");
    if (c.has(Capability::shrink)) closed(location.shrink(0), "shrink()");
    if (c.has(Capability::discard)) closed(location.discard(0, size_), "discard()");
    if (c.has(Capability::map)) closed(location.map(0, 1), "map()");
    if (c.has(Capability::transfer)) {
      const Channel channel{Channel::Kind::pipe};
      closed(location.transfer_to(channel.in.number(), 0, 1), "transfer_to()");
      c.check(taken_from(channel.out.number(), 1).empty(), "in a forked child, transfer_to() moved bytes");
      Channel::make_non_blocking(channel.out);
      closed(location.transfer_from(channel.out.number(), 1), "transfer_from()");
    }
    if (c.has(Capability::publish)) {
      const std::string destination =
          c.hooks().publish_destination && c.hooks().remove_published ? c.hooks().publish_destination() : std::string{};
      const auto published = location.publish(destination, PublishMode::replace);
      if (!destination.empty()) c.hooks().remove_published(destination);
      if (destination.empty()) c.expect_any_error(published, "in a forked child, publish()");
      else closed(published, "publish()");
    }
    closed(location.remove(), "remove()");
    static_cast<void>(location.max_object_size());
  }

  Context* context_;
  std::uint64_t size_;
  Location location_;
  Object object_;
  Location replaced_;
  Object old_;
  Location fresh_;
  Location large_;
  std::optional<Location> extended_;
  std::optional<Reader> reader_;
  std::uint64_t position_ = 0;
  std::optional<Reader> seeker_;
  std::optional<ReaderAt> reader_at_;
  std::optional<Window> window_;
  std::vector<Open> writers_;
};

void expect_nothing_wrong(Context& c, const std::string& wrong, std::string_view child) {
  c.check(wrong.empty(), std::string{child} + ": " + wrong);
}

void children_of_a_quiet_parent(Context& c) {
  c.start_case();
  Scene scene{c};
  const auto stored = [&]() -> std::size_t { return c.hooks().stored_objects ? c.hooks().stored_objects() : 0; };
  // What the open writers have sent may still be on its way.
  const auto settled = [&] {
    std::size_t count = stored();
    for (int looks = 0; looks < 50; ++looks) {
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
      if (const std::size_t now = stored(); now != std::exchange(count, now)) continue;
      break;
    }
    return count;
  };
  std::size_t before = settled();
  const auto after = [&](std::string_view what) {
    c.check(stored() == before,
            "stored_objects() is " + std::to_string(stored()) + " after " + std::string{what} + ", and was " + std::to_string(before));
    scene.expect_untouched("the object after " + std::string{what});
    before = settled();  // the open writers went on
  };
  for (int turn = 0; turn < 2; ++turn) {
    expect_nothing_wrong(c, wrong_in_child([&] { scene.destroy_all(turn); }, Ending::immediate),
                         "a forked child that destroyed all handles");
    after("a child destroyed its handles");
    const auto use_and_destroy = [&] {
      scene.expect_closed();
      scene.destroy_all(turn);
    };
    expect_nothing_wrong(c, wrong_in_child(use_and_destroy, Ending::immediate), "a forked child");
    after("a child used and destroyed its handles");
  }
  // The child of a child has none of it either.
  const auto fork_again = [&] {
    const std::string wrong = wrong_in_child([&] { scene.expect_closed(); }, Ending::immediate);
    if (!wrong.empty()) throw Failure{"its own child: " + wrong};
    scene.expect_closed();
  };
  expect_nothing_wrong(c, wrong_in_child(fork_again, Ending::immediate), "a forked child that forked");
  after("a child of a child used its handles");
  if (c.has_own_process()) {
    expect_nothing_wrong(c, wrong_in_child([&] {}, Ending::normal), "a forked child that exits with all handles open");
    after("a child exited with all handles open");
    expect_nothing_wrong(c, wrong_in_child([&] { scene.destroy_all(0); }, Ending::normal),
                         "a forked child that destroyed all handles and exits");
    after("a child destroyed its handles and exited");
  } else {
    c.not_run("a child that exits normally is only tried where the clause has a process of its own");
  }
  scene.finish();
}

// A fork finds other threads in the middle of things: the child has their locks as they were, and nobody to release them.
void children_of_a_busy_parent(Context& c) {
  c.start_case();
  Scene scene{c};
  std::atomic<bool> stop{false};
  std::atomic<bool> wrong{false};
  {
    std::vector<std::jthread> threads;
    // Whatever ends this block ends the threads.
    struct Stop {
      std::atomic<bool>& flag;
      ~Stop() { flag = true; }
    };
    for (int i = 0; i < 2; ++i) {
      threads.emplace_back([&] {
        std::array<std::byte, 64> block{};
        while (!stop.load()) {
          const auto reader = scene.location().open();
          if (!reader) wrong = true;
          if (!scene.reader_at()) continue;
          const auto count = scene.reader_at()->read_at(0, block);
          if (!count || scene.object().first_difference(0, std::span{block}.first(*count))) wrong = true;
        }
      });
    }
    const Stop at_end{stop};
    const std::uint64_t forks = c.rounds(c.tier() == Tier::quick ? 10 : 100, 2);
    for (std::uint64_t i = 0; i < forks; ++i) {
      const auto use_and_destroy = [&] {
        scene.expect_closed();
        scene.destroy_all(static_cast<int>(i));
      };
      expect_nothing_wrong(c, wrong_in_child(use_and_destroy, Ending::immediate),
                           "a child that was forked while other threads opened and read");
      if (!c.time_left()) break;
    }
  }
  c.check(!wrong.load(), "a thread of the parent read wrong bytes, or none, while children were forked");
  scene.expect_untouched("the object after forks beside other threads");
  scene.finish();
}

void fork_1(Context& c) {
  children_of_a_quiet_parent(c);
  children_of_a_busy_parent(c);
}

constexpr std::array all{
    Clause{.id = "FORK-1",
           .rule = "in a forked child handles and backends release local resources, never touch the store, and answer closed",
           .look_here = "destructors that remove or abandon in the store, and file positions and connections that parent and child share",
           .run = fork_1},
};

}  // namespace

std::span<const Clause> fork() { return all; }

}  // namespace hybridbuffer::conformance::clauses
