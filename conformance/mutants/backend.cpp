#include "backend.hpp"

#include "bugs.hpp"

#include <hybridbuffer/detail/descriptor.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

namespace hybridbuffer::conformance::mutants {
namespace {

// A transfer that failed has taken nothing; where a source cannot go back its bytes are lost.
std::unexpected<Error> give_back(int source, std::uint64_t n, Error error) {
  if (!has(Bug::transfer_loses_source_offset)) ::lseek(source, -static_cast<off_t>(n), SEEK_CUR);
  return std::unexpected{std::move(error)};
}

}  // namespace

std::string random_prefix() {
  constexpr std::string_view digits = "0123456789abcdef";
  static thread_local std::random_device device;
  std::string name{Store::locations};
  for (int word = 0; word < 4; ++word) {
    unsigned bits = device();
    for (int digit = 0; digit < 8; ++digit, bits >>= 4U) name += digits[bits & 15U];
  }
  return name;
}

Backend::Backend(std::shared_ptr<Store> store, const Settings& settings, std::string prefix)
    : location_{std::make_shared<Location>(std::move(store), settings, std::move(prefix))},
      capabilities_{settings.capabilities},
      granularity_{settings.chunk_size},
      max_object_size_{settings.max_object_size} {
  if (has(Bug::descriptor_inherited)) location_->bugs.descriptor = ::open("/dev/null", O_RDONLY);  // NOLINT(android-cloexec-open)
}

Result<Backend> Backend::reattach(std::shared_ptr<Store> store, const Settings& settings, std::string name) {
  Backend backend{std::move(store), settings, std::move(name)};
  auto there = backend.location_->committed("find a location again");
  if (!there) return std::unexpected{std::move(there).error()};
  if (*there) backend.location_->last_generation = (*there)->generation;
  return backend;
}

Backend::Backend(Backend&& other) noexcept
    : location_{std::move(other.location_)},
      capabilities_{other.capabilities_},
      granularity_{other.granularity_},
      max_object_size_{other.max_object_size_},
      factory_{std::move(other.factory_)} {
  if (location_ != nullptr) ++location_->bugs.backend_moves;
}

Backend& Backend::operator=(Backend&& other) noexcept {
  if (this == &other) return *this;
  retire();
  location_ = std::move(other.location_);
  capabilities_ = other.capabilities_;
  granularity_ = other.granularity_;
  max_object_size_ = other.max_object_size_;
  factory_ = std::move(other.factory_);
  if (location_ != nullptr) ++location_->bugs.backend_moves;
  return *this;
}

void Backend::retire() noexcept {
  if (location_ == nullptr) return;
  if (!location_->is_ours() && !has(Bug::child_removes_object)) return;
  const std::lock_guard lock{location_->mutex};
  ++location_->epoch;
  ++location_->bugs.backend_moves;
  if (location_->bugs.descriptor >= 0) ::close(std::exchange(location_->bugs.descriptor, -1));
  if (has(Bug::file_in_working_directory)) ::unlink(BugState::stray_file);
  if (has(Bug::publish_goes_with_backend)) {
    for (const std::string& destination : location_->bugs.published) location_->store().erase(destination);
  }
  if (has(Bug::destructor_keeps_object)) return;
  static_cast<void>(location_->drop_all());
}

Result<void> Backend::check(OperationName operation) const {
  if (location_ == nullptr && !has(Bug::moved_from_dereferences_null)) return failure(errc::closed, operation);
  if (!location_->is_ours()) return failure(errc::closed, operation);
  if (location_->bugs.wedged) return failure(errc::unavailable, operation, "after an earlier failure");
  if (has(Bug::factory_takes_backends_along) && factory_.expired()) return failure(errc::closed, operation, "the factory is gone");
  return {};
}

// Writers ------------------------------------------------------------------------------------------------------------------------

Result<std::pair<std::uint64_t, std::uint64_t>> Backend::start_writer(OperationName operation) {
  if (auto usable = check(operation); !usable) return std::unexpected{std::move(usable).error()};
  const std::lock_guard lock{location_->mutex};
  location_->bugs.was_used = true;
  if (location_->writers != 0 && location_->settings().second_writer == SecondWriter::busy) {
    return failure(errc::busy, operation, location_->prefix());
  }
  if (location_->settings().probe_at_create) {
    if (auto there = location_->probe(operation); !there) return std::unexpected{std::move(there).error()};
  }
  if (has(Bug::create_truncates)) static_cast<void>(location_->drop_all());
  const bool is_second = location_->writers++ != 0;
  if (!(has(Bug::second_create_repoints_first) && is_second)) ++location_->last_generation;
  if (has(Bug::generation_in_8_bits)) location_->last_generation = static_cast<std::uint8_t>(location_->last_generation);
  return std::pair{location_->last_generation, location_->epoch};
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
  if (has(Bug::append_needs_object) && !*base) return give_up(Error{errc::not_found, "append to an object"});
  if (has(Bug::append_descriptor_leaks)) leak_descriptor();
  Bytes tail;
  if (*base && (*base)->size % (*base)->chunk_size != 0) {
    const std::uint64_t last = (*base)->chunks.size() - 1;
    auto bytes = location_->get_chunk((*base)->chunks.back(), last, (*base)->length_of(last));
    if (!bytes) return give_up(std::move(bytes).error());
    if (!*bytes) return give_up(Error{errc::corrupted, "append to an object whose end is lost", location_->prefix()});
    tail = std::move(**bytes);
    if (has(Bug::second_extension_after_shrink_zeroes) && ++location_->bugs.extensions_since_shrink == 2) tail.back() = std::byte{0};
    if (has(Bug::shrink_keeps_tail)) {
      if (const auto stored = location_->store().peek(chunk_key(location_->prefix(), (*base)->chunks.back(), last))) {
        (*base)->size += stored->size() - checksum_bytes - tail.size();
        tail.assign(stored->begin() + checksum_bytes, stored->end());
      }
    }
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
  if (manifest) manifest = mistaken(std::move(*manifest));
  if (!manifest || !*manifest) {
    location_->reader_gone();
    if (has(Bug::failed_open_leaks_memory)) leak_memory();
    if (!manifest) return std::unexpected{std::move(manifest).error()};
    return failure(errc::not_found, operation, location_->prefix());
  }
  if (has(Bug::descriptor_leaks)) leak_descriptor();
  auto opened = std::make_shared<const View>(location_, std::move(**manifest));
  if (has(Bug::open_fetches_all)) {
    for (std::uint64_t at = 0; at < opened->size(); at += location_->settings().chunk_size) static_cast<void>(opened->chunk_at(at));
  }
  return opened;
}

// What a broken open takes to be committed; mostly what is.
std::optional<Manifest> Backend::mistaken(std::optional<Manifest> manifest) const {
  BugState& bugs = location_->bugs;
  const Manifest empty{.object = 0, .generation = 0, .size = 0, .chunk_size = location_->settings().chunk_size, .chunks = {}};
  switch (chosen_bug()) {
    case Bug::open_fresh_gives_empty: return manifest ? manifest : empty;
    case Bug::open_fresh_dereferences_null:
      if (!manifest) return *static_cast<const volatile std::uint64_t*>(nullptr) != 0 ? manifest : empty;
      return manifest;
    case Bug::open_remembers_removed:
      if (manifest) bugs.remembered = manifest;
      return bugs.remembered;
    case Bug::commit_shows_late: return std::chrono::steady_clock::now() < bugs.visible_at ? bugs.remembered : manifest;
    case Bug::lazy_open_races: {
      if (!bugs.filled.exchange(true)) {
        std::this_thread::sleep_for(std::chrono::microseconds{50});
        const std::lock_guard lock{bugs.memory};
        bugs.remembered = manifest;
      }
      const std::lock_guard lock{bugs.memory};
      return bugs.remembered;
    }
    default: return manifest;
  }
}

Result<Reader> Backend::open() const {
  auto opened = view("open an object");
  if (!opened) return std::unexpected{std::move(opened).error()};
  if (has(Bug::readers_share_cursor)) location_->bugs.cursor = 0;
  return Reader{std::move(*opened)};
}
Result<Reader> Backend::open_seeker() const {
  auto opened = view("open an object");
  if (!opened) return std::unexpected{std::move(opened).error()};
  return Reader{std::move(*opened), true};
}
Result<ReaderAt> Backend::open_reader_at() const {
  auto opened = view("open an object");
  if (!opened && has(Bug::read_at_sees_no_removal) && opened.error() == errc::not_found) {
    const std::lock_guard lock{location_->mutex};
    ++location_->readers;
    return ReaderAt{std::make_shared<const View>(location_, Manifest{})};
  }
  if (!opened) return std::unexpected{std::move(opened).error()};
  return ReaderAt{std::move(*opened)};
}

Result<Window> Backend::map(std::uint64_t offset, std::size_t n) const {
  auto opened = view("map an object");
  if (!opened) return std::unexpected{std::move(opened).error()};
  auto chunk = (*opened)->chunk_at(offset);
  if (!chunk) return std::unexpected{std::move(chunk).error()};
  if (chunk->bytes.empty()) return Window{nullptr, 0};
  if (has(Bug::window_beyond_end)) chunk->bytes.resize(static_cast<std::size_t>(location_->settings().chunk_size));
  const std::uint64_t from = has(Bug::window_starts_at_chunk) ? chunk->begin : offset;
  auto bytes = std::make_shared<Bytes>(chunk->bytes.begin() + static_cast<std::ptrdiff_t>(from - chunk->begin), chunk->bytes.end());
  if (has(Bug::window_shows_abandoned) && offset + bytes->size() == (*opened)->size())
    bytes->insert(bytes->end(), location_->bugs.left_over.begin(), location_->bugs.left_over.end());
  const std::size_t count = std::min(n, bytes->size());
  if (has(Bug::windows_share_buffer)) {
    BugState& bugs = location_->bugs;
    if (bugs.window == nullptr) bugs.window = std::make_shared<Bytes>(static_cast<std::size_t>(location_->settings().chunk_size));
    std::copy(bytes->begin(), bytes->end(), bugs.window->begin());
    bytes = bugs.window;
  }
  if (has(Bug::window_dies_at_append)) location_->bugs.windows.push_back(bytes);
  return Window{std::move(bytes), count};
}

// Changes ------------------------------------------------------------------------------------------------------------------------

Result<void> Backend::remove() {
  if (auto usable = check("remove an object"); !usable) return usable;
  const std::lock_guard lock{location_->mutex};
  if (location_->readers != 0 && location_->settings().remove_while_reading == RemoveWhileReading::busy) {
    return failure(errc::busy, "remove an object that is being read", location_->prefix());
  }
  if (has(Bug::remove_refuses_while_read) && location_->readers != 0) return failure(errc::busy, "remove an object", location_->prefix());
  if (has(Bug::remove_fresh_fails) && !location_->bugs.was_used) return failure(errc::not_found, "remove an object", location_->prefix());
  if (has(Bug::second_remove_fails) && std::exchange(location_->bugs.was_removed, true))
    return failure(errc::not_found, "remove an object");
  if (has(Bug::open_works_after_remove)) return {};
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
  if (size > (*old)->size && !has(Bug::shrink_grows)) {
    return failure(errc::invalid_argument, "shrink an object to more than its size", location_->prefix());
  }
  if (size == (*old)->size) return {};
  if (size == 0 && has(Bug::shrink_to_nothing_removes)) return location_->drop_all();
  location_->bugs.extensions_since_shrink = 0;
  Manifest next = **old;
  next.generation = ++location_->last_generation;
  next.size = size;
  next.chunks.resize(static_cast<std::size_t>((size + next.chunk_size - 1) / next.chunk_size));
  if (has(Bug::shrink_loses_boundary_chunk) && size != 0 && size % next.chunk_size == 0) {
    next.chunks.pop_back();
    next.size -= next.chunk_size;
  }
  if (has(Bug::shrink_in_hole_loses_chunk) && next.chunks.size() > 1 && next.chunks.back() == Manifest::hole)
    next.chunks[next.chunks.size() - 2] = Manifest::hole;
  std::optional<Bytes> tail;
  const bool rewrites_tail = !has(Bug::shrink_keeps_tail) && !has(Bug::shrink_grows);
  if (rewrites_tail && size % next.chunk_size != 0 && next.chunks.back() != Manifest::hole) {
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
  if (has(Bug::discard_end_wraps) && offset + n < offset) offset = 0;
  const std::uint64_t end = n < next.size - offset ? offset + n : next.size;
  if (has(Bug::discard_frees_nothing)) return {};
  const bool rounds_out = has(Bug::discard_takes_neighbours);
  bool any = false;
  for (std::uint64_t i = (offset + (rounds_out ? 0 : next.chunk_size - 1)) / next.chunk_size; i < next.chunks.size(); ++i) {
    if (rounds_out ? i * next.chunk_size >= end : i * next.chunk_size + next.length_of(i) > end) break;
    any = true;
    next.chunks[static_cast<std::size_t>(i)] = Manifest::hole;
  }
  if (!any) return {};
  if (has(Bug::discard_cuts_tail) && end == next.size) {
    while (!next.chunks.empty() && next.chunks.back() == Manifest::hole) next.chunks.pop_back();
    next.size = next.chunks.size() * next.chunk_size;
  }
  next.generation = ++location_->last_generation;
  if (auto done = location_->commit(next); !done) return done;
  location_->drop_chunks(**old, &next);
  return {};
}

// Ways in and out ----------------------------------------------------------------------------------------------------------------

Result<std::uint64_t> Backend::transfer_to(int target, std::uint64_t offset, std::uint64_t n) const {
  auto opened = view("transfer from an object");
  if (!opened) return std::unexpected{std::move(opened).error()};
  if (has(Bug::transfer_starts_over)) offset = 0;
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
    moved += has(Bug::transfer_ignores_short_count) ? std::min<std::uint64_t>(n - moved, left.size()) : *count;
  }
  if (has(Bug::transfer_takes_abandoned) && moved != 0 && moved < n) {
    const std::span<const std::byte> more{location_->bugs.left_over};
    moved += hybridbuffer::detail::write_some(target, more.first(std::min<std::size_t>(more.size(), n - moved))).value_or(0);
  }
  return moved;
}

Result<std::uint64_t> Backend::transfer_from(int source, std::uint64_t n) {
  auto writer = append();
  if (!writer) return std::unexpected{std::move(writer).error()};
  const std::uint64_t room = max_object_size_ - std::min(max_object_size_, writer->size());
  if (n != 0 && room == 0) return failure(errc::limit_exceeded, "transfer to an object", location_->prefix());
  std::uint64_t moved = 0;
  Bytes block(std::size_t{64} << 10U);
  const std::uint64_t wanted = std::min(n, room);
  while (moved < wanted) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(block.size(), wanted - moved));
    auto count = hybridbuffer::detail::read_some(source, std::span{block}.first(has(Bug::transfer_takes_too_much) ? block.size() : piece));
    if (count) count = std::min(*count, piece);
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
  if (destination.empty()) return failure(errc::invalid_argument, "publish an object", "without a name");
  auto opened = view("publish an object");
  if (!opened) return std::unexpected{std::move(opened).error()};
  Bytes whole(static_cast<std::size_t>((*opened)->size()));
  const auto count = (*opened)->copy(0, whole);
  if (!count) return std::unexpected{count.error()};
  if (has(Bug::publish_takes_abandoned)) whole.insert(whole.end(), location_->bugs.left_over.begin(), location_->bugs.left_over.end());
  auto done = location_->publish(destination, whole, mode);
  if (done) location_->bugs.published.emplace_back(destination);
  return done;
}

// The factory --------------------------------------------------------------------------------------------------------------------

Storage::Storage(const Storage& other)
    : settings_{other.settings_},
      made_{has(Bug::factory_copies_share_names) ? std::make_shared<std::atomic<unsigned>>(other.made_->load()) : other.made_},
      name_{other.name_} {}

Result<Backend> Storage::create_backend() const {
  Backend backend{the_store(), settings_, new_prefix()};
  backend.factory_ = made_;
  return backend;
}

std::string Storage::new_prefix() const {
  const std::string locations{Store::locations};
  switch (chosen_bug()) {
    case Bug::fixed_name: return locations + "the-object";
    case Bug::equal_factories_equal_names: return locations + "made-" + std::to_string(++*made_);
    case Bug::factory_copies_share_names: return name_ + "-" + std::to_string(++*made_);
    case Bug::names_from_few_bits: return random_prefix().substr(0, locations.size() + 4);
    case Bug::name_counter_races: {
      static std::atomic<unsigned> last{0};
      const unsigned next = last.load() + 1;
      std::this_thread::yield();
      last.store(next);
      return locations + "number-" + std::to_string(next);
    }
    default: return random_prefix();
  }
}

}  // namespace hybridbuffer::conformance::mutants
