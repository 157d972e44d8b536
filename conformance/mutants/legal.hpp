#pragma once

#include "harness.hpp"
#include "settings.hpp"

#include <hybridbuffer/conformance/subject.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

/// \file
/// Odd backends that break no rule: the kit has to pass them all.

namespace hybridbuffer::conformance::mutants {

struct LegalBackend {
  std::string_view id;
  std::string_view odd;  ///< in words
  void (*adjust)(Settings&);
  std::unique_ptr<Subject> (*make_subject)();
  bool waits = false;  ///< mostly: many of its clauses can run at a time
};

[[nodiscard]] std::span<const LegalBackend> legal_backends();

/// The reference backend with handles that cannot tell a size.
class SizelessBackend {
 public:
  struct Reader {
    [[nodiscard]] Result<std::size_t> read(std::span<std::byte> bytes) { return held.read(bytes); }
    [[nodiscard]] Result<std::uint64_t> seek(std::int64_t offset, Whence whence) { return held.seek(offset, whence); }
    mutants::Reader held;
  };
  struct ReaderAt {
    [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> bytes) const {
      return held.read_at(offset, bytes);
    }
    mutants::ReaderAt held;
  };

  explicit SizelessBackend(Backend backend) : backend_{std::move(backend)} {}
  [[nodiscard]] static constexpr Capabilities capabilities() noexcept { return {Capability::reader_at, Capability::seeker}; }
  [[nodiscard]] Result<Writer> create() { return backend_.create(); }
  [[nodiscard]] Result<Reader> open() const { return handle<Reader>(backend_.open()); }
  [[nodiscard]] Result<Reader> open_seeker() const { return handle<Reader>(backend_.open_seeker()); }
  [[nodiscard]] Result<ReaderAt> open_reader_at() const { return handle<ReaderAt>(backend_.open_reader_at()); }
  [[nodiscard]] Result<void> remove() { return backend_.remove(); }

 private:
  template <class Handle, class Held>
  static Result<Handle> handle(Result<Held> held) {
    if (!held) return std::unexpected{held.error()};
    return Handle{std::move(*held)};
  }

  Backend backend_;
};

struct SizelessHarness : StoreHarness {
  static constexpr std::string_view name = "reference without size()";
  Result<SizelessBackend> make_backend() {
    auto made = storage.create_backend();
    if (!made) return std::unexpected{made.error()};
    return SizelessBackend{std::move(*made)};
  }
  void make_storage() = delete;
};

/// What the least of authors writes.
struct HooklessHarness {
  static constexpr std::string_view name = "reference without hooks";
  Result<Backend> make_backend() { return Storage{}.create_backend(); }
};

}  // namespace hybridbuffer::conformance::mutants
