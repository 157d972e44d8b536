#pragma once

#include "manifest.hpp"
#include "store.hpp"

#include <hybridbuffer/conformance/harness.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace hybridbuffer::conformance::mutants {

/// Damages one committed object. Returns: false when it has nothing that can be damaged so.
inline bool damage_object(Store& store, std::string_view prefix, const Manifest& manifest, Damage kind) {
  const auto flip = [](Bytes& value) { value[value.size() / 2] ^= std::byte{0x10}; };
  if (kind == Damage::flip_metadata) {
    return store.tamper(metadata_key(prefix), [](Bytes& record) { record[Manifest::size_offset] ^= std::byte{0x40}; });
  }
  if (manifest.chunks.empty()) return false;
  const auto key_of = [&](std::size_t chunk) { return chunk_key(prefix, manifest.chunks[chunk], chunk); };
  const auto drop = [&](std::size_t chunk) {
    if (!store.peek(key_of(chunk))) return false;
    store.erase(key_of(chunk));
    return true;
  };
  const std::size_t last = manifest.chunks.size() - 1;
  switch (kind) {
    case Damage::truncate:
      return store.tamper(key_of(last), [](Bytes& value) { value.resize(checksum_bytes + (value.size() - checksum_bytes) / 2); });
    case Damage::drop_first: return drop(0);
    case Damage::drop_middle: return drop(last / 2);
    case Damage::drop_last: return drop(last);
    case Damage::flip_first: return store.tamper(key_of(0), flip);
    case Damage::flip_middle: return store.tamper(key_of(last / 2), flip);
    case Damage::flip_last: return store.tamper(key_of(last), flip);
    case Damage::flip_metadata: break;
  }
  return false;
}

/// Damages every committed object. Returns: whether there was one.
inline bool damage_all(Store& store, Damage kind) {
  bool any = false;
  for (const std::string& key : store.keys(Store::locations)) {
    if (!key.ends_with("/meta")) continue;
    const auto record = store.peek(key);
    const auto manifest = record ? Manifest::decoded(*record) : std::nullopt;
    if (manifest) any = damage_object(store, std::string_view{key}.substr(0, key.find('/')), *manifest, kind) || any;
  }
  return any;
}

}  // namespace hybridbuffer::conformance::mutants
