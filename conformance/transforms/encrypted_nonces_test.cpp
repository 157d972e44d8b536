#include "open_storage.hpp"

#include <hybridbuffer/transform/encrypted.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <memory>
#include <openssl/evp.h>
#include <optional>
#include <random>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

// encrypted(): whatever is done to locations, in any order, no key encrypts twice with the same nonce. What OpenSSL is given is watched, so
// that nothing of the library stands between this and the cipher.

namespace hybridbuffer::testing {
namespace {

/// Each (key, nonce) that the cipher was given to encrypt with.
class SeenPairs {
 public:
  void add(const unsigned char* key, const unsigned char* nonce) {
    Key of_pair;
    std::memcpy(of_pair.data(), key, of_pair.size());
    const auto number = keys_.try_emplace(of_pair, static_cast<std::uint32_t>(keys_.size())).first->second;
    Pair& pair = pairs_.emplace_back();
    pair.key = number;
    std::memcpy(pair.nonce.data(), nonce, pair.nonce.size());
  }
  [[nodiscard]] std::size_t keys() const noexcept { return keys_.size(); }
  [[nodiscard]] std::size_t size() const noexcept { return pairs_.size(); }
  [[nodiscard]] bool any_repeats() {
    std::sort(pairs_.begin(), pairs_.end());
    return std::adjacent_find(pairs_.begin(), pairs_.end()) != pairs_.end();
  }

 private:
  using Key = std::array<unsigned char, 32>;
  struct FirstBytes {  // keys are random
    std::size_t operator()(const Key& key) const noexcept {
      std::size_t hash = 0;
      std::memcpy(&hash, key.data(), sizeof(hash));
      return hash;
    }
  };
  struct Pair {
    std::uint32_t key;
    std::array<unsigned char, 12> nonce;
    friend auto operator<=>(const Pair&, const Pair&) = default;
  };
  std::unordered_map<Key, std::uint32_t, FirstBytes> keys_;
  std::vector<Pair> pairs_;
};

SeenPairs* watching = nullptr;

}  // namespace
}  // namespace hybridbuffer::testing

// Stands before OpenSSL's own, which it calls.
extern "C" int EVP_EncryptInit_ex2(EVP_CIPHER_CTX* context, const EVP_CIPHER* cipher, const unsigned char* key, const unsigned char* nonce,
                                   const OSSL_PARAM* parameters) {
  static const auto original = reinterpret_cast<decltype(&EVP_EncryptInit_ex2)>(::dlsym(RTLD_NEXT, "EVP_EncryptInit_ex2"));
  using hybridbuffer::testing::watching;
  if (watching != nullptr && key != nullptr && nonce != nullptr) watching->add(key, nonce);
  return original(context, cipher, key, nonce, parameters);
}

namespace hybridbuffer::testing {
namespace {

/// An open location whose object may have a name, which nobody looks at.
struct NamingBackend : OpenBackend {
  using OpenBackend::OpenBackend;
  static constexpr Capabilities capabilities() noexcept { return OpenBackend::capabilities().with(Capability::publish); }
  static Result<void> publish(std::string_view /*destination*/, PublishMode /*mode*/) { return {}; }
};

struct NamingStorage {
  std::shared_ptr<std::shared_ptr<OpenObject>> newest = std::make_shared<std::shared_ptr<OpenObject>>();
  [[nodiscard]] Result<NamingBackend> create_backend() const {
    *newest = std::make_shared<OpenObject>();
    return NamingBackend{*newest};
  }
};

/// A location at random: its key its own or the user's, either cipher, published either way.
struct Place {
  explicit Place(std::uint64_t kind) {
    EncryptionOptions options{.cipher = (kind & 1U) != 0 ? Cipher::aes_256_gcm : Cipher::chacha20_poly1305, .chunk_bytes = 16};
    if ((kind & 2U) != 0) {
      static const EncryptionKey key = EncryptionKey::from_bytes(pattern(32)).value();
      options.key = key;
      if ((kind & 4U) != 0) options.published = PublishedForm::encrypted;
    }
    backend.emplace(encrypted(inner, std::move(options)).create_backend().value());
    object = *inner.newest;
  }
  NamingStorage inner;
  std::optional<EncryptedBackend<NamingBackend>> backend;
  std::shared_ptr<OpenObject> object;
};

struct Counts {
  std::uint64_t operations = 0;
  std::uint64_t closed = 0;
  std::uint64_t failed = 0;
  std::uint64_t abandoned = 0;
  std::uint64_t published = 0;
  std::uint64_t shrunk = 0;
  std::uint64_t removed = 0;
  std::uint64_t made = 0;
};

void write_something(Place& place, std::mt19937_64& random, Counts& counts) {
  static const Bytes content = pattern(64);
  const bool is_indeterminate = random() % 2 == 0;
  place.object->commit_was_done = is_indeterminate && random() % 2 == 0;
  if (random() % 8 == 0) place.object->commit_fails = is_indeterminate ? errc::timeout : errc::no_space;
  ++counts.operations;
  auto writer = random() % 4 == 0 ? place.backend->create() : place.backend->append();
  BOOST_TEST_REQUIRE(writer.has_value());
  for (auto pieces = random() % 4; pieces > 0; --pieces) {
    ++counts.operations;
    BOOST_TEST_REQUIRE(writer->write(std::span{content}.first(random() % 40)).has_value());
  }
  ++counts.operations;
  if (random() % 4 == 0) ++counts.abandoned;
  else ++(writer->close() ? counts.closed : counts.failed);
  place.object->commit_fails.reset();
}

BOOST_AUTO_TEST_CASE(no_key_ever_encrypts_twice_with_one_nonce) {
  const std::uint64_t wanted = std::getenv("HYBRIDBUFFER_FULL") != nullptr ? 10'000'000 : 1'000'000;
  SeenPairs seen;
  watching = &seen;
  std::mt19937_64 random{1};
  Counts counts;
  std::vector<Place> places;
  for (std::uint64_t kind = 0; kind != 8; ++kind) places.emplace_back(kind);

  while (counts.operations < wanted) {
    Place& place = places[random() % places.size()];
    const bool is_there = place.object->bytes.has_value();
    const auto action = random() % 256;
    if (action == 0) {
      place = Place{random()};
      ++counts.operations;
      ++counts.made;
    } else if (action == 1 && is_there) {
      BOOST_TEST_REQUIRE(place.backend->publish("name", PublishMode::replace).has_value());
      ++counts.operations;
      ++counts.published;
    } else if (action < 6) {
      BOOST_TEST_REQUIRE(place.backend->remove().has_value());
      ++counts.operations;
      ++counts.removed;
    } else if (is_there && (action < 20 || place.object->bytes->size() > 4000)) {
      ++counts.operations;
      if (place.backend->shrink(random() % 60)) ++counts.shrunk;
    } else {
      write_something(place, random, counts);
    }
  }
  watching = nullptr;

  BOOST_TEST_MESSAGE(seen.size() << " frames with " << seen.keys() << " keys");
  BOOST_TEST(seen.size() > wanted / 4);
  BOOST_TEST(seen.keys() > 8 + counts.made);  // those of the files that were published, too
  for (const std::uint64_t count :
       {counts.closed, counts.failed, counts.abandoned, counts.published, counts.shrunk, counts.removed, counts.made}) {
    BOOST_TEST(count > wanted / 10'000);
  }
  BOOST_TEST(!seen.any_repeats());
}

}  // namespace
}  // namespace hybridbuffer::testing
