#include "misuse.hpp"

#include "../life.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <unistd.h>

namespace hybridbuffer::conformance::clauses {
namespace {

void misuse_handles(Context& c) {
  const std::uint64_t size = std::min<std::uint64_t>(2 * c.chunk() + 1, c.most() / 2);
  auto [location, content] = c.stored(size);
  std::array<std::byte, 32> block{};
  static_cast<void>(c.make().open());
  static_cast<void>(c.make().remove());
  {
    Writer writer = c.require(location.create(), "create()");
    static_cast<void>(location.create());
    if (c.has(Capability::append)) static_cast<void>(location.append());
    if (c.has(Capability::shrink)) static_cast<void>(location.shrink(1));
    if (c.has(Capability::discard)) static_cast<void>(location.discard(0, 1));
    static_cast<void>(writer.write({}));
    static_cast<void>(writer.close());
    static_cast<void>(writer.write(block));
    static_cast<void>(writer.close());
    const Writer live = writer.moved();
    static_cast<void>(writer.write(block));
    static_cast<void>(writer.close());
  }
  {
    c.store(location, content);
    Reader reader = c.require(location.open(), "open()");
    static_cast<void>(reader.read({}));
    while (reader.read(block).value_or(0) != 0) {}
    const Reader live = reader.moved();
    static_cast<void>(reader.read(block));
    static_cast<void>(reader.read({}));
  }
  {
    Writer writer = c.require(location.create(), "create()");
    static_cast<void>(location.remove());
    static_cast<void>(writer.write(block));
    static_cast<void>(writer.close());
    static_cast<void>(location.open());
  }
}

void misuse_capabilities(Context& c) {
  constexpr std::uint64_t huge = std::numeric_limits<std::uint64_t>::max();
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t highest = std::numeric_limits<std::int64_t>::max();
  const std::uint64_t size = std::min<std::uint64_t>(2 * c.chunk() + 1, c.most() / 2);
  auto [location, content] = c.stored(size);
  Location fresh = c.make();
  std::array<std::byte, 32> block{};
  if (c.has(Capability::seeker)) {
    static_cast<void>(fresh.open_seeker());
    Reader seeker = c.require(location.open_seeker(), "open_seeker()");
    for (const std::int64_t offset : {lowest, lowest + 1, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1}, highest - 1, highest}) {
      for (const Whence whence : {Whence::begin, Whence::current, Whence::end, static_cast<Whence>(7)}) {
        static_cast<void>(seeker.seek(offset, whence));
        static_cast<void>(seeker.read(block));
      }
    }
  }
  const std::array<std::uint64_t, 7> offsets{0, size - 1, size, size + 1, std::uint64_t{1} << 32U, std::uint64_t{1} << 63U, huge};
  if (c.has(Capability::reader_at)) {
    static_cast<void>(fresh.open_reader_at());
    const ReaderAt reader = c.require(location.open_reader_at(), "open_reader_at()");
    for (const std::uint64_t offset : offsets) {
      static_cast<void>(reader.read_at(offset, block));
      static_cast<void>(reader.read_at(offset, {}));
    }
  }
  if (c.has(Capability::map)) {
    static_cast<void>(fresh.map(0, 1));
    for (const std::uint64_t offset : offsets) {
      for (const std::size_t n : {std::size_t{0}, std::size_t{1}, std::numeric_limits<std::size_t>::max()})
        static_cast<void>(location.map(offset, n));
    }
  }
  if (c.has(Capability::shrink)) {
    static_cast<void>(fresh.shrink(0));
    for (const std::uint64_t n : {huge, std::uint64_t{1} << 63U, size + 1, size, size - 1}) static_cast<void>(location.shrink(n));
  }
  if (c.has(Capability::discard)) {
    static_cast<void>(fresh.discard(0, 1));
    for (const std::uint64_t offset : offsets) {
      for (const std::uint64_t n : {huge, std::uint64_t{0}, std::uint64_t{1}}) static_cast<void>(location.discard(offset, n));
    }
  }
  if (c.has(Capability::publish) && c.hooks().publish_destination) {
    static_cast<void>(fresh.publish(c.hooks().publish_destination(), PublishMode::keep));
    static_cast<void>(location.publish("", PublishMode::keep));
    static_cast<void>(location.publish(std::string(100'000, 'x') + "/y", PublishMode::replace));
  }
}

// Descriptors that cannot be used. What a write to a pipe without a reader raises is the caller's matter, so that signal is off here.
void misuse_descriptors(Context& c) {
  if (!c.has(Capability::transfer)) return;
  auto [location, content] = c.stored(std::min<std::uint64_t>(2 * c.chunk() + 1, c.most() / 2));
  Location fresh = c.make();
  int ends[2];
  if (::pipe(ends) != 0) return;
  OwnDescriptor source{ends[0]};
  const OwnDescriptor target{ends[1]};
  static_cast<void>(fresh.transfer_to(target.get(), 0, 1));
  static_cast<void>(location.transfer_to(-1, 0, 1));
  static_cast<void>(location.transfer_to(source.get(), 0, 1));
  static_cast<void>(location.transfer_to(target.get(), std::numeric_limits<std::uint64_t>::max(), 7));
  static_cast<void>(location.transfer_from(-1, 5));
  static_cast<void>(location.transfer_from(target.get(), 5));
  static_cast<void>(location.transfer_from(source.get(), 0));
  source.reset();
  struct sigaction ignored{};
  struct sigaction before{};
  ignored.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignored, &before);
  static_cast<void>(location.transfer_to(target.get(), 0, content.size()));
  ::sigaction(SIGPIPE, &before, nullptr);
  c.expect_object(location, content, "the object after transfers with descriptors that cannot be used");
}

}  // namespace

void misuse_everything(Context& c) {
  c.start_case();
  misuse_handles(c);
  c.start_case();
  misuse_capabilities(c);
  c.start_case();
  misuse_descriptors(c);
}

}  // namespace hybridbuffer::conformance::clauses
