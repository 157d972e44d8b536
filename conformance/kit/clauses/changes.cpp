#include "changes.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance::clauses {

std::vector<Way> ways(const Context& c) {
  if (!c.has(Capability::append)) return {Way::create, Way::replace};
  return {Way::create, Way::replace, Way::append, Way::append_first};
}

std::string_view name_of(Way way) noexcept {
  switch (way) {
    case Way::create: return "create() of a first object";
    case Way::replace: return "create() over an object";
    case Way::append_first: return "append() without an object";
    case Way::append: return "append() to an object";
  }
  return "";
}

namespace {

// The object that a change of `before` leads to.
void plan(Context& c, Change& change, std::uint64_t size) {
  change.from = change.way == Way::append && change.before ? change.before->size() : 0;
  size = std::min(size, c.most() - std::min(c.most(), change.from));
  change.after = change.from != 0 ? *change.before : Object{};
  change.after.append(c.stamp(change.location, change.from + size), size);
  c.reached(change.after.size());
}

}  // namespace

Change new_change(Context& c, Way way, std::uint64_t size, std::optional<std::uint64_t> before) {
  Change change{c.make(), way, {}, {}, 0};
  if (way == Way::replace || way == Way::append) {
    change.before = c.object(change.location, std::min(before.value_or(c.chunk() + 1), c.most() / 2));
    c.store(change.location, *change.before);
  }
  plan(c, change, size);
  return change;
}

void next_change(Context& c, Change& change, Way way, std::uint64_t size) {
  change.before = std::move(change.after);
  change.way = way;
  plan(c, change, size);
}

Object new_object(Context& c, const Location& location, std::uint64_t size) { return c.object(location, std::min(size, c.most())); }

void store_and_check(Context& c, Location& location, std::uint64_t size, std::string_view what) {
  const Object content = new_object(c, location, size);
  c.store(location, content);
  c.expect_object(location, content, what);
}

Writer started(Context& c, Change& change) { return c.require(change.start(), name_of(change.way)); }

void write_part(Context& c, Writer& writer, const Change& change, std::uint64_t offset, std::uint64_t n) {
  c.write(writer, change.after, change.from + offset, n);
}

void write_pieces(Context& c, Writer& writer, const Change& change, const Sizes& pieces, std::uint64_t offset) {
  for (const std::uint64_t piece : pieces) {
    const std::vector<std::byte> bytes = change.bytes(offset, piece);
    c.require(writer.write(bytes), "write() of " + std::to_string(piece) + " bytes at " + std::to_string(offset));
    offset += piece;
  }
}

void write_gathered(Context& c, Writer& writer, const Change& change, const Sizes& pieces, std::uint64_t offset) {
  std::uint64_t total = 0;
  for (const std::uint64_t piece : pieces) total += piece;
  const std::vector<std::byte> bytes = change.bytes(offset, total);
  std::vector<std::span<const std::byte>> spans;
  std::span<const std::byte> rest{bytes};
  for (const std::uint64_t piece : pieces) {
    spans.push_back(rest.first(static_cast<std::size_t>(piece)));
    rest = rest.subspan(static_cast<std::size_t>(piece));
  }
  c.require(writer.write_pieces(spans), "write() of a list of " + std::to_string(spans.size()) + " pieces, " + std::to_string(total) +
                                            " bytes together, at " + std::to_string(offset));
}

void expect_shown(Context& c, const Location& location, const std::optional<Object>& object, std::string_view what) {
  if (object) c.expect_object(location, *object, what);
  else c.expect_absent(location, what);
}

namespace {

// Everything that a reader gives, or nothing when there is no object.
std::optional<std::vector<std::byte>> everything(Context& c, const Location& location, std::uint64_t most, std::string_view what) {
  const std::string text{what};
  auto reader = location.open();
  if (!reader) {
    c.expect_error(reader, {errc::not_found}, text + ": open()");
    return {};
  }
  std::vector<std::byte> bytes(static_cast<std::size_t>(most + 1));
  std::size_t done = 0;
  while (done < bytes.size()) {
    const std::span<std::byte> rest = std::span{bytes}.subspan(done);
    const std::size_t count = c.require(reader->read(rest), text + ": read() at " + std::to_string(done));
    c.check(count <= rest.size(), text + ": read() returned more than asked");
    if (count == 0) break;
    done += count;
  }
  bytes.resize(done);
  return bytes;
}

}  // namespace

std::size_t expect_one_of(Context& c, const Location& location, const std::vector<std::optional<Object>>& candidates,
                          std::string_view what) {
  std::uint64_t most = 0;
  for (const auto& candidate : candidates) most = std::max(most, candidate ? candidate->size() : 0);
  const auto found = everything(c, location, most, what);
  const auto is_found = [&](const std::optional<Object>& candidate) {
    if (!candidate || !found) return candidate.has_value() == found.has_value();
    return candidate->size() == found->size() && !candidate->first_difference(0, *found);
  };
  const auto match = std::find_if(candidates.begin(), candidates.end(), is_found);
  if (match != candidates.end()) {
    expect_shown(c, location, *match, what);
    return static_cast<std::size_t>(match - candidates.begin());
  }
  std::string legal;
  for (const auto& candidate : candidates) {
    legal += (legal.empty() ? "" : " or ") +
             (candidate ? "a certain object of " + std::to_string(candidate->size()) + " bytes" : std::string{"no object"});
  }
  const std::string seen =
      found ? (found->size() > most ? "more than " + std::to_string(most) : std::to_string(found->size())) + " bytes" : "no object";
  // The bytes of the nearest candidate tell where the wrong ones come from.
  for (const auto& candidate : candidates) {
    if (found && candidate && candidate->size() == found->size()) {
      c.expect_bytes(*candidate, 0, *found, std::string{what} + ": must be " + legal);
    }
  }
  c.fail(std::string{what} + ": must be " + legal + "; seen: " + seen);
}

std::optional<Object> expect_verdict(Context& c, const Change& change, const Result<void>& closed, std::string_view what) {
  const std::string text{what};
  if (closed) {
    c.expect_object(change.location, change.after, text + ", and close() succeeded");
    return change.after;
  }
  const std::string said = text + ", and close() failed with " + std::string{hybridbuffer::name_of(closed.error().code())};
  if (!closed.error().is_indeterminate()) {
    expect_shown(c, change.location, change.before, said + ", after which nothing new may be visible");
    return change.before;
  }
  return expect_one_of(c, change.location, {change.before, change.after}, said) == 0 ? change.before : std::optional{change.after};
}

std::uint64_t expect_old_rest(Context& c, Reader& reader, const Object& old, std::uint64_t from, std::uint64_t piece, bool errors,
                              std::string_view what) {
  std::vector<std::byte> block(static_cast<std::size_t>(piece));
  std::uint64_t at = from;
  // An error may pass: the next read then fails as well or goes on where it stood.
  for (int failures = 0, ends = 0; failures < 3 && ends < 2;) {
    const std::string where =
        std::string{what} + ": read(" + std::to_string(piece) + ") at " + std::to_string(at) + " of " + std::to_string(old.size());
    const auto count = reader.read(block);
    if (!count) {
      if (!errors) c.require(count, where);
      ++failures;
      continue;
    }
    c.check(*count <= block.size(), where + " returned " + std::to_string(*count) + ", more than asked");
    if (*count == 0) {
      c.check(at == old.size(), where + " ended too early, as if the old object were shorter");
      ++ends;
      continue;
    }
    c.check(ends == 0 && *count <= old.size() - at,
            where + " returned " + std::to_string(*count) + " bytes: beyond the end of the old object");
    c.expect_bytes(old, at, std::span{block}.first(*count), where);
    at += *count;
  }
  return at;
}

void expect_old_windows(Context& c, const ReaderAt& reader, const Object& old, bool errors, std::string_view what) {
  const std::string text{what};
  if (reader.has_size()) {
    const auto size = reader.size();
    if (size)
      c.check(*size == old.size(), text + ": size() is " + std::to_string(*size) + ", the old object has " + std::to_string(old.size()));
    else c.check(errors, text + ": size() failed");
  }
  const std::uint64_t block = old.size() / 3 + 1;
  std::vector<std::byte> bytes(static_cast<std::size_t>(block));
  for (const std::uint64_t at : {std::uint64_t{0}, block, 2 * block, old.size()}) {
    const std::string where =
        text + ": read_at(" + std::to_string(at) + ", " + std::to_string(block) + ") of " + std::to_string(old.size());
    const auto count = reader.read_at(at, bytes);
    if (!count) {
      if (!errors) c.require(count, where);
      continue;
    }
    const std::uint64_t expected = at < old.size() ? std::min(block, old.size() - at) : 0;
    c.check(*count == expected, where + " returned " + std::to_string(*count) + ", not " + std::to_string(expected));
    c.expect_bytes(old, std::min(at, old.size()), std::span{bytes}.first(*count), where);
  }
}

Sizes scales(const Context& c) {
  Sizes fitting;
  for (const std::uint64_t chunk : c.chunks()) {
    if (chunk <= (c.most() - std::min<std::uint64_t>(c.most(), 1)) / 4) fitting.push_back(chunk);
  }
  if (fitting.empty()) fitting.push_back(std::max<std::uint64_t>(c.most() / 5, 1));
  return fitting;
}

}  // namespace hybridbuffer::conformance::clauses
