#include <boost/test/unit_test.hpp>

#include "file_support.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fcntl.h>
#include <iostream>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

// Random operations on locations of one place, beside a vector of bytes each that is treated alike.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using detail::Descriptor;

std::uint64_t seed() {
  const char* given = std::getenv("HYBRIDBUFFER_SEED");
  const std::uint64_t chosen = given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "HYBRIDBUFFER_SEED=" << chosen << '\n';
  return chosen;
}

struct Location {
  explicit Location(FileBackend fresh) : backend{std::move(fresh)} {}

  FileBackend backend;
  std::optional<Bytes> expected;  // none: no object
  std::vector<bool> discarded;    // whose bytes may be anything
  bool sealed = false;
  std::optional<FileReaderAt> reader;  // of the present object
};

class Model {
 public:
  Model(std::uint64_t seed, FileOptions options) : random_{seed}, storage_{std::move(options)} {
    for (int i = 0; i < 3; ++i) locations_.emplace_back(make_backend(storage_));
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error{"no pipe"};
    pipe_out_ = Descriptor{ends[0]};
    pipe_in_ = Descriptor{ends[1]};
  }

  // One random operation; false when it answered or left something wrong.
  bool step() {
    Location& location = locations_[below(locations_.size())];
    switch (below(16)) {
      case 0:
      case 1: return create(location);
      case 2:
      case 3:
      case 4:
      case 5: return append(location);
      case 6: return shrink(location);
      case 7:
      case 8: return discard(location);
      case 9: return transfer_through_pipe(location);
      case 10: return abandon(location);
      case 11: return below(4) != 0 || publish(location);
      case 12: return below(4) != 0 || remove(location);
      case 13: return below(4) != 0 || replace_location(location);
      default: return look(location);
    }
  }
  bool look_at_all() {
    return std::ranges::all_of(locations_, [&](Location& location) { return look(location); });
  }

  [[nodiscard]] RecycledFiles recycled() const { return storage_.recycled(); }

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  Bytes bytes(std::size_t most) { return pattern(below(4) == 0 ? below(10) : below(most), random_()); }

  bool create(Location& location) {
    const Bytes content = bytes(200'000);
    if (!store(location.backend.create(), content)) return false;
    location.expected = content;
    location.discarded.assign(content.size(), false);
    location.sealed = false;
    location.reader.reset();
    return true;
  }
  bool append(Location& location) {
    const Bytes more = bytes(70'000);
    const auto appended = store(location.backend.append(), more);
    if (location.sealed) return code_of(appended) == errc::unsupported;
    if (!appended) return false;
    location.expected = joined(location.expected.value_or(Bytes{}), more);
    location.discarded.resize(location.expected->size(), false);
    return true;
  }
  bool abandon(Location& location) {
    auto writer = below(2) == 0 ? location.backend.append() : location.backend.create();
    return writer ? writer->write(bytes(100'000)).has_value() : location.sealed && writer.error() == errc::unsupported;
  }
  bool shrink(Location& location) {
    const std::uint64_t size = location.expected ? location.expected->size() : 0;
    const std::uint64_t n = below(size + 2);
    const auto shrunk = location.backend.shrink(n);
    if (location.sealed) return code_of(shrunk) == errc::unsupported;
    if (!location.expected) return code_of(shrunk) == errc::not_found;
    if (n > size) return code_of(shrunk) == errc::invalid_argument;
    if (!shrunk) return false;
    location.expected->resize(n);
    location.discarded.resize(n);
    location.reader.reset();  // of lent bytes it may go on with the object as it was
    return true;
  }
  bool discard(Location& location) {
    const std::uint64_t size = location.expected ? location.expected->size() : 0;
    const std::uint64_t offset = below(size + 10);
    const std::uint64_t n = below(100'000);
    const auto given_back = location.backend.discard(offset, n);
    if (location.sealed) return code_of(given_back) == errc::unsupported;
    if (!location.expected) return code_of(given_back) == errc::not_found;
    for (std::uint64_t i = offset; i < std::min(size, offset + n); ++i) location.discarded[i] = true;
    return given_back.has_value();
  }
  // Out of one location by a pipe, whose content must survive a change of that location, into the same or another one.
  bool transfer_through_pipe(Location& location) {
    const std::uint64_t size = location.expected ? location.expected->size() : 0;
    const std::uint64_t offset = below(size + 1);
    const auto out = location.backend.transfer_to(pipe_in_.number(), offset, below(40'000));
    if (!location.expected) return code_of(out) == errc::not_found;
    if (!out) return false;
    const Bytes sent(location.expected->begin() + static_cast<std::ptrdiff_t>(offset),
                     location.expected->begin() + static_cast<std::ptrdiff_t>(offset + *out));
    const std::vector<bool> unknown(location.discarded.begin() + static_cast<std::ptrdiff_t>(offset),
                                    location.discarded.begin() + static_cast<std::ptrdiff_t>(offset + *out));
    const bool changed = below(2) == 0 ? shrink(location) : discard(location);
    Location& target = locations_[below(locations_.size())];
    std::uint64_t in = 0;
    while (changed && !target.sealed && in < *out) {
      const auto some = target.backend.transfer_from(pipe_out_.number(), *out - in);
      if (!some || *some == 0) return false;
      in += *some;
    }
    Bytes rest(*out - in);
    for (std::size_t at = 0; at < rest.size();) {
      const ssize_t count = ::read(pipe_out_.number(), rest.data() + at, rest.size() - at);
      if (count <= 0) return false;
      at += static_cast<std::size_t>(count);
    }
    if (in == 0) return changed;
    location_append(target, sent, unknown);
    return changed;
  }
  static void location_append(Location& target, const Bytes& sent, const std::vector<bool>& unknown) {
    target.expected = joined(target.expected.value_or(Bytes{}), sent);
    target.discarded.insert(target.discarded.end(), unknown.begin(), unknown.end());
  }
  bool publish(Location& location) {
    const std::string name = storage_.options().directory + "/published";
    const auto published = location.backend.publish(name, PublishMode::replace);
    if (!location.expected) return code_of(published) == errc::not_found;
    location.sealed = true;
    return published && is_right(location, file_content(name));
  }
  bool remove(Location& location) {
    location.expected.reset();
    location.discarded.clear();
    location.sealed = false;
    location.reader.reset();
    return location.backend.remove().has_value();
  }
  bool replace_location(Location& location) {
    location = Location{make_backend(storage_)};
    return true;
  }
  bool look(Location& location) {
    const auto content = content_of(location.backend);
    if (!location.expected) return code_of(content) == errc::not_found;
    if (!content || !is_right(location, *content)) return false;
    if (!location.reader) location.reader = *location.backend.open_reader_at();
    const std::uint64_t offset = below(location.expected->size() + 10);
    Bytes block(below(50'000));
    const auto count = location.reader->read_at(offset, block);
    const auto window = location.backend.map(offset, block.size());
    const std::size_t rest = location.expected->size() - std::min<std::size_t>(offset, location.expected->size());
    if (!count || !window || *count != std::min(block.size(), rest)) return false;
    return std::ranges::equal(window->bytes(), std::span{block}.first(*count));
  }
  static bool is_right(const Location& location, const Bytes& content) {
    if (content.size() != location.expected->size()) return false;
    for (std::size_t i = 0; i < content.size(); ++i) {
      if (!location.discarded[i] && content[i] != (*location.expected)[i]) return false;
    }
    return true;
  }

  std::mt19937_64 random_;
  FileStorage storage_;
  std::vector<Location> locations_;
  Descriptor pipe_out_;
  Descriptor pipe_in_;
};

}  // namespace

BOOST_AUTO_TEST_CASE(random_operations_on_locations_of_one_place_give_what_a_vector_gives) {
  const std::uint64_t chosen = seed();
  const int rounds = std::getenv("HYBRIDBUFFER_FULL") != nullptr ? 100'000 : 3'000;
  for (const std::size_t recycled : {0U, 2U}) {
    const TemporaryDirectory directory;
    Model model{chosen + recycled, {.directory = directory.path(), .recycled_files = recycled}};
    for (int round = 0; round < rounds; ++round) {
      BOOST_TEST_REQUIRE(model.step(), "round " << round << ", " << recycled << " recycled files");
    }
    BOOST_TEST(model.look_at_all());
    BOOST_TEST((model.recycled().reused > 0U) == (recycled > 0U));
  }
}
