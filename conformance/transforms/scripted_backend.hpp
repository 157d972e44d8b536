#pragma once

#include <hybridbuffer/detail/seek_target.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/seeking_reader.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <random>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

/// \file
/// A storage in memory that does what a test tells it: fails at the k-th call, is full, and lets its bytes be altered.

namespace hybridbuffer::testing {

using Bytes = std::vector<std::byte>;

/// `n` bytes that look like nothing else; other ones for another seed.
[[nodiscard]] inline Bytes some_bytes(std::size_t n, unsigned seed = 1) {
  std::mt19937 generator{seed};
  Bytes bytes(n);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(generator());
  return bytes;
}

/// What a test tells a ScriptedStorage, and what it sees. One thread only.
struct Script {
  std::uint64_t fail_at = 0;  ///< the call that fails, from 1; 0: none
  std::uint64_t times = 1;    ///< how many, one after the other
  bool for_ever = false;      ///< and all behind it
  errc category = errc::unavailable;
  bool after_effect = false;                                           ///< it has its effect, and fails all the same
  std::uint64_t capacity = std::numeric_limits<std::uint64_t>::max();  ///< bytes of all objects and writers

  std::uint64_t calls = 0;
  std::uint64_t fired = 0;
  std::uint64_t stored = 0;             ///< bytes of all objects and writers
  std::vector<Bytes*> objects{};        ///< that are committed, the newest last
  std::vector<std::string_view> log{};  ///< the calls since clear()

  void clear() {
    fail_at = 0;
    times = 1;
    for_ever = false;
    after_effect = false;
    calls = 0;
    fired = 0;
    log.clear();
  }
  void fail(std::uint64_t k, errc how, bool always = false, bool late = false) {
    clear();
    fail_at = k;
    category = how;
    for_ever = always;
    after_effect = late;
  }
  [[nodiscard]] std::size_t count(std::string_view call) const {
    return static_cast<std::size_t>(std::count(log.begin(), log.end(), call));
  }

  /// Runs `effect`, which returns a Result, as the next call.
  template <class Effect>
  auto run(std::string_view call, Effect&& effect) -> decltype(effect()) {
    log.push_back(call);
    ++calls;
    const bool fails = fail_at != 0 && calls >= fail_at && (for_ever || calls - fail_at < times);
    if (!fails) return effect();
    ++fired;
    if (after_effect) {
      auto done = effect();
      if (!done) return done;
    }
    return failure(category, "do as a test says");
  }
};
using ScriptRef = std::shared_ptr<Script>;

/// What a ScriptedBackend can do.
struct ScriptedTraits {
  bool reader_at = true;  ///< and seeker, with sizes
  bool append = true;
  bool shrink = true;
  bool discard = true;
};

template <ScriptedTraits traits>
class ScriptedBackend {
  // An object and its place among the script's.
  struct Stored {
    Stored(ScriptRef owner, Bytes content) : script{std::move(owner)}, bytes{std::move(content)} { script->objects.push_back(&bytes); }
    Stored(const Stored&) = delete;
    Stored& operator=(const Stored&) = delete;
    ~Stored() {
      std::erase(script->objects, &bytes);
      script->stored -= std::min<std::uint64_t>(script->stored, bytes.size());
    }
    ScriptRef script;
    Bytes bytes;
  };
  using Object = std::shared_ptr<Stored>;

 public:
  class Writer {
   public:
    Writer(WriterState<Object> state, ScriptRef script, bool extends)
        : state_{std::move(state)}, script_{std::move(script)}, extends_{extends} {}
    Writer(Writer&&) noexcept = default;
    Writer& operator=(Writer&& other) noexcept {
      if (this != &other) {
        drop();
        state_ = std::move(other.state_), script_ = std::move(other.script_), extends_ = other.extends_, held_ = std::move(other.held_);
      }
      return *this;
    }
    ~Writer() { drop(); }

    [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
      return state_.write([&] {
        return script_->run("write", [&]() -> Result<void> {
          if (script_->stored + bytes.size() > script_->capacity) return failure(errc::no_space, "write");
          held_.insert(held_.end(), bytes.begin(), bytes.end());
          script_->stored += bytes.size();
          return {};
        });
      });
    }
    [[nodiscard]] Result<void> close() {
      return state_.close([&](Object& object) {
        return script_->run("close", [&]() -> Result<void> {
          if (extends_ && object != nullptr) object->bytes.insert(object->bytes.end(), held_.begin(), held_.end());
          else object = std::make_shared<Stored>(script_, held_);
          held_.clear();
          return {};
        });
      });
    }

   private:
    void drop() noexcept {
      if (script_ != nullptr) script_->stored -= held_.size();
      held_.clear();
    }
    WriterState<Object> state_;
    ScriptRef script_;
    bool extends_;
    Bytes held_;
  };

  class ReaderAt {
   public:
    ReaderAt(Object object, ScriptRef script) : object_{std::move(object)}, script_{std::move(script)} {}
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
      return script_->run("read", [&]() -> Result<std::size_t> {
        const Bytes& all = object_->bytes;
        if (offset >= all.size()) return std::size_t{0};
        const std::size_t count = std::min<std::size_t>(bytes.size(), all.size() - static_cast<std::size_t>(offset));
        std::copy_n(all.begin() + static_cast<std::ptrdiff_t>(offset), count, bytes.begin());
        return count;
      });
    }
    [[nodiscard]] Result<std::uint64_t> size() const { return object_->bytes.size(); }

   private:
    Object object_;
    ScriptRef script_;
  };
  using Seeker = SeekingReader<ReaderAt>;

  // What has no size and cannot go back.
  class Reader {
   public:
    explicit Reader(ReaderAt source) : source_{std::move(source)} {}
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) { return source_.read(bytes); }

   private:
    Seeker source_;
  };

  explicit ScriptedBackend(ScriptRef script) : script_{std::move(script)} {}

  [[nodiscard]] static constexpr Capabilities capabilities() noexcept {
    Capabilities set;
    if (traits.reader_at) set = set.with({Capability::reader_at, Capability::seeker});
    if (traits.append) set = set.with(Capability::append);
    if (traits.shrink) set = set.with(Capability::shrink);
    if (traits.discard) set = set.with(Capability::discard);
    return set;
  }

  [[nodiscard]] Result<Writer> create() { return start("create", false); }
  [[nodiscard]] Result<Writer> append()
    requires(traits.append)
  {
    return start("append", true);
  }
  [[nodiscard]] Result<Reader> open() const {
    auto source = source_of("open");
    if (!source) return std::unexpected{source.error()};
    return Reader{*std::move(source)};
  }
  [[nodiscard]] Result<ReaderAt> open_reader_at() const
    requires(traits.reader_at)
  {
    return source_of("open_reader_at");
  }
  [[nodiscard]] Result<Seeker> open_seeker() const
    requires(traits.reader_at)
  {
    auto source = source_of("open_seeker");
    if (!source) return std::unexpected{source.error()};
    return Seeker{*std::move(source)};
  }
  [[nodiscard]] Result<void> remove() {
    return state_.remove("remove", [&](Object& object) { return script_->run("remove", [&] { return object.reset(), Result<void>{}; }); });
  }
  [[nodiscard]] Result<void> shrink(std::uint64_t n)
    requires(traits.shrink)
  {
    return state_.change("shrink", [&](Object& object) {
      return script_->run("shrink", [&]() -> Result<void> {
        if (object == nullptr) return failure(errc::not_found, "shrink");
        if (n > object->bytes.size()) return failure(errc::invalid_argument, "shrink");
        script_->stored -= object->bytes.size() - n;
        object->bytes.resize(static_cast<std::size_t>(n));
        return {};
      });
    });
  }
  /// Overwrites what it discards.
  [[nodiscard]] Result<void> discard(std::uint64_t offset, std::uint64_t n)
    requires(traits.discard)
  {
    return state_.change("discard", [&](Object& object) {
      return script_->run("discard", [&]() -> Result<void> {
        if (object == nullptr) return failure(errc::not_found, "discard");
        const auto size = object->bytes.size();
        for (std::uint64_t i = offset; i < size && i - offset < n; ++i) object->bytes[static_cast<std::size_t>(i)] = std::byte{0xDD};
        return {};
      });
    });
  }

 private:
  [[nodiscard]] Result<Writer> start(std::string_view call, bool extends) {
    auto state = state_.start_writer("start a writer");
    if (!state) return std::unexpected{state.error()};
    return script_->run(call, [&]() -> Result<Writer> { return Writer{*std::move(state), script_, extends}; });
  }
  [[nodiscard]] Result<ReaderAt> source_of(std::string_view call) const {
    return state_.read("open", [&](const Object& object) {
      return script_->run(call, [&]() -> Result<ReaderAt> {
        if (object == nullptr) return failure(errc::not_found, "open");
        return ReaderAt{object, script_};
      });
    });
  }

  ScriptRef script_;
  LocationState<Object> state_;
};

/// Makes backends that follow one script.
template <ScriptedTraits traits = ScriptedTraits{}>
struct ScriptedStorage {
  ScriptRef script = std::make_shared<Script>();
  [[nodiscard]] Result<ScriptedBackend<traits>> create_backend() const {
    return script->run("create_backend", [&]() -> Result<ScriptedBackend<traits>> { return ScriptedBackend<traits>{script}; });
  }
};

inline constexpr ScriptedTraits sequential_only{.reader_at = false, .append = false, .shrink = false, .discard = false};
inline constexpr ScriptedTraits without_sizes{.reader_at = false};

static_assert(storage_factory<ScriptedStorage<>> && storage_factory<ScriptedStorage<sequential_only>>);

// What tests do with any location ---------------------------------------------------------------------------------------------------

template <class W>
[[nodiscard]] Result<void> write_all(W& writer, std::span<const std::byte> bytes, std::size_t piece) {
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min(piece, bytes.size()));
    if (auto written = writer.write(part); !written) return written;
    bytes = bytes.subspan(part.size());
  }
  return writer.close();
}

template <class B>
[[nodiscard]] Result<void> put(B& backend, std::span<const std::byte> bytes, std::size_t piece = std::numeric_limits<std::size_t>::max()) {
  auto writer = backend.create();
  if (!writer) return std::unexpected{writer.error()};
  return write_all(*writer, bytes, piece);
}
template <class B>
[[nodiscard]] Result<void> extend(B& backend, std::span<const std::byte> bytes,
                                  std::size_t piece = std::numeric_limits<std::size_t>::max()) {
  auto writer = backend.append();
  if (!writer) return std::unexpected{writer.error()};
  return write_all(*writer, bytes, piece);
}
/// All that a reader gives, in blocks.
template <class R>
[[nodiscard]] Result<Bytes> rest_of(R& reader, std::size_t block) {
  Bytes all;
  Bytes part(block);
  for (;;) {
    const auto count = reader.read(part);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return all;
    all.insert(all.end(), part.begin(), part.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}
template <class B>
[[nodiscard]] Result<Bytes> get(const B& backend, std::size_t block = 1000) {
  auto reader = backend.open();
  if (!reader) return std::unexpected{reader.error()};
  return rest_of(*reader, block);
}
/// True when the location holds exactly these bytes.
template <class B>
[[nodiscard]] bool holds(const B& backend, const Bytes& bytes, std::size_t block = 1000) {
  const auto all = get(backend, block);
  return all && *all == bytes;
}

}  // namespace hybridbuffer::testing
