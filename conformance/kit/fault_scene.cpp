#include "fault_scene.hpp"

#include "life.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {
namespace {

constexpr std::array<std::string_view, 20> names{"create()",
                                                 "write()",
                                                 "close()",
                                                 "the end of an unclosed writer",
                                                 "open()",
                                                 "read()",
                                                 "open_seeker()",
                                                 "seek() and read()",
                                                 "open_reader_at()",
                                                 "read_at()",
                                                 "map()",
                                                 "append()",
                                                 "write() of an extension",
                                                 "close() of an extension",
                                                 "shrink()",
                                                 "discard()",
                                                 "transfer_to()",
                                                 "transfer_from()",
                                                 "publish()",
                                                 "remove()"};

std::optional<Capability> capability_of(Doing doing) {
  switch (doing) {
    case Doing::open_seeker:
    case Doing::seek: return Capability::seeker;
    case Doing::open_reader_at:
    case Doing::read_at: return Capability::reader_at;
    case Doing::map: return Capability::map;
    case Doing::append:
    case Doing::append_write:
    case Doing::append_close: return Capability::append;
    case Doing::shrink: return Capability::shrink;
    case Doing::discard: return Capability::discard;
    case Doing::transfer_to:
    case Doing::transfer_from: return Capability::transfer;
    case Doing::publish: return Capability::publish;
    default: return {};
  }
}

}  // namespace

std::uint64_t size_of_scene(const Context& c) {
  return std::min<std::uint64_t>(std::min<std::uint64_t>(2 * c.chunk() + 3, 40'000), c.most() / 3);
}

std::string_view name_of(Doing doing) noexcept { return names[static_cast<std::size_t>(doing)]; }

std::vector<Doing> doings_of(const Context& c) {
  std::vector<Doing> doings;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto doing = static_cast<Doing>(i);
    const auto capability = capability_of(doing);
    if (capability && !c.has(*capability)) continue;
    if (doing == Doing::publish && !c.hooks().publish_destination) continue;
    doings.push_back(doing);
  }
  return doings;
}

FaultScene::FaultScene(Context& c, Doing doing) : c_{c}, doing_{doing}, location_{c.make()} {
  const std::uint64_t size = size_of_scene(c);
  old_ = c.object(location_, size);
  c.store(location_, old_);
  next_ = old_;
  switch (doing) {
    case Doing::create:
    case Doing::write:
    case Doing::close:
    case Doing::abandon:
      next_ = c.object(location_, size + 2);
      if (doing == Doing::create) break;
      writers_.push_back(c.require(location_.create(), "create()"));
      written_ = doing == Doing::write ? size / 3 : next_.size();
      c.write(writers_.back(), next_, 0, written_);
      break;
    case Doing::append:
    case Doing::append_write:
    case Doing::append_close:
      next_.append(c.stamp(location_, 2 * size), size);
      written_ = size;
      if (doing == Doing::append) break;
      writers_.push_back(c.require(location_.append(), "append()"));
      written_ = doing == Doing::append_write ? size + size / 3 : next_.size();
      c.write(writers_.back(), next_, size, written_ - size);
      break;
    case Doing::read: readers_.push_back(c.require(location_.open(), "open()")); break;
    case Doing::seek: readers_.push_back(c.require(location_.open_seeker(), "open_seeker()")); break;
    case Doing::read_at: readers_at_.push_back(c.require(location_.open_reader_at(), "open_reader_at()")); break;
    default: break;
  }
}

template <class T>
std::optional<Error> FaultScene::noted(const Result<T>& result) {
  if (!result) error_ = result.error();
  return error_;
}

std::optional<Error> FaultScene::write_rest() {
  const auto bytes = next_.bytes(written_, next_.size() - written_);
  written_ = next_.size();
  return noted(writers_.back().write(bytes));
}

std::optional<Error> FaultScene::read_rest() {
  std::vector<std::byte> block(static_cast<std::size_t>(old_.size() / 3 + 1));
  std::uint64_t at = 0;
  if (doing_ == Doing::seek) {
    at = old_.size() / 2;
    const auto sought = readers_.back().seek(static_cast<std::int64_t>(at), Whence::begin);
    if (!sought) return noted(sought);
    c_.check(*sought == at, "seek() returned another position than the one that was sought");
  }
  for (;;) {
    const auto count = readers_.back().read(block);
    if (!count) return noted(count);
    const std::string what = std::string{name_of(doing_)} + " while the store fails";
    c_.check(*count <= block.size(), what + " gave more than it was asked for");
    if (*count == 0) {
      c_.check(at == old_.size(), what + ": a clean end at " + std::to_string(at) + " of " + std::to_string(old_.size()) + " bytes");
      return {};
    }
    c_.expect_bytes(old_, at, std::span{block}.first(*count), what);
    at += *count;
  }
}

std::optional<Error> FaultScene::take_from() {
  const std::uint64_t step = old_.size() / 2 + 1;
  Object longer = old_;
  longer.append(c_.stamp(location_, old_.size() + step), step);
  const OwnDescriptor source = file_with(longer.bytes(old_.size(), step));
  const auto taken = location_.transfer_from(source.get(), step);
  if (taken) c_.check(*taken <= step, "transfer_from() says that it moved more than it was asked to");
  if (taken) longer.truncate(old_.size() + *taken);
  next_ = longer;
  content_changes_ = true;
  return noted(taken);
}

std::optional<Error> FaultScene::perform() {
  error_.reset();
  switch (doing_) {
    case Doing::create:
    case Doing::append: {
      auto writer = doing_ == Doing::create ? location_.create() : location_.append();
      if (writer) writers_.push_back(std::move(*writer));
      else return noted(writer);
      return {};
    }
    case Doing::write:
    case Doing::append_write: return write_rest();
    case Doing::close:
    case Doing::append_close: content_changes_ = true; return noted(writers_.back().close());
    case Doing::abandon: writers_.clear(); return {};
    case Doing::open:
    case Doing::open_seeker: {
      auto reader = doing_ == Doing::open ? location_.open() : location_.open_seeker();
      if (reader) readers_.push_back(std::move(*reader));
      return noted(reader);
    }
    case Doing::read:
    case Doing::seek: return read_rest();
    case Doing::open_reader_at: {
      auto reader = location_.open_reader_at();
      if (reader) readers_at_.push_back(std::move(*reader));
      return noted(reader);
    }
    case Doing::read_at: {
      std::vector<std::byte> block(static_cast<std::size_t>(old_.size()));
      const auto count = readers_at_.back().read_at(1, block);
      if (!count) return noted(count);
      c_.check(*count == old_.size() - 1,
               "read_at() while the store fails gave " + std::to_string(*count) + " of " + std::to_string(old_.size() - 1) + " bytes");
      c_.expect_bytes(old_, 1, std::span{block}.first(*count), "read_at() while the store fails");
      return {};
    }
    case Doing::map: {
      const auto window = location_.map(1, static_cast<std::size_t>(old_.size()));
      if (!window) return noted(window);
      c_.check(!window->bytes().empty(), "map() before the end shows nothing");
      c_.expect_bytes(old_, 1, window->bytes(), "map() while the store fails");
      return {};
    }
    case Doing::shrink:
      next_.truncate(old_.size() / 2);
      content_changes_ = true;
      return noted(location_.shrink(next_.size()));
    case Doing::discard: return noted(location_.discard(0, old_.size() / 2));
    case Doing::transfer_to: {
      const OwnDescriptor target = file_with({});
      const auto moved = location_.transfer_to(target.get(), 1, old_.size() - 1);
      std::vector<std::byte> found(static_cast<std::size_t>(old_.size()));
      const ::ssize_t count = ::pread(target.get(), found.data(), found.size(), 0);
      c_.check(count >= 0 && static_cast<std::uint64_t>(count) == moved.value_or(0),
               "transfer_to() while the store fails moved another number of bytes than it says");
      c_.expect_bytes(old_, 1, std::span{found}.first(static_cast<std::size_t>(count)), "what transfer_to() moved");
      return noted(moved);
    }
    case Doing::transfer_from: return take_from();
    case Doing::publish: {
      const std::string destination = c_.hooks().publish_destination();
      const auto published = location_.publish(destination, PublishMode::replace);
      if (c_.hooks().read_published) {
        const auto found = c_.hooks().read_published(destination);
        c_.check(found || !published, "publish() says that it is done, and there is nothing under the name");
        if (found) c_.check(*found == old_.bytes(), "what publish() left under the name is not the object");
      }
      if (c_.hooks().remove_published) c_.hooks().remove_published(destination);
      return noted(published);
    }
    case Doing::remove: {
      const auto result = location_.remove();
      removed_ = true;
      return noted(result);
    }
  }
  return {};
}

// After a failed write nothing may be committed.
void FaultScene::expect_unclosable() {
  c_.expect_any_error(writers_.back().close(), "close() after " + std::string{name_of(doing_)} + " failed");
}

void FaultScene::drop_handles() {
  writers_.clear();
  readers_.clear();
  readers_at_.clear();
}

void FaultScene::settle() {
  const std::string what = "after " + std::string{name_of(doing_)} +
                           (error_ ? " reported " + std::string{name_of(error_->code())} : " succeeded") + " while the store failed";
  const bool writes = doing_ == Doing::create || doing_ == Doing::write || doing_ == Doing::append || doing_ == Doing::append_write;
  if (writes && error_ && !writers_.empty()) expect_unclosable();
  if (writes && !error_) {  // what is written now comes out, or close() reports what the failure lost
    const auto written = write_rest();
    const auto closed = writers_.back().close();
    if (written) c_.expect_any_error(closed, "close() after a failed write()");
    else if (!closed) error_ = closed.error();
    content_changes_ = true;
  }
  // A reader that was opened shows the object, or says that it cannot.
  if (!error_ && (doing_ == Doing::open || doing_ == Doing::open_seeker)) {
    static_cast<void>(
        reads_exactly(readers_.back(), old_, 0, static_cast<std::size_t>(old_.size() / 2 + 1), "a reader that was opened " + what));
  }
  if (!error_ && doing_ == Doing::open_reader_at) {
    std::vector<std::byte> all(static_cast<std::size_t>(old_.size()));
    const auto count = readers_at_.back().read_at(0, all);
    if (count) c_.check(*count == all.size(), "read_at() " + what + " gave too few bytes");
    if (count) c_.expect_bytes(old_, 0, all, "read_at() " + what);
  }
  drop_handles();
  if (removed_) {
    if (error_) return;  // gone in part: only another remove() makes it whole
    c_.expect_absent(location_, what);
    if (c_.hooks().stored_objects) c_.expect_residue(0, what);
    return;
  }
  if (doing_ == Doing::discard) return;  // what was in the range reads as anything
  std::vector<std::optional<Object>> possible;
  const bool lenient = doing_ == Doing::shrink || (error_ && error_->is_indeterminate());
  if (!content_changes_ || error_) possible.emplace_back(old_);
  if (content_changes_ && (!error_ || lenient)) possible.emplace_back(next_);
  expect_one_of(c_, location_, possible, what);
}

void expect_one_of(Context& c, const Location& location, const std::vector<std::optional<Object>>& possible, std::string_view what) {
  if (possible.size() == 1) {
    if (possible.front()) c.expect_object(location, *possible.front(), what);
    else c.expect_absent(location, what);
    return;
  }
  auto reader = location.open();
  if (!reader) {
    c.expect_error(reader, {errc::not_found}, std::string{what} + ": open()");
    const bool may_be_absent = std::any_of(possible.begin(), possible.end(), [](const auto& object) { return !object; });
    c.check(may_be_absent, std::string{what} + ": open() is not_found, although there must be an object");
    return c.expect_absent(location, what);
  }
  std::uint64_t most = 0;
  for (const auto& object : possible) most = std::max(most, object ? object->size() : 0);
  const auto found = c.require(read_all(*reader, 4096, most), std::string{what} + ": read()");
  for (const auto& object : possible) {
    if (object && object->size() == found.size() && !object->first_difference(0, found)) return c.expect_object(location, *object, what);
  }
  std::string sizes;
  for (const auto& object : possible)
    sizes += (sizes.empty() ? "" : " or ") + (object ? std::to_string(object->size()) + " bytes" : std::string{"none"});
  c.fail(std::string{what} + ": the location holds " + std::to_string(found.size()) +
         " bytes that are neither the old object nor the new one (" + sizes + ")");
}

}  // namespace hybridbuffer::conformance
