#include "context.hpp"

#include <hybridbuffer/conformance/object.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>

namespace hybridbuffer::conformance {
namespace {

// Runs one operation, traced; what leaves it fails the clause.
template <class Call>
auto traced_call(Trace& trace, Operation operation, std::uint32_t number, std::uint64_t first, std::uint64_t second, Call&& call) {
  Trace::Entry entry{trace, operation, Subjects::memory, number, first, second};
  try {
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      entry.succeed();
    } else {
      auto value = call();
      if constexpr (requires { value.size(); }) entry.succeed(value.size());
      else entry.succeed(value);
      return value;
    }
  } catch (const Failure&) {
    throw;
  } catch (const std::exception& error) {
    throw Failure{"an exception left " + std::string{name_of(operation)} + "(): " + error.what()};
  } catch (...) {
    throw Failure{"an exception left " + std::string{name_of(operation)} + "(): not a std::exception"};
  }
}

std::string hex(std::span<const std::byte> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::byte b : bytes.first(std::min<std::size_t>(bytes.size(), 8))) {
    text.append(text.empty() ? "" : " ") += digits[std::to_integer<std::size_t>(b) >> 4U];
    text += digits[std::to_integer<std::size_t>(b) & 15U];
  }
  return text;
}

}  // namespace

// Memory --------------------------------------------------------------------------------------------------------------------------------

void Memory::destroy() noexcept {
  if (held_ == nullptr) return;
  Trace::Entry entry{*trace_, Operation::destroy, Subjects::memory, number_, 0, 0};
  held_.reset();
  entry.succeed();
}
Memory Memory::moved() {
  Trace::Entry entry{*trace_, Operation::move_construct, Subjects::memory, number_, number_, 0};
  auto moved = held_->move_out();
  entry.succeed();
  return Memory{*trace_, std::move(moved)};
}
void Memory::assign_from(Memory& other) {
  Trace::Entry entry{*trace_, Operation::move_assign, Subjects::memory, number_, other.number_, 0};
  held_->assign_from(*other.held_);
  entry.succeed();
}
std::span<std::byte> Memory::prepare(std::size_t n) {
  Trace::Entry entry{*trace_, Operation::prepare, Subjects::memory, number_, n, 0};
  try {
    const std::span<std::byte> window = held_->prepare(n);
    entry.succeed(window.size());
    return window;
  } catch (...) {
    return {};
  }
}
void Memory::commit(std::size_t n) {
  traced_call(*trace_, Operation::commit, number_, n, 0, [&] { held_->commit(n); });
}
void Memory::drop_front(std::size_t n) {
  traced_call(*trace_, Operation::drop_front, number_, n, 0, [&] { held_->drop_front(n); });
}
void Memory::truncate(std::size_t n) {
  traced_call(*trace_, Operation::truncate, number_, n, 0, [&] { held_->truncate(n); });
}
void Memory::clear() {
  traced_call(*trace_, Operation::clear, number_, 0, 0, [&] { held_->clear(); });
}
std::uint64_t Memory::size() const {
  return traced_call(*trace_, Operation::size, number_, 0, 0, [&] { return std::as_const(*held_).size(); });
}
std::uint64_t Memory::capacity() const {
  return traced_call(*trace_, Operation::capacity, number_, 0, 0, [&] { return std::as_const(*held_).capacity(); });
}
void Memory::copy_out(std::size_t offset, std::span<std::byte> out) const {
  traced_call(*trace_, Operation::copy_out, number_, offset, out.size(), [&] { std::as_const(*held_).copy_out(offset, out); });
}
std::span<const std::byte> Memory::chunk_at(std::size_t offset) const {
  return traced_call(*trace_, Operation::chunk_at, number_, offset, 0, [&] { return std::as_const(*held_).chunk_at(offset); });
}
void Memory::walk(detail::ErasedMemory::Visit visit, void* state) const {
  traced_call(*trace_, Operation::chunks, number_, 0, 0, [&] { std::as_const(*held_).walk(visit, state); });
}

// Filled --------------------------------------------------------------------------------------------------------------------------------

Filled::Filled(MemoryContext& context) : Filled{context, context.make()} {}
Filled::Filled(MemoryContext& context, Memory policy) : memory{std::move(policy)}, context_{&context}, stream_{context.new_stream()} {}

void Filled::fill_next(std::span<std::byte> window) const { fill_stamped({stream_, 0}, next_, window); }

void Filled::commit(std::size_t n) {
  record(n);
  memory.commit(n);
}

std::size_t Filled::append_once(std::size_t hint, std::size_t piece) {
  const std::span<std::byte> window = memory.prepare(hint);
  const std::size_t count = std::min(window.size(), piece);
  if (count == 0) return 0;
  fill_next(window.first(count));
  commit(count);
  return count;
}

std::size_t Filled::append(std::size_t count, std::size_t hint, std::size_t piece) {
  std::size_t done = 0;
  // A refusal is no promise to refuse for ever, so it is taken for one only when it is repeated.
  for (int refusals = 0; done < count && refusals < 4;) {
    const std::size_t part = append_once(std::max<std::size_t>(1, std::min(hint, count - done)), std::min(piece, count - done));
    refusals = part == 0 ? refusals + 1 : 0;
    done += part;
  }
  context_->reached(expected.size());
  return done;
}

std::size_t Filled::append_unrecorded(std::size_t count) {
  std::size_t done = 0;
  while (done < count) {
    const std::span<std::byte> window = memory.prepare(count - done);
    const std::size_t part = std::min(window.size(), count - done);
    if (part == 0) break;
    fill_stamped({stream_, 0}, next_ + done, window.first(part));
    memory.commit(part);
    done += part;
  }
  return done;
}
void Filled::record(std::size_t n) {
  const std::size_t before = expected.size();
  expected.resize(before + n);
  fill_stamped({stream_, 0}, next_, std::span{expected}.subspan(before));
  next_ += n;
}

void Filled::drop_front(std::size_t n) {
  expected.erase(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(std::min(n, expected.size())));
  memory.drop_front(n);
}
void Filled::truncate(std::size_t n) {
  expected.resize(std::min(n, expected.size()));
  memory.truncate(n);
}
void Filled::clear() {
  expected.clear();
  memory.clear();
}

void Filled::expect_bytes(std::size_t offset, std::span<const std::byte> found, std::string_view what) const {
  const auto wanted = std::span{expected}.subspan(std::min(offset, expected.size()));
  const std::string text{what};
  if (found.size() > wanted.size()) {
    context_->fail(text + ": " + std::to_string(found.size()) + " bytes from offset " + std::to_string(offset) + " on, where " +
                   std::to_string(wanted.size()) + " are committed");
  }
  context_->check(found.empty() || std::memcmp(found.data(), wanted.data(), found.size()) == 0, [&] {
    const auto at = static_cast<std::size_t>(std::mismatch(found.begin(), found.end(), wanted.begin()).first - found.begin());
    const auto stray = found.subspan(at, std::min<std::size_t>(found.size() - at, 8));
    const auto place = std::search(expected.begin(), expected.end(), stray.begin(), stray.end());
    std::string origin;
    if (stray.size() >= 4 && place != expected.end()) {
      origin = ": what should be at offset " + std::to_string(place - expected.begin());
    }
    return text + ": offset " + std::to_string(offset + at) + " of " + std::to_string(expected.size()) + " must hold " +
           hex(wanted.subspan(at)) + "; it holds " + hex(stray) + origin;
  });
}

void Filled::expect(std::string_view what) const {
  std::size_t offset = 0;
  memory.each_chunk([&](std::span<const std::byte> chunk) {
    expect_bytes(offset, chunk, what);
    offset += chunk.size();
    return true;
  });
  context_->check(offset == expected.size(), [&] {
    return std::string{what} + ": chunks() shows " + std::to_string(offset) + " bytes, " + std::to_string(expected.size()) +
           " are committed";
  });
}

Filled Filled::moved() {
  Filled other{*context_, memory.moved()};
  other.expected = std::exchange(expected, {});
  other.stream_ = std::exchange(stream_, context_->new_stream());
  other.next_ = std::exchange(next_, 0);
  return other;
}
void Filled::assign_from(Filled& other) {
  memory.assign_from(other.memory);
  if (this == &other) return;
  expected = std::exchange(other.expected, {});
  stream_ = std::exchange(other.stream_, context_->new_stream());
  next_ = std::exchange(other.next_, 0);
}

// MemoryContext -------------------------------------------------------------------------------------------------------------------------

MemoryContext::MemoryContext(MemorySubject& subject, TracePage& page, const Options& options)
    : PolicyContext{page, options}, subject_{&subject}, traits_{subject.traits()}, hooks_{subject.hooks()} {
  Memory probe = make();
  constexpr std::size_t largest = std::size_t{2} << 20U;
  unit_ = std::clamp<std::size_t>(probe.prepare(1).size(), 1, largest);
  most_ = std::max<std::size_t>(3 * unit_ + 2, 64);
  probe.destroy();
  start_case();
}

Memory MemoryContext::make() {
  try {
    return Memory{trace(), subject_->make()};
  } catch (const std::exception& error) {
    fail(std::string{"an exception left make(): "} + error.what());
  }
}

std::vector<std::size_t> MemoryContext::sizes(std::size_t largest, std::size_t few) {
  Sizes all;
  if (largest <= few) {
    for (std::uint64_t n = 0; n <= largest; ++n) all.push_back(n);
  } else {
    all = {0, 1, 2, largest / 2, largest - 1, largest};
    for (const std::uint64_t n : around(multiples_of({unit_}, 3))) all.push_back(n);
    for (int i = 0; i < 3; ++i) all.push_back(below(largest + 1));
  }
  const Sizes kept = normalised(std::move(all), largest);
  std::vector<std::size_t> ordered{kept.begin(), kept.end()};
  // A clause that runs out of time shall have seen a boundary, one byte and everything.
  for (const std::size_t first : {std::size_t{1}, largest, unit_ + 1}) {
    const auto found = std::find(ordered.begin(), ordered.end(), first);
    if (found != ordered.end()) std::rotate(ordered.begin(), found, found + 1);
  }
  return ordered;
}

void MemoryContext::each_history(const std::function<void(Filled&, std::string_view)>& look) {
  const auto with = [&](std::string_view how, const std::function<void(Filled&)>& make_it) {
    start_case();
    Filled filled{*this};
    make_it(filled);
    look(filled, how);
  };
  for (const std::size_t size : sizes(most(), 20)) {
    if (size == 0 || !time_left()) continue;
    with("after one append", [&](Filled& f) { f.append(size); });
    with("after appends of a few bytes", [&](Filled& f) { f.append(size, 1, std::max<std::size_t>(size / 7, 1)); });
    with("after drop_front()", [&](Filled& f) {
      f.append(size);
      f.drop_front(below(size) / 2 + 1);
    });
    with("after truncate()", [&](Filled& f) {
      f.append(size);
      f.truncate(below(size));
    });
    with("after drop_front(), truncate() and another append", [&](Filled& f) {
      f.append(size);
      f.drop_front(size / 3);
      f.truncate(f.size() / 2);
      f.append(size / 2 + 1);
    });
    with("refilled after clear()", [&](Filled& f) {
      f.append(size);
      f.clear();
      f.append(size);
    });
  }
  const std::size_t size = std::min(most(), unit() + unit() / 2 + 1);
  start_case();
  Filled first{*this};
  first.append(size);
  first.drop_front(size / 4);
  Filled second = first.moved();
  look(second, "after a move");
  Filled third{*this};
  third.append(1);
  third.assign_from(second);
  look(third, "after a move assignment");
  with("slid along", [&](Filled& f) {
    f.append(size);
    for (int i = 0; i < 2; ++i) {
      f.append(size / 2 + 1);
      f.drop_front(size / 2 + 1);
    }
  });
}

void MemoryContext::scribble(std::span<std::byte> window) noexcept {
  constexpr std::byte ink{0xA7};
  constexpr std::size_t whole = std::size_t{256} << 10U;
  if (window.size() <= whole) {
    std::ranges::fill(window, ink);
    return;
  }
  std::ranges::fill(window.first(whole / 4), ink);
  std::ranges::fill(window.last(whole / 4), ink);
  for (std::size_t at = 0; at < std::min<std::size_t>(window.size(), std::size_t{16} << 20U); at += 4096) window[at] = ink;
}

bool MemoryContext::sees_allocations() {
  if (!needs(hooks_.outstanding_bytes, "outstanding_bytes")) return false;
  std::array<std::byte, 1> nothing{};
  Memory policy = make();
  const std::uint64_t before = hooks_.outstanding_bytes();
  for (std::size_t done = 0; done < most();) {
    const std::span<std::byte> window = policy.prepare(most());
    if (window.empty()) break;
    std::copy_n(nothing.begin(), 1, window.begin());
    policy.commit(window.size());
    done += window.size();
  }
  if (hooks_.outstanding_bytes() > before) return true;
  not_run("outstanding_bytes() does not see what a policy allocates, or it allocates nothing");
  return false;
}

}  // namespace hybridbuffer::conformance
