#include "model_run.hpp"

#include <algorithm>
#include <sstream>

namespace hybridbuffer::testing {

const std::array<ModelRun::WeightedOperation, 33> ModelRun::operations_{{
    {180, "append(bytes)", &ModelRun::append_bytes},
    {40, "append(text)", &ModelRun::append_text},
    {50, "append(byte)", &ModelRun::append_byte},
    {20, "append(char)", &ModelRun::append_unit},
    {20, "append(code point)", &ModelRun::append_code_point},
    {20, "read_from(source)", &ModelRun::read_from_source},
    {3, "read_from(file)", &ModelRun::read_from_file},
    {2, "read_from(pipe)", &ModelRun::read_from_pipe},
    {120, "read", &ModelRun::read},
    {50, "get", &ModelRun::get},
    {50, "peek", &ModelRun::peek_and_consume},
    {25, "next_chunk", &ModelRun::next_chunk},
    {20, "next", &ModelRun::next},
    {30, "read_code_point", &ModelRun::read_code_point},
    {20, "read_until", &ModelRun::read_until},
    {20, "read_line", &ModelRun::read_line},
    {20, "write_to(sink)", &ModelRun::write_to_sink},
    {3, "write_to(file)", &ModelRun::write_to_file},
    {2, "write_to(pipe)", &ModelRun::write_to_pipe},
    {70, "seek", &ModelRun::seek},
    {80, "read_at", &ModelRun::read_at},
    {15, "reserve", &ModelRun::reserve},
    {20, "spill", &ModelRun::spill},
    {30, "truncate", &ModelRun::truncate},
    {30, "discard_read", &ModelRun::discard_read},
    {1, "reset", &ModelRun::reset},
    {3, "move construction", &ModelRun::move_construct},
    {3, "move assignment", &ModelRun::move_assign},
    {8, "open_reader", &ModelRun::open_cursor},
    {50, "cursor read", &ModelRun::cursor_read},
    {20, "cursor seek", &ModelRun::cursor_seek},
    {3, "to_bytes", &ModelRun::copies},
    {2, "comparison of everything", &ModelRun::everything},
}};

std::uint64_t ModelRun::total_weight() {
  std::uint64_t sum = 0;
  for (const WeightedOperation& operation : operations_) sum += operation.weight;
  return sum;
}

namespace {

// Compositions share the program's seed, and perform different operations all the same.
std::uint64_t mixed_seed(std::uint64_t seed, std::string_view name) {
  for (const char unit : name) seed = seed * 31 + static_cast<unsigned char>(unit);
  return seed;
}

}  // namespace

ModelRun::ModelRun(const Composition& composition, const BytePool& pool, std::uint64_t seed)
    : composition_{composition}, pool_{pool}, seed_{seed}, random_{mixed_seed(seed, composition.name)}, subject_{composition.make()} {}

ModelRun::ModelRun(const Composition& composition, const BytePool& pool, View input)
    : composition_{composition}, pool_{pool}, seed_{0}, random_{input}, subject_{composition.make()} {}

void ModelRun::run(std::uint64_t operations) {
  compare_shape();
  for (step_ = 1; step_ <= operations && !random_.is_exhausted(); ++step_) {
    keep_in_bounds();
    perform_one();
    compare_shape();
    if (random_.one_in(8)) compare_stats();
    if (random_.below(64 + content_.size() / 8) == 0) compare_content();
  }
  compare_content();
  close();
}

void ModelRun::perform_one() {
  static const std::uint64_t total = total_weight();
  std::uint64_t drawn = random_.below(total);
  for (const WeightedOperation& operation : operations_) {
    if (drawn < operation.weight) {
      note(operation.name);
      return (this->*operation.perform)();
    }
    drawn -= operation.weight;
  }
}

// Small contents visit more states, large ones more boundaries: the bound changes from time to time.
void ModelRun::keep_in_bounds() {
  if (step_ % 1024 == 1) {
    const bool is_large = random_.one_in(8);
    const std::uint64_t small = random_.one_in(2) ? 300 : 6000;
    bound_ = composition_.threshold >= 65536 ? 2 * composition_.threshold : is_large ? 200000 : small;
  }
  if (content_.size() <= bound_ || random_.one_in(2)) return;
  switch (random_.below(3)) {
    case 0: note("truncate, to bound"); return truncate();
    case 1:
      note("seek and discard_read, to bound", end());
      tell_ = first_ + random_.up_to(content_.size());
      expect_success(subject_->seek(static_cast<std::int64_t>(tell_), Whence::begin));
      return discard_read();
    default:
      if (random_.one_in(8)) reset();
  }
}

void ModelRun::compare_shape() {
  const Observation seen = subject_->observe();
  if (seen.size == end() && seen.tell == tell_ && seen.first_offset == first_ && seen.unread == unread() &&
      seen.empty == content_.empty() && seen.is_open) {
    return;
  }
  std::ostringstream out;
  out << "size " << seen.size << ", tell " << seen.tell << ", first_offset " << seen.first_offset << ", unread " << seen.unread
      << ", empty " << seen.empty << ", open " << seen.is_open << "; the model: " << end() << ", " << tell_ << ", " << first_ << ", "
      << unread();
  differ(out.str());
}

void ModelRun::compare_stats() {
  const BufferStats stats = subject_->stats();
  expect(stats.in_memory + stats.stored == content_.size(), "stats: in_memory + stored is not the content");
  expect(stats.in_memory <= composition_.most_in_memory, "stats: memory holds more than the spill policy grants");
  expect(stats.memory_capacity >= stats.in_memory, "stats: memory_capacity is below in_memory");
  expect(stats.stored_held >= stats.stored, "stats: stored_held is below stored");
  expect((stats.locations != 0) == (stats.stored != 0), "stats: a location without content, or content without a location");
  expect(subject_->is_spilled() == (stats.stored != 0), "is_spilled is not whether something is stored");
  expect(stats.spilled >= stats.stored, "stats: more is stored than was ever spilled");
  const std::uint64_t dead = stats.stored_held - stats.stored;
  expect(dead <= composition_.most_dead_stored, "stats: storage holds too much that nobody can read");
  if (composition_.budget) {
    const std::uint64_t used = composition_.budget->used();
    expect(used >= stats.in_memory && used <= composition_.budget->total(), "the memory budget does not cover what memory holds");
  }
  if (composition_.complaint) expect(composition_.complaint().empty(), composition_.complaint());
}

void ModelRun::compare_content() {
  const std::size_t size = content_.size();
  const auto whole = subject_->read_at(first_, scratch(size + 1).first(size + 1));
  expect_success(whole);
  expect(*whole == size && same(View{scratch_}.first(size), content_), "read_at of everything differs");

  subject_->open_cursor();
  const std::size_t cursor = subject_->cursors() - 1;
  expect(subject_->cursor_tell(cursor) == tell_, "a new cursor is not at the position");
  expect_success(subject_->cursor_seek(cursor, static_cast<std::int64_t>(first_), Whence::begin));
  read_in_pieces("a cursor", [&](std::span<std::byte> out) { return subject_->cursor_read(cursor, out); });
  subject_->close_cursor(cursor);

  expect_success(subject_->seek(static_cast<std::int64_t>(first_), Whence::begin));
  read_in_pieces("read", [&](std::span<std::byte> out) { return subject_->read(out); });
  expect_success(subject_->seek(static_cast<std::int64_t>(tell_), Whence::begin));

  const auto rest = subject_->to_bytes();
  expect_success(rest);
  expect(same(*rest, content_from(tell_)), "to_bytes differs");
}

void ModelRun::read_in_pieces(std::string_view route, const std::function<Result<std::size_t>(std::span<std::byte>)>& read_some) {
  for (std::size_t done = 0;;) {
    const std::size_t wanted = 1 + static_cast<std::size_t>(random_.below(content_.size() / 2 + 20));
    const View expected = content(first_ + done, wanted);
    const auto count = read_some(scratch(wanted));
    expect_success(count);
    const bool equal = *count == expected.size() && same(View{scratch_}.first(*count), expected);
    if (!equal) differ("everything by " + std::string{route} + " differs at offset " + std::to_string(first_ + done));
    if (*count == 0) return;
    done += *count;
  }
}

void ModelRun::close() {
  note("close");
  expect_success(subject_->close());
  expect_success(subject_->close());
  const Observation seen = subject_->observe();
  expect(!seen.is_open && seen.empty && seen.size == 0, "a closed buffer is not empty");
  expect_failure(subject_->append('x'), errc::closed);
  expect_failure(subject_->get(), errc::closed);
  expect(subject_->stats().locations == 0 && subject_->stats().in_memory == 0, "a closed buffer holds something");
  cursors_.clear();
  subject_.reset();
  expect(!composition_.budget || composition_.budget->used() == 0, "a destroyed buffer keeps a part of the memory budget");
  expect(!composition_.leftovers || composition_.leftovers() == 0, "a destroyed buffer left something in its storage");
}

// The model ----------------------------------------------------------------------------------------------------------------------

std::uint64_t ModelRun::most_appendable(const BufferStats& stats) const {
  const std::uint64_t by_limit = composition_.content_limit - content_.size();
  const std::uint64_t by_memory = composition_.memory_full_at == unlimited ? unlimited : composition_.memory_full_at - stats.in_memory;
  return std::min(by_limit, by_memory);
}

std::optional<errc> ModelRun::refusal_of(std::uint64_t count, const BufferStats& stats) const {
  if (count == 0 || count <= most_appendable(stats)) return std::nullopt;
  return composition_.content_limit != unlimited ? errc::limit_exceeded : errc::no_space;
}

std::optional<std::uint64_t> ModelRun::target_of(std::int64_t offset, Whence whence, std::uint64_t current) const {
  const std::uint64_t base = whence == Whence::begin ? 0 : whence == Whence::current ? current : end();
  const std::int64_t target = static_cast<std::int64_t>(base) + offset;
  if (target < 0) return std::nullopt;
  return static_cast<std::uint64_t>(target);
}

// Arguments ----------------------------------------------------------------------------------------------------------------------

std::uint64_t ModelRun::some_boundary() {
  const BufferStats stats = subject_->stats();
  const std::uint64_t left_in_memory = composition_.threshold > stats.in_memory ? composition_.threshold - stats.in_memory : 0;
  switch (random_.below(7)) {
    case 0: return composition_.threshold;
    case 1:
    case 2: return left_in_memory;
    case 3: return stats.stored;
    case 4: return subject_->room() == unlimited ? 0 : std::min<std::uint64_t>(subject_->room(), pool_.size() - 1);
    case 5: return 64;
    default: return std::uint64_t{1} << random_.below(random_.one_in(20) ? 17 : 12);
  }
}

std::uint64_t ModelRun::some_size() {
  const std::uint64_t kind = random_.below(100);
  if (kind < 5) return 0;
  if (kind < 45) return 1 + random_.below(16);
  if (kind < 65) return random_.below(70);
  if (kind < 80) {
    const std::uint64_t boundary = some_boundary();
    if (boundary > 5000 && !random_.one_in(20)) return random_.below(200);
    return boundary == 0 ? random_.below(2) : boundary - 1 + random_.below(3);
  }
  if (kind < 98) return random_.below(std::min<std::uint64_t>(2 * composition_.threshold + 40, 1500));
  return random_.one_in(20) ? random_.below(140000) : random_.below(3000);
}

std::uint64_t ModelRun::some_offset() {
  switch (random_.below(6)) {
    case 0: return end() - std::min(end(), random_.below(3)) + random_.below(2);
    case 1: return first_ - std::min(first_, random_.below(3)) + random_.below(2);
    case 2: return first_ + std::min<std::uint64_t>(content_.size(), subject_->stats().stored) - std::min(first_, random_.below(2));
    default: return first_ + random_.up_to(content_.size());
  }
}

std::uint64_t ModelRun::some_limit(std::uint64_t size) {
  switch (random_.below(5)) {
    case 0: return random_.up_to(size);
    case 1: return size;
    case 2: return size + 1;
    default: return unlimited;
  }
}

View ModelRun::some_bytes(std::uint64_t most) {
  return pool_.take(random_, static_cast<std::size_t>(std::min<std::uint64_t>({some_size(), most, pool_.size()})));
}

void ModelRun::some_seek(std::uint64_t current, std::int64_t& offset, Whence& whence) {
  whence = static_cast<Whence>(random_.below(3));
  const auto target = static_cast<std::int64_t>(some_offset());
  const std::uint64_t base = whence == Whence::begin ? 0 : whence == Whence::current ? current : end();
  offset = target - static_cast<std::int64_t>(base) - static_cast<std::int64_t>(random_.one_in(30) ? random_.below(100) : 0);
}

std::span<std::byte> ModelRun::scratch(std::uint64_t size) {
  if (scratch_.size() < size) scratch_.resize(static_cast<std::size_t>(size));
  return std::span{scratch_}.first(static_cast<std::size_t>(size));
}

// Reports ------------------------------------------------------------------------------------------------------------------------

void ModelRun::note(std::string_view name, std::uint64_t first, std::uint64_t second) {
  Step& last = history_[step_ % history_.size()];
  last = {name, first, second};
}

void ModelRun::differ(std::string_view what) const {
  std::ostringstream out;
  out << what << "\n  composition " << composition_.name << ", HYBRIDBUFFER_SEED=" << seed_ << ", operation " << step_
      << "\n  the last operations:";
  const std::uint64_t shown = std::min<std::uint64_t>(step_, history_.size());
  for (std::uint64_t step = step_ - shown + 1; step <= step_; ++step) {
    const Step& one = history_[step % history_.size()];
    out << "\n    " << step << ": " << one.name << ' ' << one.first << ' ' << one.second;
  }
  throw Difference{out.str()};
}

}  // namespace hybridbuffer::testing
