#include "backend.hpp"

#include <hybridbuffer/detail/descriptor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace hybridbuffer::conformance::mutants {
namespace {

std::string random_prefix() {
  constexpr std::string_view digits = "0123456789abcdef";
  static std::random_device device;
  static std::mutex mutex;
  const std::lock_guard lock{mutex};
  std::string name{Store::locations};
  for (int word = 0; word < 4; ++word) {
    unsigned bits = device();
    for (int digit = 0; digit < 8; ++digit, bits >>= 4U) name += digits[bits & 15U];
  }
  return name;
}

// A transfer that failed has taken nothing; where a source cannot go back its bytes are lost.
std::unexpected<Error> give_back(int source, std::uint64_t n, Error error) {
  ::lseek(source, -static_cast<off_t>(n), SEEK_CUR);
  return std::unexpected{std::move(error)};
}

}  // namespace

Backend::Backend(std::shared_ptr<Store> store, const Settings& settings)
    : location_{std::make_shared<Location>(std::move(store), settings, random_prefix())},
      capabilities_{settings.capabilities},
      granularity_{settings.chunk_size},
      max_object_size_{settings.max_object_size} {}

Backend& Backend::operator=(Backend&& other) noexcept {
  if (this == &other) return *this;
  retire();
  location_ = std::move(other.location_);
  capabilities_ = other.capabilities_;
  granularity_ = other.granularity_;
  max_object_size_ = other.max_object_size_;
  return *this;
}

void Backend::retire() noexcept {
  if (location_ == nullptr || !location_->is_ours()) return;
  const std::lock_guard lock{location_->mutex};
  ++location_->epoch;
  static_cast<void>(location_->drop_all());
}

Result<void> Backend::check(OperationName operation) const {
  if (location_ == nullptr || !location_->is_ours()) return failure(errc::closed, operation);
  return {};
}

// Writers ------------------------------------------------------------------------------------------------------------------------

Result<std::pair<std::uint64_t, std::uint64_t>> Backend::start_writer(OperationName operation) {
  if (auto usable = check(operation); !usable) return std::unexpected{std::move(usable).error()};
  const std::lock_guard lock{location_->mutex};
  if (location_->writers != 0 && location_->settings().second_writer == SecondWriter::busy) {
    return failure(errc::busy, operation, location_->prefix());
  }
  if (location_->settings().probe_at_create) {
    if (auto there = location_->probe(operation); !there) return std::unexpected{std::move(there).error()};
  }
  ++location_->writers;
  return std::pair{++location_->last_generation, location_->epoch};
}

Result<Writer> Backend::create() {
  auto started = start_writer("create an object");
  if (!started) return std::unexpected{std::move(started).error()};
  return Writer{location_, started->first, started->second, std::nullopt, {}};
}

Result<Writer> Backend::append() {
  auto started = start_writer("append to an object");
  if (!started) return std::unexpected{std::move(started).error()};
  const auto give_up = [&](Error error) {
    const std::lock_guard lock{location_->mutex};
    --location_->writers;
    return std::unexpected{std::move(error)};
  };
  auto base = location_->committed("append to an object");
  if (!base) return give_up(std::move(base).error());
  Bytes tail;
  if (*base && (*base)->size % (*base)->chunk_size != 0) {
    const std::uint64_t last = (*base)->chunks.size() - 1;
    auto bytes = location_->get_chunk((*base)->chunks.back(), last, (*base)->length_of(last));
    if (!bytes) return give_up(std::move(bytes).error());
    if (!*bytes) return give_up(Error{errc::corrupted, "append to an object whose end is lost", location_->prefix()});
    tail = std::move(**bytes);
  }
  return Writer{location_, started->first, started->second, std::move(*base), std::move(tail)};
}

// Readers ------------------------------------------------------------------------------------------------------------------------

Result<std::shared_ptr<const View>> Backend::view(OperationName operation) const {
  if (auto usable = check(operation); !usable) return std::unexpected{std::move(usable).error()};
  // Counted first, so that nothing that the manifest names is dropped meanwhile.
  {
    const std::lock_guard lock{location_->mutex};
    ++location_->readers;
  }
  auto manifest = location_->committed(operation);
  if (!manifest || !*manifest) {
    location_->reader_gone();
    if (!manifest) return std::unexpected{std::move(manifest).error()};
    return failure(errc::not_found, operation, location_->prefix());
  }
  return std::make_shared<const View>(location_, std::move(**manifest));
}

Result<Reader> Backend::open() const {
  auto opened = view("open an object");
  if (!opened) return std::unexpected{std::move(opened).error()};
  return Reader{std::move(*opened)};
}
Result<ReaderAt> Backend::open_reader_at() const {
  auto opened = view("open an object");
  if (!opened) return std::unexpected{std::move(opened).error()};
  return ReaderAt{std::move(*opened)};
}

Result<Window> Backend::map(std::uint64_t offset, std::size_t n) const {
  auto opened = view("map an object");
  if (!opened) return std::unexpected{std::move(opened).error()};
  auto chunk = (*opened)->chunk_at(offset);
  if (!chunk) return std::unexpected{std::move(chunk).error()};
  if (chunk->bytes.empty()) return Window{{}};
  const auto from = chunk->bytes.begin() + static_cast<std::ptrdiff_t>(offset - chunk->begin);
  const std::size_t count = std::min(n, static_cast<std::size_t>(chunk->bytes.end() - from));
  return Window{Bytes(from, from + static_cast<std::ptrdiff_t>(count))};
}

// Changes ------------------------------------------------------------------------------------------------------------------------

Result<void> Backend::remove() {
  if (auto usable = check("remove an object"); !usable) return usable;
  const std::lock_guard lock{location_->mutex};
  if (location_->readers != 0 && location_->settings().remove_while_reading == RemoveWhileReading::busy) {
    return failure(errc::busy, "remove an object that is being read", location_->prefix());
  }
  ++location_->epoch;
  location_->writers = 0;
  return location_->drop_all();
}

Result<void> Backend::shrink(std::uint64_t size) {
  if (auto usable = check("shrink an object"); !usable) return usable;
  const std::lock_guard lock{location_->mutex};
  if (location_->writers != 0) return failure(errc::busy, "shrink an object", location_->prefix());
  const auto old = location_->committed("shrink an object");
  if (!old) return std::unexpected{old.error()};
  if (!*old) return failure(errc::not_found, "shrink an object", location_->prefix());
  if (size > (*old)->size) return failure(errc::invalid_argument, "shrink an object to more than its size", location_->prefix());
  if (size == (*old)->size) return {};
  Manifest next = **old;
  next.generation = ++location_->last_generation;
  next.size = size;
  next.chunks.resize(static_cast<std::size_t>((size + next.chunk_size - 1) / next.chunk_size));
  std::optional<Bytes> tail;
  if (size % next.chunk_size != 0 && next.chunks.back() != Manifest::hole) {
    const std::uint64_t last = next.chunks.size() - 1;
    auto bytes = location_->get_chunk(next.chunks.back(), last, (*old)->length_of(last));
    if (!bytes) return std::unexpected{std::move(bytes).error()};
    if (!*bytes) return failure(errc::corrupted, "shrink an object", location_->prefix());
    const auto kept = std::span{**bytes}.first(next.length_of(last));
    auto done = location_->put_chunk(next.generation, last, kept);
    if (done) {
      next.chunks.back() = next.generation;
      done = location_->commit(next);
    }
    if (!done) {
      if (!done.error().is_indeterminate()) location_->drop({chunk_key(location_->prefix(), next.generation, last)});
      return done;
    }
  } else if (auto done = location_->commit(next); !done) {
    return done;
  }
  location_->drop_chunks(**old, &next);
  return {};
}

Result<void> Backend::discard(std::uint64_t offset, std::uint64_t n) {
  if (auto usable = check("discard a range"); !usable) return usable;
  const std::lock_guard lock{location_->mutex};
  if (location_->writers != 0) return failure(errc::busy, "discard a range", location_->prefix());
  const auto old = location_->committed("discard a range");
  if (!old) return std::unexpected{old.error()};
  if (!*old) return failure(errc::not_found, "discard a range", location_->prefix());
  Manifest next = **old;
  if (offset >= next.size) return {};
  const std::uint64_t end = n < next.size - offset ? offset + n : next.size;
  bool any = false;
  for (std::uint64_t i = (offset + next.chunk_size - 1) / next.chunk_size; i < next.chunks.size(); ++i) {
    if (i * next.chunk_size + next.length_of(i) > end) break;
    any = true;
    next.chunks[static_cast<std::size_t>(i)] = Manifest::hole;
  }
  if (!any) return {};
  next.generation = ++location_->last_generation;
  if (auto done = location_->commit(next); !done) return done;
  location_->drop_chunks(**old, &next);
  return {};
}

// Ways in and out ----------------------------------------------------------------------------------------------------------------

Result<std::uint64_t> Backend::transfer_to(int target, std::uint64_t offset, std::uint64_t n) const {
  auto opened = view("transfer from an object");
  if (!opened) return std::unexpected{std::move(opened).error()};
  std::uint64_t moved = 0;
  while (moved < n) {
    auto chunk = (*opened)->chunk_at(offset + moved);
    if (!chunk && moved == 0) return std::unexpected{std::move(chunk).error()};
    if (!chunk || chunk->bytes.empty()) break;
    const auto inside = static_cast<std::size_t>(offset + moved - chunk->begin);
    const std::span<const std::byte> left = std::span{chunk->bytes}.subspan(inside);
    const auto count =
        hybridbuffer::detail::write_some(target, left.first(static_cast<std::size_t>(std::min<std::uint64_t>(n - moved, left.size()))));
    if (!count && moved == 0) return std::unexpected{count.error()};
    if (!count) break;
    moved += *count;
  }
  return moved;
}

Result<std::uint64_t> Backend::transfer_from(int source, std::uint64_t n) {
  auto writer = append();
  if (!writer) return std::unexpected{std::move(writer).error()};
  const std::uint64_t room = max_object_size_ - std::min(max_object_size_, writer->size());
  if (n != 0 && room == 0) return failure(errc::limit_exceeded, "transfer to an object", location_->prefix());
  std::uint64_t moved = 0;
  Bytes block(static_cast<std::size_t>(std::min<std::uint64_t>(n, std::uint64_t{64} << 10U)));
  const std::uint64_t wanted = std::min(n, room);
  while (moved < wanted) {
    const auto count = hybridbuffer::detail::read_some(
        source, std::span{block}.first(static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), wanted - moved))));
    if (!count && moved == 0) return std::unexpected{count.error()};
    if (!count || *count == 0) break;
    moved += *count;
    if (auto stored = writer->write(std::span{block}.first(*count)); !stored) return give_back(source, moved, std::move(stored).error());
  }
  if (moved == 0) return moved;
  if (auto done = writer->close(); !done) return give_back(source, moved, std::move(done).error());
  return moved;
}

Result<void> Backend::publish(std::string_view destination, PublishMode mode) {
  auto opened = view("publish an object");
  if (!opened) return std::unexpected{std::move(opened).error()};
  Bytes whole(static_cast<std::size_t>((*opened)->size()));
  const auto count = (*opened)->copy(0, whole);
  if (!count) return std::unexpected{count.error()};
  return location_->publish(destination, whole, mode);
}

}  // namespace hybridbuffer::conformance::mutants
