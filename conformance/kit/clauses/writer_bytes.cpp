#include "writer_clauses.hpp"

#include <hybridbuffer/conformance/context.hpp>

#include "changes.hpp"
#include "read_only_bytes.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

/// \file
/// WRITER-1 to WRITER-5: the bytes that a writer takes.

namespace hybridbuffer::conformance::clauses {
namespace {

std::uint64_t sum(const Sizes& pieces) {
  std::uint64_t total = 0;
  for (const std::uint64_t piece : pieces) total += piece;
  return total;
}

void commit(Context& c, Writer& writer, const Change& change, const std::string& what) {
  c.require(writer.close(), "close() of " + std::to_string(change.size()) + " bytes");
  c.expect_object(change.location, change.after, what + " (" + std::string{name_of(change.way)} + ")");
}

// WRITER-1 -----------------------------------------------------------------------------------------------------------------------

void write_at_once(Context& c, Way way, std::uint64_t size, std::uint64_t before) {
  c.start_case();
  Change change = new_change(c, way, size, before);
  Writer writer = started(c, change);
  c.require(writer.write(change.bytes(0, change.size())), "write() of " + std::to_string(change.size()) + " bytes");
  commit(c, writer, change, "an object of one write() of " + std::to_string(change.size()) + " bytes");
}

}  // namespace

void writer_1(Context& c) {
  const std::uint64_t chunk = scales(c).front();
  const Sizes befores{chunk + 1, 0, 1, chunk, 2 * chunk - 1};
  const std::vector<Way> all_ways = ways(c);
  Quota few{c, 12, 60};
  std::size_t turn = 0;
  for (const std::uint64_t size : few_sizes({chunk}, c.most())) {
    for (const Way way : all_ways) {
      if (few.another()) write_at_once(c, way, size, befores[turn++ % befores.size()]);
    }
  }
  Quota ladder{c, 0, 60};
  for (const std::uint64_t size : size_ladder(c.chunks(), 3, c.most())) {
    if (!ladder.another()) break;
    write_at_once(c, all_ways[turn % all_ways.size()], size, befores[turn % befores.size()]);
    ++turn;
  }
  if (c.chunk() <= 64 || !c.needs(c.hooks().set_chunk_size, "set_chunk_size") || !c.lower_chunk_size(16)) return;
  Quota many{c, 40};
  for (const std::uint64_t size : shuffled(normalised(around(multiples_of({16}, 300)), c.most()), c.random())) {
    if (!many.another()) return;
    write_at_once(c, all_ways[turn % all_ways.size()], size, befores[turn % befores.size()] % 64);
    ++turn;
  }
}

// WRITER-2 -----------------------------------------------------------------------------------------------------------------------

namespace {

// A write between two others: where one that takes less than it says leaves a gap or a shift.
void write_between(Context& c, Way way, std::uint64_t prefix, std::uint64_t size) {
  c.start_case();
  Change change = new_change(c, way, prefix + size + 1);
  if (change.size() != prefix + size + 1) return;
  Writer writer = started(c, change);
  write_pieces(c, writer, change, {prefix, size, 1});
  commit(c, writer, change, "an object of three writes, of " + std::to_string(prefix) + ", " + std::to_string(size) + " and 1 bytes");
}

// More than the largest object should have: refused, or taken completely; never cut.
void write_too_much(Context& c, Way way, bool in_one_call) {
  c.start_case();
  Change change = new_change(c, way, 0, 1);
  const std::uint64_t excess = c.declared_most() + 1 - change.from;
  change.after.append(c.stamp(change.location, c.declared_most() + 1), excess);
  Writer writer = started(c, change);
  Result<void> written{};
  std::uint64_t done = 0;
  for (const std::uint64_t piece : even_pieces(excess, in_one_call ? excess : excess / 3 + 1)) {
    if (written) written = writer.write(change.bytes(done, piece));
    done += piece;
  }
  const Result<void> closed = writer.close();
  if (!written) c.expect_any_error(closed, "close() after a write() beyond the largest object failed");
  static_cast<void>(expect_verdict(c, change, closed, "an object larger than max_object_size"));
}

// One list that holds many pieces, empty ones among them: more than one call of the system takes.
void gather_many(Context& c, Way way, std::size_t count, std::uint64_t most_of_a_piece) {
  c.start_case();
  Sizes pieces(count);
  for (std::uint64_t& piece : pieces) piece = c.random()() % (most_of_a_piece + 1);
  pieces.push_back(1);
  Change change = new_change(c, way, sum(pieces) + 2);
  if (change.size() != sum(pieces) + 2) return;
  Writer writer = started(c, change);
  write_part(c, writer, change, 0, 1);
  write_gathered(c, writer, change, pieces, 1);
  write_part(c, writer, change, 1 + sum(pieces), 1);
  commit(c, writer, change, "an object of a list of " + std::to_string(pieces.size()) + " pieces between two bytes");
}

}  // namespace

void writer_2(Context& c) {
  const std::vector<Way> all_ways = ways(c);
  Quota between{c, 16, 40};
  std::size_t turn = 0;
  for (const std::uint64_t chunk : scales(c)) {
    const Sizes sizes{3 * chunk, chunk + 1, chunk, 2 * chunk + 1, 1};
    for (const std::uint64_t prefix : Sizes{1, chunk - 1, 0, chunk, chunk / 2}) {
      for (const std::uint64_t size : sizes) {
        if (between.another()) write_between(c, all_ways[turn++ % all_ways.size()], prefix, size);
      }
    }
  }
  if (c.has(Capability::gather)) {
    const std::uint64_t chunk = scales(c).front();
    Quota lists{c, 8, 40};
    for (const Way way : all_ways) {
      for (const auto& [count, most] : {std::pair<std::size_t, std::uint64_t>{7, chunk},
                                        {1025, 3},
                                        {10'000, 1},
                                        {0, 0},
                                        {1, chunk},
                                        {3000, 17},
                                        {1024, 1},
                                        {1023, 3}}) {
        if (lists.another()) gather_many(c, way, count, std::min(most, c.most() / (count + 2) / 2));
      }
    }
  }
  // Millions of tiny chunks are for others to try.
  if (c.declared_most() <= c.most() && c.declared_most() / c.chunk() <= 16384) {
    Quota too_much{c, 2, 40};
    for (const Way way : all_ways) {
      for (const bool in_one_call : {true, false}) {
        if (too_much.another()) write_too_much(c, way, in_one_call);
      }
    }
  }
  // Large single calls, the largest last.
  Quota large{c, 0};
  const std::uint64_t most = c.tier() == Tier::quick ? std::uint64_t{8} << 20U : std::uint64_t{64} << 20U;
  for (std::uint64_t size = 1; size <= std::min(most, c.most()); size *= 4) {
    for (const std::uint64_t near : around(size)) {
      if (!large.another()) return;
      write_at_once(c, all_ways[turn % all_ways.size()], near, 1);
      ++turn;
    }
  }
}

// WRITER-3 -----------------------------------------------------------------------------------------------------------------------

namespace {

// `total` with single bytes at each multiple of `chunk`.
Sizes single_bytes_at_boundaries(std::uint64_t total, std::uint64_t chunk) {
  Sizes pieces;
  std::uint64_t done = 0;
  while (done < total) {
    const std::uint64_t to_boundary = chunk - done % chunk;
    const bool near = to_boundary <= 3 || done % chunk < 3;
    const std::uint64_t piece = std::min(near ? 1 : to_boundary - 3, total - done);
    pieces.push_back(piece);
    done += piece;
  }
  return pieces;
}

std::vector<Sizes> cuts(Context& c, std::uint64_t total, std::uint64_t chunk, std::uint64_t most_pieces) {
  std::vector<Sizes> all{even_pieces(total, chunk + 1),     even_pieces(total, std::max<std::uint64_t>(chunk - 1, 1)),
                         even_pieces(total, chunk),         single_bytes_at_boundaries(total, chunk),
                         even_pieces(total, 2 * chunk + 1), even_pieces(total, std::max<std::uint64_t>(total, 1)),
                         even_pieces(total, chunk / 2 + 1)};
  for (const std::uint64_t most : Sizes{chunk + 1, 2 * chunk + 1, chunk / 3 + 1, chunk / 8 + 1}) {
    all.push_back(random_pieces(c.random(), total, most, true));
  }
  // Slices as they come from a network: small ones that never fit a chunk.
  for (const std::uint64_t piece : Sizes{1, 7, chunk / 5 + 1}) all.push_back(even_pieces(total, piece));
  std::erase_if(all, [&](const Sizes& pieces) { return pieces.size() > most_pieces; });
  return all;
}

// The pieces in lists of a few, single writes among them.
void gather_in_groups(Context& c, Writer& writer, const Change& change, const Sizes& pieces) {
  std::uint64_t offset = 0;
  for (std::size_t i = 0; i < pieces.size();) {
    const std::size_t count = std::min<std::size_t>(pieces.size() - i, c.random()() % 5);
    const Sizes group(pieces.begin() + static_cast<std::ptrdiff_t>(i),
                      pieces.begin() + static_cast<std::ptrdiff_t>(i + std::max<std::size_t>(count, 1)));
    if (count == 0) write_pieces(c, writer, change, group, offset);
    else write_gathered(c, writer, change, group, offset);
    offset += sum(group);
    i += group.size();
  }
}

}  // namespace

namespace {

// More calls than a counter of 16 bits holds, where the store is fast enough for them.
void many_writes(Context& c, Way way) {
  constexpr std::uint64_t count = 70'000;
  if (c.rounds(4096) < 2048 || c.chunk() < 64 || c.most() < 2 * count) return;
  c.start_case();
  Change change = new_change(c, way, count);
  const std::vector<std::byte> bytes = change.bytes(0, count);
  Writer writer = started(c, change);
  for (std::uint64_t i = 0; i < count; ++i) c.require(writer.write(std::span{bytes}.subspan(i, 1)), "write() of one of many bytes");
  commit(c, writer, change, "an object of " + std::to_string(count) + " writes of a byte");
}

// A few large writes before and between small ones: where a writer changes its way, nothing is left behind.
void large_and_small_writes(Context& c, Way way, std::uint64_t chunk) {
  c.start_case();
  Sizes pieces{1, 3 * chunk, 1};
  for (std::uint64_t i = 0; i < 20; ++i) pieces.insert(pieces.end(), {2 * chunk, 7 + i % 3});
  pieces.insert(pieces.end(), 20, 2 * chunk + 1);
  pieces.insert(pieces.end(), {1, chunk - 1, 1, 3});
  Change change = new_change(c, way, sum(pieces));
  if (change.size() != sum(pieces)) return;
  Writer writer = started(c, change);
  write_pieces(c, writer, change, pieces);
  commit(c, writer, change, "an object of large writes with small ones between them");
}

}  // namespace

void writer_3(Context& c) {
  many_writes(c, Way::create);
  for (const Way way : ways(c)) large_and_small_writes(c, way, std::min<std::uint64_t>(scales(c).front(), 65'536));
  const std::uint64_t most_pieces = 8 * c.rounds(4096, 4);
  Quota quota{c, 12};
  std::size_t turn = 0;
  const std::vector<Way> all_ways = ways(c);
  for (const std::uint64_t chunk : scales(c)) {
    for (const std::uint64_t total : Sizes{3 * chunk + 1, 2 * chunk, chunk}) {
      for (const Sizes& pieces : cuts(c, total, chunk, most_pieces)) {
        for (std::size_t i = 0; i < (c.tier() == Tier::quick ? 2 : all_ways.size()); ++i) {
          if (!quota.another()) return;
          c.start_case();
          Change change = new_change(c, all_ways[turn++ % all_ways.size()], total);
          if (change.size() != total) continue;
          Writer writer = started(c, change);
          const bool gathered = c.has(Capability::gather) && turn % 2 == 0;
          if (gathered) gather_in_groups(c, writer, change, pieces);
          else write_pieces(c, writer, change, pieces);
          commit(c, writer, change,
                 std::to_string(total) + " bytes written in " + std::to_string(pieces.size()) + " pieces, the first of " +
                     std::to_string(pieces.front()));
        }
      }
    }
  }
}

// WRITER-4 -----------------------------------------------------------------------------------------------------------------------

namespace {

// Each form that no bytes can have.
void write_nothing(Context& c, Writer& writer, std::uint64_t at) {
  const std::string where = " at " + std::to_string(at);
  static constexpr std::array<std::byte, 4> bytes{};
  c.require(writer.write(std::span<const std::byte>{}), "write() of {nullptr, 0}" + where);
  c.require(writer.write(std::span{bytes}.first(0)), "write() of an empty span" + where);
  c.require(writer.write(std::span{bytes}.last(0)), "write() of an empty span past the end of an array" + where);
  if (!c.has(Capability::gather)) return;
  const std::array<std::span<const std::byte>, 3> empty{std::span<const std::byte>{}, std::span{bytes}.first(0), std::span{bytes}.last(0)};
  c.require(writer.write_pieces({}), "write() of a list without a piece" + where);
  c.require(writer.write_pieces(empty), "write() of a list of empty pieces" + where);
}

}  // namespace

void writer_4(Context& c) {
  Quota quota{c, 12};
  for (const std::uint64_t chunk : scales(c)) {
    const std::vector<Sizes> plans{{1, chunk - 2, 1, 1, chunk - 1, chunk}, {}, {chunk, chunk}, {3 * chunk + 1}, {1},
                                   {chunk / 2 + 1, chunk / 2 + 1}};
    for (const Sizes& plan : plans) {
      const Sizes pieces = [&] {
        Sizes some = plan;
        std::erase_if(some, [&](std::uint64_t piece) { return piece == 0 || piece > 4 * chunk; });
        return some;
      }();
      for (const Way way : ways(c)) {
        if (!quota.another()) return;
        c.start_case();
        Change change = new_change(c, way, sum(pieces));
        if (change.size() != sum(pieces)) continue;
        Writer writer = started(c, change);
        write_nothing(c, writer, 0);
        std::uint64_t done = 0;
        for (const std::uint64_t piece : pieces) {
          write_part(c, writer, change, done, piece);
          done += piece;
          write_nothing(c, writer, done);
          expect_shown(c, change.location, change.before, "after write() of no bytes, before close()");
        }
        write_nothing(c, writer, done);
        commit(c, writer, change, "an object with empty writes between " + std::to_string(pieces.size()) + " others");
      }
    }
  }
}

// WRITER-5 -----------------------------------------------------------------------------------------------------------------------

namespace {

// On memory that may be written, so that an alteration is told and does not crash.
void write_and_compare(Context& c, Writer& writer, const Change& change, std::uint64_t offset, std::uint64_t n) {
  std::vector<std::byte> bytes = change.bytes(offset, n);
  c.require(writer.write(bytes), "write() of " + std::to_string(n) + " bytes");
  c.check(bytes == change.bytes(offset, n), "write() of " + std::to_string(n) + " bytes altered the caller's bytes");
  std::fill(bytes.begin(), bytes.end(), std::byte{0xA5});
}

// Each piece on pages of its own, which are overwritten or taken away as soon as the call has returned.
void write_from_pages(Context& c, Writer& writer, const Change& change, const Sizes& pieces, bool at_end, bool unmap) {
  std::uint64_t offset = 0;
  std::vector<std::unique_ptr<ReadOnlyBytes>> kept;
  for (const std::uint64_t piece : pieces) {
    auto pages = std::make_unique<ReadOnlyBytes>(change.bytes(offset, piece), at_end);
    c.require(writer.write(pages->bytes()), "write() of " + std::to_string(piece) + " bytes from a read-only page");
    if (unmap) pages->unmap();
    else pages->scribble();
    kept.push_back(std::move(pages));
    offset += piece;
  }
}

void gather_from_pages(Context& c, Writer& writer, const Change& change, const Sizes& pieces, bool at_end, bool unmap) {
  std::uint64_t offset = 0;
  std::vector<std::unique_ptr<ReadOnlyBytes>> pages;
  std::vector<std::span<const std::byte>> list;
  for (const std::uint64_t piece : pieces) {
    pages.push_back(std::make_unique<ReadOnlyBytes>(change.bytes(offset, piece), at_end));
    list.push_back(pages.back()->bytes());
    offset += piece;
  }
  // The list itself is the caller's as well.
  auto read_only_list = std::make_unique<ReadOnlyBytes>(std::as_bytes(std::span{list}), true);
  const std::span<const std::span<const std::byte>> spans{
      reinterpret_cast<const std::span<const std::byte>*>(read_only_list->bytes().data()), list.size()};
  c.require(writer.write_pieces(spans), "write() of a list of " + std::to_string(list.size()) + " pieces, all on read-only pages");
  read_only_list->unmap();
  for (auto& page : pages) {
    if (unmap) page->unmap();
    else page->scribble();
  }
}

}  // namespace

void writer_5(Context& c) {
  Quota quota{c, 12};
  const std::vector<Way> all_ways = ways(c);
  std::size_t turn = 0;
  for (const std::uint64_t chunk : scales(c)) {
    for (const Sizes& pieces :
         {Sizes{3 * chunk + 1}, Sizes{1, 17, chunk - 1}, Sizes{chunk}, Sizes{chunk + 1, 1}, Sizes{5, 5, 5, 5}, Sizes{1}}) {
      for (const bool unmap : {false, true}) {
        for (const bool at_end : {true, false}) {
          if (!quota.another()) return;
          c.start_case();
          Change change = new_change(c, all_ways[turn++ % all_ways.size()], sum(pieces));
          if (change.size() != sum(pieces)) continue;
          {
            Writer writer = started(c, change);
            std::uint64_t offset = 0;
            for (const std::uint64_t piece : pieces) {
              write_and_compare(c, writer, change, offset, piece);
              offset += piece;
            }
          }
          const std::string what =
              std::string{"an object whose source was "} + (unmap ? "unmapped" : "overwritten") + " after each write()";
          if (c.has(Capability::gather) && turn % 2 == 0) {
            Writer gathering = started(c, change);
            gather_from_pages(c, gathering, change, pieces, at_end, unmap);
            commit(c, gathering, change, what);
          } else {
            Writer writer = started(c, change);
            write_from_pages(c, writer, change, pieces, at_end, unmap);
            commit(c, writer, change, what);
          }
        }
      }
    }
  }
}

}  // namespace hybridbuffer::conformance::clauses
