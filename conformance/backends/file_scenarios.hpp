#pragma once

#include "../support/system_faults.hpp"
#include "file_support.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <utility>
#include <vector>

/// \file
/// Every operation of a FileBackend as a scenario: what it starts from, the operation, and how to see that it was done or that nothing
/// changed.

namespace hybridbuffer::testing::file_scenarios {

using detail::Descriptor;

inline constexpr std::size_t size = 300'000;
inline constexpr std::size_t more = 50'000;

// What an operation works on.
struct World {
  TemporaryDirectory directory;
  TemporaryDirectory place;
  FileStorage storage{{.directory = directory.path()}};
  FileBackend backend = make_backend(storage);
  std::string target = place / "target";
  Descriptor source;
  Descriptor sink;
  std::uint64_t moved = 0;

  void fill() {
    if (!store(backend.create(), pattern(size))) throw std::runtime_error{"cannot prepare"};
  }
  void open_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) throw std::runtime_error{"no pipe"};
    source = Descriptor{ends[0]};
    sink = Descriptor{ends[1]};
    ::fcntl(ends[1], F_SETPIPE_SZ, 1 << 17);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    auto all = directory.names();
    for (const auto& name : place.names()) {
      if (name != "target" && name != "first") all.push_back(name);
    }
    return all;
  }
  [[nodiscard]] bool has_object(const Bytes& bytes) const { return shows(backend, bytes); }
  [[nodiscard]] bool has_none() const { return code_of(backend.open()) == errc::not_found; }
};

struct Scenario {
  const char* name;
  std::function<void(World&)> prepare;
  std::function<Result<void>(World&)> act;
  std::function<bool(World&)> unchanged;
  std::function<bool(World&)> done;
};

inline Result<void> counted(World& world, Result<std::uint64_t> moved) {
  if (!moved) return std::unexpected{moved.error()};
  world.moved = *moved;
  return {};
}

inline Bytes readable(const Descriptor& pipe) {
  Bytes bytes(1 << 17U);
  const ssize_t count = ::read(pipe.number(), bytes.data(), bytes.size());
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}

inline void fill(World& world) { world.fill(); }
inline void fill_and_aim(World& world) {
  world.fill();
  write_file(world.target, pattern(7, 9));
}
inline bool is_filled(World& world) { return world.has_object(pattern(size)); }
inline bool is_extended(World& world) { return world.has_object(pattern(size + more)); }
inline bool target_is_old(World& world) {
  return file_content(world.target) == pattern(7, 9) && world.has_object(pattern(size)) && world.backend.append().has_value();
}
inline bool target_is_missing(World& world) { return !std::filesystem::exists(world.target) && world.has_object(pattern(size)); }
inline bool is_published(World& world) {
  return file_content(world.target) == pattern(size) && world.has_object(pattern(size)) &&
         code_of(world.backend.append()) == errc::unsupported;
}

inline Result<void> publish(World& world, PublishMode mode) { return world.backend.publish(world.target, mode); }
inline Result<void> append_pieces(World& world) {
  auto writer = world.backend.append();
  if (!writer) return std::unexpected{writer.error()};
  const Bytes bytes = pattern(more, 1, size);
  const std::span<const std::byte> all{bytes};
  const std::array<std::span<const std::byte>, 4> pieces{all.first(1), all.subspan(1, 40'000), {}, all.subspan(40'001)};
  if (auto written = writer->write(std::span<const std::span<const std::byte>>{pieces}); !written) return written;
  return writer->close();
}
// The storage knows already that there is no O_TMPFILE.
inline void without_tmpfile(World& world) {
  const SystemFaults lacking{SystemCall::open_at, EOPNOTSUPP};
  if (!world.backend.create() || lacking.fired() != 1) throw std::runtime_error{"cannot prepare"};
}

inline std::vector<Scenario> scenarios() {
  return {
      {"first object of a storage", [](World&) {},
       [](World& world) -> Result<void> {
         auto fresh = FileStorage{{.directory = world.directory.path()}}.create_backend();
         if (!fresh) return std::unexpected{fresh.error()};
         auto stored = store(fresh->create(), pattern(size));
         if (stored) world.backend = *std::move(fresh);
         return stored;
       },
       [](World& world) { return world.has_none(); }, is_filled},
      {"create", [](World&) {}, [](World& world) { return store(world.backend.create(), pattern(size)); },
       [](World& world) { return world.has_none(); }, is_filled},
      {"create without O_TMPFILE", without_tmpfile, [](World& world) { return store(world.backend.create(), pattern(size)); },
       [](World& world) { return world.has_none(); }, is_filled},
      {"replace", fill, [](World& world) { return store(world.backend.create(), pattern(more, 2)); }, is_filled,
       [](World& world) { return world.has_object(pattern(more, 2)); }},
      {"append", fill, append_pieces, is_filled, is_extended},
      {"append to a large object",
       [](World& world) {
         if (!store(world.backend.create(), pattern(mebi + 1))) throw std::runtime_error{"cannot prepare"};
       },
       [](World& world) { return store(world.backend.append(), pattern(more, 1, mebi + 1)); },
       [](World& world) { return world.has_object(pattern(mebi + 1)); },
       [](World& world) { return world.has_object(pattern(mebi + 1 + more)); }},
      {"remove", fill, [](World& world) { return world.backend.remove(); }, is_filled, [](World& world) { return world.has_none(); }},
      {"shrink", fill, [](World& world) { return world.backend.shrink(more); }, is_filled,
       [](World& world) { return world.has_object(pattern(more)); }},
      {"shrink of lent bytes",
       [](World& world) {
         world.fill();
         world.open_pipe();
         if (!world.backend.transfer_to(world.sink.number(), 0, size)) throw std::runtime_error{"cannot prepare"};
       },
       [](World& world) { return world.backend.shrink(more); }, is_filled, [](World& world) { return world.has_object(pattern(more)); }},
      {"discard", fill, [](World& world) { return world.backend.discard(0, 8'192); }, is_filled,
       [](World& world) {
         auto rest = world.backend.open_seeker();
         return rest->seek(8'192, Whence::begin) && drain(*rest) == pattern(size - 8'192, 1, 8'192);
       }},
      {"read", fill,
       [](World& world) -> Result<void> {
         auto all = content_of(world.backend);
         if (!all) return std::unexpected{all.error()};
         return *all == pattern(size) ? Result<void>{} : failure(errc::io, "compare");
       },
       is_filled, is_filled},
      {"map", fill,
       [](World& world) -> Result<void> {
         auto window = world.backend.map(5, size);
         if (!window) return std::unexpected{window.error()};
         return std::ranges::equal(window->bytes(), pattern(size - 5, 1, 5)) ? Result<void>{} : failure(errc::io, "compare");
       },
       is_filled, is_filled},
      {"publish to a new name", fill, [](World& world) { return publish(world, PublishMode::keep); }, target_is_missing, is_published},
      {"publish and synchronise",
       [](World& world) {
         world.backend = make_backend(FileStorage{{.directory = world.directory.path(), .sync_on_publish = true}});
         world.fill();
       },
       [](World& world) { return publish(world, PublishMode::keep); }, target_is_missing, is_published},
      {"publish to an old name", fill_and_aim, [](World& world) { return publish(world, PublishMode::replace); }, target_is_old,
       is_published},
      {"second publish",
       [](World& world) {
         world.fill();
         if (!world.backend.publish(world.place / "first", PublishMode::keep)) throw std::runtime_error{"cannot prepare"};
       },
       [](World& world) { return publish(world, PublishMode::keep); }, target_is_missing, is_published},
      {"publish without O_TMPFILE",
       [](World& world) {
         without_tmpfile(world);
         fill_and_aim(world);
       },
       [](World& world) { return publish(world, PublishMode::replace); }, target_is_old, is_published},
      {"transfer to a file",
       [](World& world) {
         world.fill();
         world.sink = Descriptor{::open(world.target.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)};
       },
       [](World& world) { return counted(world, world.backend.transfer_to(world.sink.number(), 10, more)); },
       [](World& world) { return file_content(world.target).empty() && world.has_object(pattern(size)); },
       [](World& world) {
         return world.moved > 0 && file_content(world.target) == pattern(world.moved, 1, 10) && world.has_object(pattern(size)) &&
                ::lseek(world.sink.number(), 0, SEEK_CUR) == static_cast<off_t>(world.moved);
       }},
      {"transfer to a pipe",
       [](World& world) {
         world.fill();
         world.open_pipe();
       },
       [](World& world) { return counted(world, world.backend.transfer_to(world.sink.number(), 10, more)); },
       [](World& world) { return readable(world.source).empty() && world.has_object(pattern(size)); },
       [](World& world) { return world.moved > 0 && readable(world.source) == pattern(world.moved, 1, 10); }},
      {"transfer from a file",
       [](World& world) {
         world.fill();
         write_file(world.target, pattern(more, 1, size));
         world.source = Descriptor{::open(world.target.c_str(), O_RDONLY | O_CLOEXEC)};
       },
       [](World& world) { return counted(world, world.backend.transfer_from(world.source.number(), more)); },
       [](World& world) { return is_filled(world) && ::lseek(world.source.number(), 0, SEEK_CUR) == 0; },
       [](World& world) {
         return world.moved > 0 && world.has_object(pattern(size + world.moved)) &&
                ::lseek(world.source.number(), 0, SEEK_CUR) == static_cast<off_t>(world.moved);
       }},
      {"transfer from a pipe",
       [](World& world) {
         world.fill();
         world.open_pipe();
         const Bytes sent = pattern(more, 1, size);
         if (::write(world.sink.number(), sent.data(), more) != static_cast<ssize_t>(more)) throw std::runtime_error{"cannot prepare"};
       },
       [](World& world) { return counted(world, world.backend.transfer_from(world.source.number(), more)); }, is_filled,
       [](World& world) {
         return world.has_object(pattern(size + world.moved)) &&
                readable(world.source) == pattern(more - world.moved, 1, size + world.moved);
       }},
  };
}

}  // namespace hybridbuffer::testing::file_scenarios
