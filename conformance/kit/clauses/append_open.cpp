#include "clauses.hpp"

#include "extension.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// APPEND-3: handles that are open while the object is extended. All contents of a case are starts of one long content, so that what a
/// handle shows is told by its length.

namespace hybridbuffer::conformance::clauses {

void append_3(Context& c);

namespace {

// What a handle may show: a size that was committed since it was opened, and none before one that it has shown.
class ShownSizes {
 public:
  explicit ShownSizes(std::uint64_t opened) : allowed_{opened} {}
  void commit(std::uint64_t size) { allowed_.push_back(size); }
  void show(Context& c, std::uint64_t size, const std::string& what) {
    const auto found = std::find(allowed_.begin(), allowed_.end(), size);
    if (found == allowed_.end()) {
      std::string sizes;
      for (const std::uint64_t allowed : allowed_) sizes.append(sizes.empty() ? "" : ", ").append(std::to_string(allowed));
      c.fail(what + " shows " + std::to_string(size) + " bytes; committed since then, or shown before, were " + sizes);
    }
    allowed_.erase(allowed_.begin(), found);
  }

 private:
  std::vector<std::uint64_t> allowed_;
};

// The handles that were opened at one size, and what they have shown.
class OpenHandles {
 public:
  OpenHandles(Context& c, const Location& location, const Object& object)
      : context_{&c},
        opened_{object},
        name_{" opened at " + std::to_string(object.size()) + " bytes"},
        at_sizes_{object.size()},
        seeker_sizes_{object.size()},
        end_sizes_{object.size()},
        middle_sizes_{object.size()} {
    if (c.has(Capability::reader_at)) at_.emplace(c.require(location.open_reader_at(), "open_reader_at()"));
    if (c.has(Capability::seeker)) seeker_.emplace(c.require(location.open_seeker(), "open_seeker()"));
    end_.emplace(c.require(location.open(), "open()"));
    c.expect_rest(*end_, object, 0, object.size() + 1, "a reader");
    middle_.emplace(c.require(location.open(), "open()"));
    read_some(object);
    if (c.has(Capability::map) && object.size() != 0)
      window_.emplace(c.require(location.map(0, static_cast<std::size_t>(object.size())), "map()"));
  }

  void commit(const Object& object) {
    for (ShownSizes* sizes : {&at_sizes_, &seeker_sizes_, &end_sizes_, &middle_sizes_}) sizes->commit(object.size());
  }

  // All but the reader in the middle, which goes on a little.
  void check(const Object& now) {
    if (at_) check_reader_at(now);
    if (seeker_) check_seeker(now);
    end_at_ = drained(*end_, now, end_at_, end_sizes_, "a reader at its end," + name_);
    read_some(now);
    if (window_) context_->expect_bytes(opened_, 0, window_->bytes(), "a window" + name_);
  }
  void check_middle(const Object& now) {
    middle_at_ = drained(*middle_, now, middle_at_, middle_sizes_, "a reader in the middle," + name_);
  }

 private:
  void check_reader_at(const Object& now) {
    Context& c = *context_;
    const std::string what = "a reader_at" + name_;
    std::vector<std::byte> block(static_cast<std::size_t>(now.size()) + 9);
    const std::uint64_t shown = c.require(at_->read_at(0, block), what + ": read_at(0)");
    c.check(shown <= block.size(), what + " returned more than asked");
    at_sizes_.show(c, shown, what);
    const Object part = start_of(now, shown);
    c.expect_bytes(part, 0, std::span{block}.first(static_cast<std::size_t>(shown)), what);
    if (at_->has_size()) {
      const std::uint64_t size = c.require(at_->size(), what + ": size()");
      c.check(size == shown, what + ": size() is " + std::to_string(size) + ", and read_at() shows " + std::to_string(shown) + " bytes");
    }
    for (const std::uint64_t offset : {opened_.size() - std::min<std::uint64_t>(opened_.size(), 2), opened_.size(),
                                       shown - std::min<std::uint64_t>(shown, 3), shown, now.size()}) {
      c.expect_window(*at_, part, offset, 5);
      c.expect_window(*at_, part, offset, 1);
    }
  }

  void check_seeker(const Object& now) {
    Context& c = *context_;
    const std::string what = "a seeker" + name_;
    const std::uint64_t shown = c.require(seeker_->seek(0, Whence::end), what + ": seek(0, end)");
    seeker_sizes_.show(c, shown, what);
    const Object part = start_of(now, shown);
    c.expect_rest(*seeker_, part, shown, 3, what);
    const std::uint64_t back = std::min<std::uint64_t>(shown, 5);
    const std::uint64_t at = c.require(seeker_->seek(-static_cast<std::int64_t>(back), Whence::end), what + ": seek from the end");
    c.check(at == shown - back,
            what + ": seek(-" + std::to_string(back) + ", end) went to " + std::to_string(at) + " of " + std::to_string(shown));
    c.expect_rest(*seeker_, part, at, 3, what);
    c.require(seeker_->seek(0, Whence::begin), what + ": seek(0, begin)");
    c.expect_rest(*seeker_, part, 0, shown / 2 + 1, what);
  }

  // Reads to the end, twice. Returns: where that is.
  std::uint64_t drained(Reader& reader, const Object& now, std::uint64_t at, ShownSizes& sizes, const std::string& what) {
    Context& c = *context_;
    std::vector<std::byte> block(static_cast<std::size_t>(now.size() / 3) + 2);
    for (int ends = 0; ends < 3;) {
      const std::size_t count = c.require(reader.read(block), what + ": read() at " + std::to_string(at));
      c.check(count <= block.size(), what + ": read() returned more than asked");
      c.check(count == 0 || ends == 0, what + ": read() gave bytes after an end that nothing came behind");
      c.expect_bytes(now, at, std::span{block}.first(count), what);
      at += count;
      if (count == 0) ++ends;
    }
    sizes.show(c, at, what);
    return at;
  }

  void read_some(const Object& now) {
    if (middle_at_ >= opened_.size()) return;
    std::vector<std::byte> block(static_cast<std::size_t>(opened_.size() / 6) + 1);
    const std::size_t count = context_->require(middle_->read(block), "a reader" + name_ + ": read()");
    context_->check(count != 0 && count <= block.size(),
                    "a reader" + name_ + " returned " + std::to_string(count) + " at " + std::to_string(middle_at_));
    context_->expect_bytes(now, middle_at_, std::span{block}.first(count), "a reader" + name_);
    middle_at_ += count;
  }

  static Object start_of(const Object& object, std::uint64_t n) {
    Object start = object;
    start.truncate(n);
    return start;
  }

  Context* context_;
  Object opened_;
  std::string name_;
  ShownSizes at_sizes_;
  ShownSizes seeker_sizes_;
  ShownSizes end_sizes_;
  ShownSizes middle_sizes_;
  std::optional<ReaderAt> at_;
  std::optional<Reader> seeker_;
  std::optional<Reader> end_;
  std::optional<Reader> middle_;
  std::optional<Window> window_;
  std::uint64_t end_at_ = opened_.size();
  std::uint64_t middle_at_ = 0;
};

// Grows an object while handles of every age are open on it.
void handles_while_it_grows(Context& c, std::uint64_t start, std::uint64_t unit) {
  c.start_case();
  Sizes growth{1, unit - 1, 1, unit, unit + 1, 2 * unit, 1};
  std::uint64_t total = start;
  for (const std::uint64_t n : growth) total += n;
  if (total > extension_limit(c)) return;
  Location location = c.make();
  const Stamp stamp = c.stamp(location, total);
  Object object{stamp, start};
  c.store(location, object);
  std::vector<OpenHandles> handles;
  handles.emplace_back(c, location, object);
  for (const std::uint64_t n : growth) {
    {
      // Longer than what follows: bytes beyond the committed end must show nowhere, while they are written and when they are given up.
      const Object never = longer_by(c, location, object, std::min(n + unit + 1, extension_limit(c) - object.size()));
      Writer writer = c.require(location.append(), "append()");
      write_tail(c, writer, never, object.size(), unit);
      for (OpenHandles& open : handles) open.check(object);
    }
    for (OpenHandles& open : handles) open.check(object);
    Object longer{stamp, object.size() + n};
    Writer writer = c.require(location.append(), "append()");
    write_tail(c, writer, longer, object.size(), n / 2 + 1);
    for (OpenHandles& open : handles) open.check(object);
    c.require(writer.close(), "close() of an extension");
    object = std::move(longer);
    for (OpenHandles& open : handles) {
      open.commit(object);
      open.check(object);
      open.check(object);
    }
    if (handles.size() < 3) handles.emplace_back(c, location, object);
  }
  for (OpenHandles& open : handles) open.check_middle(object);
  c.expect_object(location, object, "the object after extensions with handles open");
}

// OPEN-5 for an object that was extended: create() never reuses bytes that an open reader can see.
void replaced_after_extension(Context& c, bool by_remove) {
  c.start_case();
  const std::uint64_t unit = unit_of(c);
  const std::uint64_t before = std::min(2 * unit + 1, extension_limit(c) / 2);
  auto [location, object] = c.stored(before);
  Reader reader = c.require(location.open(), "open()");
  extend(c, location, object, before);
  std::vector<std::byte> block(static_cast<std::size_t>(before / 4) + 1);
  std::uint64_t at = c.require(reader.read(block), "read()");
  c.expect_bytes(object, 0, std::span{block}.first(static_cast<std::size_t>(at)), "a reader opened before an extension");
  std::optional<ReaderAt> window;
  if (c.has(Capability::reader_at)) window.emplace(c.require(location.open_reader_at(), "open_reader_at()"));
  if (by_remove) {
    const auto removed = location.remove();
    if (!removed) return c.expect_error(removed, {errc::busy}, "remove() with readers open");
  }
  const Object next = c.object(location, std::min(before + 3, extension_limit(c)));
  c.store(location, next);
  for (bool more = true; more;) {
    const auto count = reader.read(block);
    if (!count) break;
    c.expect_bytes(object, at, std::span{block}.first(*count), "a reader of an extended object that was replaced");
    at += *count;
    more = *count != 0;
    c.check(more || at == before || at == object.size(),
            "a reader of an extended object that was replaced ended at " + std::to_string(at) + ", where no committed end was");
  }
  for (const std::uint64_t offset : {std::uint64_t{0}, before - 1, object.size() - 2}) {
    if (!window) break;
    const auto count = window->read_at(offset, block);
    if (!count) continue;
    c.check(*count == std::min<std::uint64_t>(block.size(), object.size() - offset),
            "read_at() on an extended object that was replaced was cut short");
    c.expect_bytes(object, offset, std::span{block}.first(*count), "a reader_at of an extended object that was replaced");
  }
  c.expect_object(location, next, "the replacement of an extended object");
}

// Two readers at any moment of one writer's extensions.
void readers_beside_extensions(Context& c) {
  c.start_case();
  const std::uint64_t unit = unit_of(c);
  const std::uint64_t rounds = fitting_rounds(c, c.rounds(c.tier() == Tier::quick ? 100 : 1000, 3));
  const std::uint64_t piece = std::max<std::uint64_t>(std::min(unit / 3 + 1, extension_limit(c) / (rounds + 2)), 1);
  Location location = c.make();
  const Object whole{c.stamp(location, (rounds + 1) * piece), (rounds + 1) * piece};
  const auto bytes_of = [&](std::uint64_t round) { return whole.bytes(round * piece, piece); };
  c.store(location, Object{whole.pieces().front().stamp, piece});
  std::atomic<std::uint64_t> begun{piece};
  std::atomic<std::uint64_t> committed{piece};
  const auto or_fail = [&](auto result, const char* what) {
    if (!result) throw Failure{std::string{what} + " beside extensions must succeed, but failed: " + result.error().message()};
    c.count_check();
    return result;
  };
  const auto look = [&] {
    std::vector<std::byte> block(static_cast<std::size_t>(piece) + 1);
    while (committed.load() < whole.size()) {
      const std::uint64_t least = committed.load();
      auto reader = or_fail(location.open(), "open()");
      std::uint64_t at = 0;
      for (;;) {
        const std::size_t count = *or_fail(reader->read(block), "read()");
        if (count == 0) break;
        const std::uint64_t most = begun.load();
        if (at + count > most)
          throw Failure{"a reader showed " + std::to_string(at + count) + " bytes when " + std::to_string(most) +
                        " was the most that could be committed"};
        if (whole.first_difference(at, std::span{block}.first(count)))
          throw Failure{"a reader beside extensions showed wrong bytes in [" + std::to_string(at) + ", " + std::to_string(at + count) +
                        ")"};
        at += count;
        if (at > 64 * piece + least) break;
      }
      if (at < least)
        throw Failure{"a reader ended at " + std::to_string(at) + ", and " + std::to_string(least) +
                      " bytes were committed before it was opened"};
    }
  };
  std::atomic<bool> failed{false};
  c.in_threads(3, [&](std::size_t i) {
    try {
      if (i != 0) return look();
      for (std::uint64_t round = 1; round <= rounds && !failed.load(); ++round) {
        auto writer = or_fail(location.append(), "append()");
        or_fail(writer->write(bytes_of(round)), "write()");
        begun.store((round + 1) * piece);
        or_fail(writer->close(), "close()");
        committed.store((round + 1) * piece);
      }
      committed.store(whole.size());
    } catch (...) {
      failed.store(true);
      committed.store(whole.size());
      throw;
    }
  });
  c.expect_object(location, whole, "the object after extensions with readers beside them");
}

}  // namespace

void append_3(Context& c) {
  replaced_after_extension(c, false);
  replaced_after_extension(c, true);
  readers_beside_extensions(c);
  std::uint64_t done = 0;
  for (const std::uint64_t unit : boundaries(c)) {
    for (const std::uint64_t start : {unit, std::uint64_t{0}, unit - 1, unit + 1, std::uint64_t{1}, 2 * unit}) {
      if (++done > 2 && !c.time_left()) return;
      handles_while_it_grows(c, start, unit);
    }
  }
}

}  // namespace hybridbuffer::conformance::clauses
