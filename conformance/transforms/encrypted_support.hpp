#pragma once

#include "open_storage.hpp"

#include <hybridbuffer/transform/encrypted.hpp>

#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

/// \file
/// What the tests of encrypted() share: a location whose stored bytes lie open, in chunks so small that few bytes are many frames.

namespace hybridbuffer::testing {

inline constexpr std::size_t header = EncryptionCodec::header_bytes;
inline constexpr std::size_t tag = detail::aead_tag_bytes;
inline constexpr std::size_t chunk = 16;
inline constexpr std::size_t frame = chunk + tag;  ///< a full one

using Backend = EncryptedBackend<OpenBackend>;

inline EncryptionKey key_of(std::string_view text) { return EncryptionKey::from_bytes(std::as_bytes(std::span{text})).value(); }

/// An encrypted location, the key of its storage and the bytes that it stores.
struct World {
  explicit World(EncryptionOptions options = {.chunk_bytes = chunk}) : storage{encrypted(open, std::move(options))}, backend{make()} {}

  Backend make() {
    auto made = storage.create_backend();
    BOOST_TEST_REQUIRE(made.has_value());
    return *std::move(made);
  }
  [[nodiscard]] Bytes& stored(std::size_t location = 0) const { return *(*open.made)[location]->bytes; }
  void store(const Bytes& content) { BOOST_TEST_REQUIRE(write_all(backend.create(), content, content.size() + 1).has_value()); }

  OpenStorage open;
  EncryptedStorage<OpenStorage> storage;
  Backend backend;
};

/// Whether all of the content is read back.
inline bool reads(const Backend& backend, const Bytes& content) {
  auto reader = backend.open();
  if (!reader) return false;
  const auto all = read_all(*reader, 7);
  return all && *all == content;
}

}  // namespace hybridbuffer::testing
