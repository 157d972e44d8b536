#pragma once

#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/storage.hpp>

#include "../../docs/examples/minimal_backend.hpp"
#include "../backends/file_harness.hpp"
#include "../backends/memory_harness.hpp"
#include "../mutants/harness.hpp"

#include <cstdint>
#include <string_view>
#include <utility>

/// \file
/// The storages that the transforms are put on for the conformance kit, each with every hook that it has.

namespace hybridbuffer::testing {

/// Files in /var/tmp.
struct FileBase {
  static constexpr std::string_view name = "file";
  static constexpr const char* parent = "/var/tmp";
  static FileOptions options() { return {}; }
  static off_t cut(off_t size) { return size / 2; }
  using Harness = FileHarness<FileBase>;
};

/// Memory, in blocks of HYBRIDBUFFER_BLOCK_BYTES.
struct MemoryBase {
  static constexpr std::string_view name = "memory";
  using Harness = MemoryHarness;
};

/// A key-value store that answers late, short, not at all, or after all was done, and declares at run time what it can.
struct StoreBase {
  static constexpr std::string_view name = "store";
  using Harness = conformance::mutants::StoreHarness;
};

/// The twenty lines: a backend that declares nothing.
struct MinimalBase {
  static constexpr std::string_view name = "minimal";
  struct Harness {
    static constexpr std::string_view name = "minimal";
    Result<examples::VectorBackend> make_backend() { return examples::VectorBackend{}; }
    Result<InPlaceStorage<examples::VectorBackend>> make_storage() { return InPlaceStorage<examples::VectorBackend>{}; }
  };
};

/// `Base`'s harness for what `Transform::wrap(storage)` makes. Its hooks see the store beneath.
template <class Base, class Transform>
struct TransformHarness : Base::Harness {
  static constexpr std::string_view name = Transform::name;

  TransformHarness() {
    // What a transform adds takes room.
    if constexpr (requires(typename Base::Harness& base, std::uint64_t n) { base.max_object_size = n; }) {
      this->max_object_size = wrapped_.create_backend()->max_object_size();
    }
  }

  auto make_storage() {
    auto inner = Base::Harness::make_storage();
    if (!inner) return Result<Wrapped>{std::unexpected{inner.error()}};
    return Result<Wrapped>{Transform::wrap(*std::move(inner))};
  }
  auto make_backend() { return wrapped_.create_backend(); }
  bool set_chunk_size(std::uint64_t n)
    requires requires(typename Base::Harness& base) { base.set_chunk_size(n); }
  {
    const bool done = Base::Harness::set_chunk_size(n);
    wrapped_ = make_storage().value();
    return done;
  }

 private:
  using Inner = detail::value_of<decltype(std::declval<typename Base::Harness&>().make_storage())>;
  using Wrapped = decltype(Transform::wrap(std::declval<Inner>()));
  Wrapped wrapped_ = make_storage().value();
};

}  // namespace hybridbuffer::testing
