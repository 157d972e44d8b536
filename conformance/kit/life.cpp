#include "life.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace hybridbuffer::conformance {

Location make_location(Subject& subject, Trace& trace) {
  auto made = subject.make();
  if (!made) throw Failure{"make_backend() must succeed, but failed: " + made.error().message()};
  return Location{trace, std::move(*made)};
}

Result<std::vector<std::byte>> read_all(Reader& reader, std::size_t piece, std::uint64_t most) {
  std::vector<std::byte> all;
  std::vector<std::byte> block(piece);
  for (;;) {
    const auto count = reader.read(block);
    if (!count) return std::unexpected{count.error()};
    if (*count > piece) throw Failure{"read(" + std::to_string(piece) + ") returned " + std::to_string(*count) + ", more than asked"};
    if (*count == 0) return all;
    all.insert(all.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*count));
    if (all.size() > most) throw Failure{"a reader gave more than the " + std::to_string(most) + " bytes that there are"};
  }
}

namespace {

void must_match(std::span<const std::byte> found, const Object& object, std::uint64_t from, const std::string& what) {
  if (from + found.size() > object.size()) {
    throw Failure{what + ": " + std::to_string(found.size()) + " bytes came from offset " + std::to_string(from) + " on, the object has " +
                  std::to_string(object.size())};
  }
  const auto at = object.first_difference(from, found);
  if (!at) return;
  StampDecoder decoder;
  for (const Object::Piece& piece : object.pieces()) {
    // Nearby stamps are the likely culprits: earlier contents of this location, and other locations.
    for (std::uint32_t instance = 0; instance < 4; ++instance) {
      for (std::uint32_t generation = 0; generation < 8; ++generation) {
        if (piece.stamp.instance < instance || piece.stamp.generation < generation) continue;
        decoder.remember({piece.stamp.instance - instance, piece.stamp.generation - generation},
                         std::min<std::uint64_t>(object.size(), 4096));
      }
    }
  }
  const std::uint64_t wrong = from + *at;
  const auto expected = object.bytes(wrong, std::min<std::uint64_t>(12, object.size() - wrong));
  throw Failure{what + ": offset " + std::to_string(wrong) + " of " + std::to_string(object.size()) + " must hold " +
                decoder.origin(expected, wrong) + "; it holds " + decoder.origin(found.subspan(*at), wrong)};
}

}  // namespace

void must_hold(std::span<const std::byte> found, const Object& object, std::uint64_t from, const std::string& what) {
  must_match(found, object, from, what);
  if (from + found.size() != object.size()) {
    throw Failure{what + ": the end came at " + std::to_string(from + found.size()) + " of " + std::to_string(object.size()) + " bytes"};
  }
}

bool reads_exactly(Reader& reader, const Object& object, std::uint64_t from, std::size_t piece, const std::string& what) {
  std::vector<std::byte> block(piece);
  for (std::uint64_t at = from;;) {
    const auto count = reader.read(block);
    if (!count) return false;
    if (*count > piece)
      throw Failure{what + ": read(" + std::to_string(piece) + ") returned " + std::to_string(*count) + ", more than asked"};
    if (*count == 0) {
      must_hold({}, object, at, what);
      return true;
    }
    must_match(std::span{block}.first(*count), object, at, what);
    at += *count;
  }
}

void must_commit(Writer& writer, const Object& object, std::size_t piece) {
  for (std::uint64_t at = 0; at < object.size();) {
    const auto bytes = object.bytes(at, std::min<std::uint64_t>(piece, object.size() - at));
    must(writer.write(bytes), "write() of " + std::to_string(bytes.size()) + " bytes at " + std::to_string(at));
    at += bytes.size();
  }
  must(writer.close(), "close() of an object of " + std::to_string(object.size()) + " bytes");
}
void must_store(Location& location, const Object& object, std::size_t piece) {
  Writer writer = must(location.create(), "create()");
  must_commit(writer, object, piece);
}
void must_show(const Location& location, const Object& object, std::size_t piece, const std::string& what) {
  Reader reader = must(location.open(), what + ": open()");
  const auto found = must(read_all(reader, piece, object.size()), what + ": read()");
  must_hold(found, object, 0, what);
}

void in_thread(const std::function<void()>& work) {
  std::exception_ptr failure;
  std::jthread{[&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }}.join();
  if (failure) std::rethrow_exception(failure);
}

namespace {

// append() and transfer_from(): `content` grows.
void extend(Context& c, Location& location, Object& content, std::uint64_t step) {
  if (c.has(Capability::append)) {
    const std::uint64_t from = content.size();
    content.append(c.stamp(location, from + step), step);
    Writer writer = c.require(location.append(), "append()");
    c.write(writer, content, from, step);
    c.require(writer.close(), "close() of an extension");
    c.expect_object(location, content, "the extended object");
  }
  if (c.has(Capability::transfer)) {
    const std::uint64_t from = content.size();
    Object longer = content;
    longer.append(c.stamp(location, from + step), step);
    const OwnDescriptor source = file_with(longer.bytes(from, step));
    const auto taken = location.transfer_from(source.get(), step);
    if (taken) {
      c.check(*taken <= step, "transfer_from() says that it moved more than it was asked to");
      longer.truncate(from + *taken);
      content = longer;
    }
    c.expect_object(location, content, "the object after transfer_from()");
  }
}

void hand_out(Context& c, Location& location, const Object& content) {
  if (c.has(Capability::transfer)) {
    const OwnDescriptor target = file_with({});
    const auto moved = location.transfer_to(target.get(), 1, content.size() - 1);
    if (moved) {
      std::vector<std::byte> found(static_cast<std::size_t>(content.size()));
      const ::ssize_t count = ::pread(target.get(), found.data(), found.size(), 0);
      c.check(count >= 0 && static_cast<std::uint64_t>(count) == *moved, "transfer_to() moved another number of bytes than it says");
      c.expect_bytes(content, 1, std::span{found}.first(static_cast<std::size_t>(count)), "what transfer_to() moved");
    }
  }
  if (c.has(Capability::publish) && c.hooks().publish_destination) {
    const std::string destination = c.hooks().publish_destination();
    if (c.publish_keeps()) {
      c.require(location.publish(destination, PublishMode::keep), "publish() under a new name");
      c.expect_error(location.publish(destination, PublishMode::keep), {errc::already_exists}, "publish(keep) under a name that exists");
    } else {
      c.expect_error(location.publish(destination, PublishMode::keep), {errc::unsupported},
                     "publish(keep), which is declared unsupported,");
      c.require(location.publish(destination, PublishMode::replace), "publish() under a new name");
    }
    c.require(location.publish(destination, PublishMode::replace), "publish(replace) under a name that exists");
    if (c.hooks().remove_published) c.hooks().remove_published(destination);
  }
}

}  // namespace

void live_through_everything(Context& c, Location& location) {
  const std::uint64_t step = std::min<std::uint64_t>(2 * c.chunk() + 1, c.most() / 4);
  c.expect_absent(location, "a location without an object");
  static_cast<void>(c.require(location.create(), "create()"));  // abandoned
  c.store(location, c.object(location, step), random_pieces(c.random(), step, std::max<std::uint64_t>(step, 1), true));
  Object content = c.object(location, step + 3);
  c.store(location, content);
  c.expect_object(location, content);
  extend(c, location, content, step);
  if (c.has(Capability::gather)) {
    content = c.object(location, step);
    const auto bytes = content.bytes();
    const std::span<const std::byte> all{bytes};
    const std::array pieces{all.first(all.size() / 3), all.first(0), all.subspan(all.size() / 3)};
    Writer writer = c.require(location.create(), "create()");
    c.require(writer.write_pieces(pieces), "write() of pieces");
    c.require(writer.close(), "close()");
    c.expect_object(location, content);
  }
  if (c.has(Capability::shrink)) {
    content.truncate(content.size() - 2);
    c.require(location.shrink(content.size()), "shrink()");
    c.expect_object(location, content, "the shortened object");
  }
  if (content.size() > 1) hand_out(c, location, content);
  if (c.has(Capability::discard)) {
    c.store(location, content);
    const auto discarded = location.discard(0, content.size() / 2);
    if (!discarded) c.expect_error(discarded, {errc::unsupported}, "discard()");
  }
  c.require(location.remove(), "remove()");
  c.expect_absent(location, "after remove()");
}

void scribble_over_freed_memory() {
  std::vector<std::unique_ptr<std::byte[]>> blocks;
  for (std::size_t size = 24; size <= 4096; size += size < 1024 ? 16 : 256) {
    for (int i = 0; i < 8; ++i) {
      blocks.push_back(std::make_unique_for_overwrite<std::byte[]>(size));
      std::memset(blocks.back().get(), 0xA5, size);
    }
  }
}

void OwnDescriptor::reset() noexcept {
  if (value_ >= 0) ::close(std::exchange(value_, -1));
}

OwnDescriptor file_with(std::span<const std::byte> bytes) {
  OwnDescriptor file{::memfd_create("conformance", MFD_CLOEXEC)};
  for (std::size_t done = 0; done < bytes.size();) {
    const ::ssize_t count = ::pwrite(file.get(), bytes.data() + done, bytes.size() - done, static_cast<::off_t>(done));
    if (count <= 0) throw Failure{"the kit could not fill an anonymous file"};
    done += static_cast<std::size_t>(count);
  }
  return file;
}

}  // namespace hybridbuffer::conformance
