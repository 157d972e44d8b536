#include "whole_life.hpp"

#include "fault_scene.hpp"
#include "life.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {
namespace {

using Possible = std::vector<std::optional<Object>>;

// Writes `content` from `from` on, in pieces, and closes. On success it is what stands there.
std::optional<Error> write_and_close(Context& c, Result<Writer> writer, const Object& content, std::uint64_t from, Possible& possible) {
  if (!writer) return writer.error();
  const std::uint64_t step = std::max<std::uint64_t>((content.size() - from) / 3, 1);
  for (std::uint64_t at = from; at < content.size(); at += step) {
    if (const auto written = writer->write(content.bytes(at, std::min(step, content.size() - at))); !written) {
      c.expect_any_error(writer->close(), "close() after a failed write()");
      return written.error();
    }
  }
  const auto closed = writer->close();
  if (closed) possible = {content};
  else if (closed.error().is_indeterminate()) possible.emplace_back(content);
  if (closed) return {};
  c.expect_error(writer->close(), {closed.error().code()}, "a second close() after a failed one");
  return closed.error();
}

std::optional<Error> read_every_way(Context& c, const Location& location, const Object& content) {
  for (const bool seeks : {false, true}) {
    if (seeks && !c.has(Capability::seeker)) continue;
    auto reader = seeks ? location.open_seeker() : location.open();
    if (!reader) return reader.error();
    std::vector<std::byte> block(static_cast<std::size_t>(content.size() / 2 + 1));
    std::uint64_t at = 0;
    std::optional<Error> first;
    // After an error the next read fails, or goes on at the exact position.
    for (int errors = 0; errors < 3;) {
      const auto count = reader->read(block);
      if (!count) {
        if (!first) first = count.error();
        ++errors;
        continue;
      }
      c.check(*count <= block.size(), "read() gave more than it was asked for");
      c.check(*count != 0 || at == content.size(),
              "a clean end at " + std::to_string(at) + " of " + std::to_string(content.size()) + " bytes");
      if (*count == 0) break;
      c.expect_bytes(content, at, std::span{block}.first(*count), "a reader while the store fails");
      at += *count;
    }
    if (first) return first;
  }
  if (c.has(Capability::reader_at)) {
    const auto reader = location.open_reader_at();
    if (!reader) return reader.error();
    std::vector<std::byte> all(static_cast<std::size_t>(content.size()));
    const auto count = reader->read_at(0, all);
    if (!count) return count.error();
    c.check(*count == all.size(), "read_at() while the store fails gave too few bytes");
    c.expect_bytes(content, 0, all, "read_at() while the store fails");
  }
  if (c.has(Capability::map)) {
    const auto window = location.map(0, static_cast<std::size_t>(content.size()));
    if (!window) return window.error();
    c.check(!window->bytes().empty(), "map() before the end shows nothing");
    c.expect_bytes(content, 0, window->bytes(), "map() while the store fails");
  }
  return {};
}

std::optional<Error> change_in_place(Context& c, Location& location, Object content, Possible& possible) {
  if (c.has(Capability::append)) {
    const std::uint64_t from = content.size();
    content.append(c.stamp(location, from + 70), 70);
    if (auto error = write_and_close(c, location.append(), content, from, possible)) return error;
    if (auto error = read_every_way(c, location, content)) return error;
  }
  if (c.has(Capability::transfer)) {
    const std::uint64_t from = content.size();
    Object longer = content;
    longer.append(c.stamp(location, from + 30), 30);
    const OwnDescriptor source = file_with(longer.bytes(from, 30));
    const auto taken = location.transfer_from(source.get(), 30);
    if (!taken && taken.error().is_indeterminate()) possible.emplace_back(longer);
    if (!taken && taken.error() != errc::unsupported) return taken.error();
    longer.truncate(from + taken.value_or(0));
    content = longer;
    possible = {content};
  }
  if (c.has(Capability::shrink)) {
    content.truncate(content.size() - 40);
    possible.emplace_back(content);
    if (const auto shrunk = location.shrink(content.size()); !shrunk) return shrunk.error();
    possible = {content};
  }
  if (auto error = read_every_way(c, location, content)) return error;
  if (c.has(Capability::publish) && c.hooks().publish_destination) {
    const std::string destination = c.hooks().publish_destination();
    if (!c.publish_keeps()) {
      const auto refused = location.publish(destination, PublishMode::keep);
      c.check(!refused, "publish(keep) is declared unsupported, and succeeded");
      if (c.hooks().read_published)
        c.check(!c.hooks().read_published(destination), "publish(keep) failed, and there is something under the name");
      if (refused.error() != errc::unsupported) return refused.error();
    }
    const auto published = location.publish(destination, c.publish_keeps() ? PublishMode::keep : PublishMode::replace);
    const auto found = c.hooks().read_published ? c.hooks().read_published(destination) : std::nullopt;
    if (c.hooks().remove_published) c.hooks().remove_published(destination);
    if (found) c.check(*found == content.bytes(), "what publish() left under the name is not the object");
    if (!published) return published.error();
    if (c.hooks().read_published) c.check(found.has_value(), "publish() succeeded, and there is nothing under the name");
  }
  return {};
}

}  // namespace

std::optional<Error> live_until_error(Context& c, Location& location, std::vector<std::optional<Object>>& possible) {
  possible = {std::nullopt};
  const std::uint64_t size = size_of_scene(c);
  const Object first = c.object(location, size);
  if (auto error = write_and_close(c, location.create(), first, 0, possible)) return error;
  if (auto error = read_every_way(c, location, first)) return error;
  {
    auto abandoned = location.create();
    if (!abandoned) return abandoned.error();
    if (const auto written = abandoned->write(first.bytes()); !written) return written.error();
  }
  const Object second = c.object(location, std::max<std::uint64_t>(size / 2, 41));
  if (auto error = write_and_close(c, location.create(), second, 0, possible)) return error;
  if (auto error = change_in_place(c, location, second, possible)) return error;
  const auto removed = location.remove();
  if (removed) {
    possible = {std::nullopt};
    if (const auto reader = location.open(); reader) c.fail("open() succeeded after a remove() that succeeded");
    return {};
  }
  possible.clear();  // gone in part
  return removed.error();
}

void expect_full_cycle(Context& c, Location& location, std::string_view what) {
  const std::string text = std::string{what} + ", in a new cycle";
  const std::uint64_t size = size_of_scene(c);
  for (const std::uint64_t length : {size, size + 5}) {
    const Object content = c.object(location, length);
    c.store(location, content);
    c.expect_object(location, content, text);
  }
  c.require(location.remove(), text + ": remove()");
  c.expect_absent(location, text + ", after remove()");
  if (c.hooks().stored_objects) c.expect_residue(0, text + ", after remove()");
}

}  // namespace hybridbuffer::conformance
