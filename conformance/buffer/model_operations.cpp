#include "descriptors.hpp"
#include "model_run.hpp"
#include "model_text.hpp"

#include <algorithm>

/// \file
/// The operations of the model test.

namespace hybridbuffer::testing {

namespace {

constexpr std::uint64_t fits_in_a_pipe = 4096;

}  // namespace

// Appending ----------------------------------------------------------------------------------------------------------------------

template <class Call>
void ModelRun::append(View bytes, Call&& call) {
  const BufferStats before = subject_->stats();
  const std::optional<errc> refusal = refusal_of(bytes.size(), before);
  const bool would_spill = subject_->would_spill(bytes.size());
  note(history_[step_ % history_.size()].name, bytes.size(), would_spill ? 1 : 0);

  const Result<void> done = call();

  const BufferStats after = subject_->stats();
  const std::uint64_t spills = after.spilled + after.in_flight - (before.spilled + before.in_flight);
  if (spills != 0) ++spilling_appends_;
  if (refusal) {
    expect_failure(done, *refusal);
    expect(!would_spill && spills == 0, "an append that was refused touched the storage");
  } else {
    expect_success(done);
    // What was in flight may have been stored meanwhile, and made room; or less of it, when no byte had been in storage before.
    const bool may_differ = before.in_flight != 0 && (would_spill || (composition_.keeps_less_while_stored && before.stored == 0));
    expect(would_spill == (spills != 0) || may_differ,
           would_spill ? "would_spill said yes, and nothing was spilled" : "would_spill said no");
    content_.insert(content_.end(), bytes.begin(), bytes.end());
  }
}

void ModelRun::append_bytes() {
  const View bytes = some_bytes();
  append(bytes, [&] { return subject_->append(bytes); });
}

void ModelRun::append_text() {
  const View bytes = some_bytes();
  append(bytes, [&] { return subject_->append(std::string_view{reinterpret_cast<const char*>(bytes.data()), bytes.size()}); });
}

void ModelRun::append_byte() {
  const View byte = pool_.take(random_, 1);
  append(byte, [&] { return subject_->append(byte[0]); });
}

void ModelRun::append_unit() {
  const View byte = pool_.take(random_, 1);
  append(byte, [&] { return subject_->append(static_cast<char>(byte[0])); });
}

void ModelRun::append_code_point() {
  struct Encoded {
    char32_t point;
    std::string_view text;
  };
  static constexpr Encoded known[] = {{U'\0', {"\0", 1}},       {U'z', "z"},
                                      {0x7F, "\x7F"},           {0x80, "\xC2\x80"},
                                      {0x7FF, "\xDF\xBF"},      {0x800, "\xE0\xA0\x80"},
                                      {0xFFFF, "\xEF\xBF\xBF"}, {0x10000, "\xF0\x90\x80\x80"},
                                      {0x20AC, "\xE2\x82\xAC"}, {0x10FFFF, "\xF4\x8F\xBF\xBF"}};
  if (random_.one_in(20)) {
    const char32_t wrong = random_.one_in(2) ? 0xD800 + static_cast<char32_t>(random_.below(0x800)) : 0x110000;
    return expect_failure(subject_->append(wrong), errc::invalid_argument);
  }
  const Encoded& encoded = known[random_.below(std::size(known))];
  append(view(encoded.text), [&] { return subject_->append(encoded.point); });
}

// `bytes` is what the source holds. What it delivered before the end, an error or a refusal must be in the buffer.
template <class Fill>
void ModelRun::fill(View bytes, std::uint64_t limit, std::optional<errc> failure, Fill&& fill_from) {
  const std::uint64_t room = most_appendable(subject_->stats());
  const bool is_refused = limit > room && bytes.size() >= room;
  const std::uint64_t taken = std::min<std::uint64_t>({bytes.size(), limit, room});
  note(history_[step_ % history_.size()].name, bytes.size(), limit);

  const Result<std::uint64_t> count = fill_from();

  const View delivered = bytes.first(static_cast<std::size_t>(taken));
  content_.insert(content_.end(), delivered.begin(), delivered.end());
  if (is_refused) {
    expect_failure(count, composition_.content_limit != unlimited ? errc::limit_exceeded : errc::no_space);
  } else if (failure && limit > bytes.size()) {
    expect_failure(count, *failure);
  } else {
    expect_success(count);
    expect(*count == taken, "read_from returned another count than it took");
  }
}

void ModelRun::read_from_source() {
  const View bytes = some_bytes();
  const std::uint64_t limit = some_limit(bytes.size());
  PieceSource source{.left = bytes, .piece = 1 + static_cast<std::size_t>(random_.one_in(3) ? 0 : random_.below(bytes.size() + 1))};
  if (bytes.size() > 5000) source.piece += 200;
  if (random_.one_in(4)) source.failure = errc::unavailable;
  fill(bytes, limit, source.failure, [&] { return subject_->read_from(source, limit); });
}

void ModelRun::read_from_file() {
  const View bytes = random_.one_in(4) ? pool_.take(random_, 65530 + static_cast<std::size_t>(random_.below(9000))) : some_bytes();
  const std::uint64_t limit = some_limit(bytes.size());
  const View before = pool_.take(random_, static_cast<std::size_t>(random_.below(50)));
  const OwnedDescriptor file = make_memory_file(before);
  seek_to(file.number(), before.size());
  write_whole(file.number(), bytes);
  seek_to(file.number(), before.size());
  const std::uint64_t size = content_.size();
  fill(bytes, limit, std::nullopt, [&] { return subject_->read_from(file.number(), limit); });
  expect(position_of(file.number()) == before.size() + content_.size() - size, "the source's position is not behind what was taken");
}

void ModelRun::read_from_pipe() {
  const View bytes = some_bytes(fits_in_a_pipe);
  const std::uint64_t limit = some_limit(bytes.size());
  Channel pipe = make_pipe();
  write_whole(pipe.in.number(), bytes);
  pipe.in.close();
  fill(bytes, limit, std::nullopt, [&] { return subject_->read_from(pipe.out.number(), limit); });
}

// Reading at the position --------------------------------------------------------------------------------------------------------

void ModelRun::read() {
  const std::uint64_t wanted = some_size();
  const View expected = content(tell_, wanted);
  note("read", wanted);
  const auto count = subject_->read(scratch(wanted));
  expect_success(count);
  expect(*count == expected.size(), "read returned another count");
  expect(same(View{scratch_}.first(*count), expected), "read other bytes");
  tell_ += *count;
}

void ModelRun::get() {
  const auto byte = subject_->get();
  expect_success(byte);
  expect(byte->has_value() == (unread() != 0), "get at the end, or not at the end");
  if (!byte->has_value()) return;
  expect(**byte == content_from(tell_)[0], "get returned another byte");
  ++tell_;
}

void ModelRun::peek_and_consume() {
  const auto window = subject_->peek();
  expect_success(window);
  expect(window->empty() == (unread() == 0), "peek is empty before the end, or not at the end");
  expect(same(*window, content(tell_, window->size())), "peek shows other bytes");
  const std::uint64_t count = random_.one_in(3) ? window->size() : random_.up_to(window->size());
  note("peek and consume", window->size(), count);
  subject_->consume(static_cast<std::size_t>(count));
  tell_ += count;
}

void ModelRun::next_chunk() {
  const auto chunk = subject_->next_chunk();
  expect_success(chunk);
  note("next_chunk", chunk->size());
  expect(chunk->empty() == (unread() == 0), "next_chunk is empty before the end, or not at the end");
  expect(same(*chunk, content(tell_, chunk->size())), "next_chunk shows other bytes");
  tell_ += chunk->size();
}

void ModelRun::next() {
  const std::uint64_t wanted = random_.one_in(50) ? unlimited : some_size();
  note("next", wanted);
  const auto bytes = subject_->next(wanted);
  expect_success(bytes);
  expect(same(*bytes, content(tell_, wanted)), "next returned other bytes");
  tell_ += bytes->size();
}

void ModelRun::read_code_point() {
  const auto point = subject_->read_code_point();
  expect_success(point);
  expect(point->has_value() == (unread() != 0), "read_code_point at the end, or not at the end");
  if (!point->has_value()) return;
  const CodePoint expected = first_code_point(content_from(tell_));
  expect(**point == expected.point, "read_code_point returned another code point");
  tell_ += expected.length;
}

void ModelRun::read_until() {
  const std::byte delimiter = pool_.take(random_, 1)[0];
  const View expected = content(tell_, length_until(content_from(tell_), delimiter));
  note("read_until", std::to_integer<std::uint64_t>(delimiter), expected.size());
  const auto bytes = subject_->read_until(delimiter);
  expect_success(bytes);
  expect(same(*bytes, expected), "read_until returned other bytes");
  tell_ += expected.size();
}

void ModelRun::read_line() {
  const View expected = content(tell_, length_until(content_from(tell_), std::byte{'\n'}));
  note("read_line", expected.size());
  const auto line = subject_->read_line();
  expect_success(line);
  expect(*line == line_of(expected), "read_line returned another line");
  tell_ += expected.size();
}

void ModelRun::write_to_sink() {
  const std::uint64_t limit = some_limit(unread());
  const std::uint64_t wanted = std::min(limit, unread());
  BoundedSink sink;
  if (random_.one_in(3)) sink.accepts = random_.up_to(wanted);
  note("write_to(sink)", limit, sink.accepts);

  const auto count = subject_->write_to(sink, limit);

  if (sink.refusals == 0) {
    expect_success(count);
    expect(*count == wanted && sink.taken.size() == wanted, "write_to(sink) wrote another count");
  } else {
    expect_failure(count, errc::no_space);
    expect(sink.accepts < wanted, "the sink refused what it could take");
  }
  expect(same(sink.taken, content(tell_, sink.taken.size())), "write_to(sink) wrote other bytes");
  tell_ += sink.taken.size();
}

void ModelRun::write_to_file() {
  const std::uint64_t limit = some_limit(unread());
  const std::uint64_t wanted = std::min(limit, unread());
  note("write_to(file)", limit, wanted);
  const OwnedDescriptor file = make_memory_file({});
  const auto count = subject_->write_to(file.number(), limit);
  expect_success(count);
  expect(*count == wanted, "write_to(file) wrote another count");
  expect(position_of(file.number()) == wanted, "the file's position is not behind what was written");
  seek_to(file.number(), 0);
  expect(same(read_whole(file.number()), content(tell_, wanted)), "write_to(file) wrote other bytes");
  tell_ += wanted;
}

void ModelRun::write_to_pipe() {
  const std::uint64_t limit = std::min(some_limit(unread()), fits_in_a_pipe);
  const std::uint64_t wanted = std::min(limit, unread());
  note("write_to(pipe)", limit, wanted);
  Channel pipe = make_pipe();
  const auto count = subject_->write_to(pipe.in.number(), limit);
  pipe.in.close();
  expect_success(count);
  expect(*count == wanted, "write_to(pipe) wrote another count");
  expect(same(read_whole(pipe.out.number()), content(tell_, wanted)), "write_to(pipe) wrote other bytes");
  tell_ += wanted;
}

void ModelRun::seek() {
  std::int64_t offset = 0;
  Whence whence{};
  some_seek(tell_, offset, whence);
  const auto target = target_of(offset, whence, tell_);
  note("seek", static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(whence));
  const auto position = subject_->seek(offset, whence);
  if (!target || *target < first_ || *target > end()) return expect_failure(position, errc::invalid_argument);
  expect_success(position);
  expect(*position == *target, "seek returned another position");
  tell_ = *target;
}

// Reading anywhere ---------------------------------------------------------------------------------------------------------------

void ModelRun::read_at() {
  const std::uint64_t offset = some_offset();
  const std::uint64_t wanted = some_size();
  note("read_at", offset, wanted);
  const auto count = subject_->read_at(offset, scratch(wanted));
  if (offset < first_) return expect_failure(count, errc::invalid_argument);
  const View expected = offset < end() ? content(offset, wanted) : View{};
  expect_success(count);
  expect(*count == expected.size(), "read_at returned another count");
  expect(same(View{scratch_}.first(*count), expected), "read_at read other bytes");
}

void ModelRun::open_cursor() {
  if (cursors_.size() == 4) {
    const auto oldest = static_cast<std::size_t>(random_.below(4));
    subject_->close_cursor(oldest);
    cursors_.erase(cursors_.begin() + static_cast<std::ptrdiff_t>(oldest));
  }
  subject_->open_cursor();
  cursors_.push_back(tell_);
}

void ModelRun::cursor_read() {
  if (cursors_.empty()) return open_cursor();
  const auto index = static_cast<std::size_t>(random_.below(cursors_.size()));
  const std::uint64_t wanted = some_size();
  const std::uint64_t offset = cursors_[index];
  note("cursor read", offset, wanted);
  const auto count = subject_->cursor_read(index, scratch(wanted));
  if (offset < first_) return expect_failure(count, errc::invalid_argument);
  const View expected = offset < end() ? content(offset, wanted) : View{};
  expect_success(count);
  expect(*count == expected.size(), "a cursor read another count");
  expect(same(View{scratch_}.first(*count), expected), "a cursor read other bytes");
  cursors_[index] += *count;
  expect(subject_->cursor_tell(index) == cursors_[index], "a cursor is at another position");
}

void ModelRun::cursor_seek() {
  if (cursors_.empty()) return open_cursor();
  const auto index = static_cast<std::size_t>(random_.below(cursors_.size()));
  std::int64_t offset = 0;
  Whence whence{};
  some_seek(cursors_[index], offset, whence);
  const auto target = target_of(offset, whence, cursors_[index]);
  note("cursor seek", static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(whence));
  const auto position = subject_->cursor_seek(index, offset, whence);
  if (!target || *target < first_) return expect_failure(position, errc::invalid_argument);
  expect_success(position);
  expect(*position == *target, "a cursor's seek returned another position");
  cursors_[index] = *target;
}

void ModelRun::copies() {
  const auto bytes = subject_->to_bytes();
  expect_success(bytes);
  expect(same(*bytes, content_from(tell_)), "to_bytes differs");
  const auto string = subject_->to_string();
  expect_success(string);
  expect(same(view(*string), content_from(tell_)), "to_string differs");
}

void ModelRun::everything() { compare_content(); }

// Changing what is held ----------------------------------------------------------------------------------------------------------

void ModelRun::reserve() {
  const std::uint64_t count = some_size();
  note("reserve", count);
  const bool is_kept = !subject_->would_spill(count) && !refusal_of(count, subject_->stats());
  expect_success(subject_->reserve(count));
  expect(!is_kept || subject_->room() >= count, "reserve left less room than was asked for");
}

void ModelRun::spill() {
  const BufferStats before = subject_->stats();
  expect_success(subject_->spill());
  const BufferStats after = subject_->stats();
  expect(after.in_memory == 0 && after.spilled - before.spilled == before.in_memory, "spill left something in memory");
}

void ModelRun::truncate() {
  const std::uint64_t size = random_.one_in(4) ? end() - std::min<std::uint64_t>(content_.size(), random_.below(20)) : some_offset();
  note("truncate", size);
  const auto done = subject_->truncate(size);
  if (size < first_ || size > end()) return expect_failure(done, errc::invalid_argument);
  expect_success(done);
  content_.resize(static_cast<std::size_t>(size - first_));
  tell_ = std::min(tell_, size);
}

void ModelRun::discard_read() {
  expect_success(subject_->discard_read());
  content_.erase(content_.begin(), content_.begin() + static_cast<std::ptrdiff_t>(tell_ - first_));
  first_ = tell_;
}

void ModelRun::reset() {
  expect_success(subject_->reset());
  const BufferStats stats = subject_->stats();
  expect(stats.locations == 0 && stats.stored_held == 0 && stats.in_memory == 0, "reset left something behind");
  content_.clear();
  first_ = tell_ = 0;
}

void ModelRun::move_construct() {
  cursors_.clear();
  expect(subject_->move_construct(), "a buffer that was moved from is not empty and closed");
}

void ModelRun::move_assign() {
  cursors_.clear();
  expect(subject_->move_assign(), "a buffer that was moved from is not empty and closed");
}

}  // namespace hybridbuffer::testing
