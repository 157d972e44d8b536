#pragma once

#include "objects.hpp"

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/transform/encrypted.hpp>

#include <boost/test/unit_test.hpp>

#include <servers/fault_proxy.hpp>

/// \file
/// What becomes of a byte that flips between a store and its client.

namespace hybridbuffer::testing {

/// On a connection without TLS nothing else tells that a byte has flipped on its way from the store: docs/redis.md, docs/s3.md.
/// `flip`: of replies that bring content.
template <class Place>
void expect_flip_to_be_found_beneath_encrypted(Place& place, const Bytes& content, const servers::Fault& flip) {
  const auto storage = encrypted(place.storage);
  auto backend = storage.create_backend().value();
  BOOST_TEST_REQUIRE(store(backend, content).has_value());
  const auto read_back = [&]() -> Result<Bytes> {
    auto reader = backend.open_reader_at();
    if (!reader) return std::unexpected{reader.error()};
    Bytes all(content.size());
    if (auto count = reader->read_at(0, all); !count) return std::unexpected{count.error()};
    return all;
  };
  BOOST_TEST_REQUIRE((read_back().value() == content));
  const auto armed = place.proxy.arm(flip);

  const auto altered = read_back();

  BOOST_TEST_REQUIRE(!altered.has_value());
  BOOST_TEST((altered.error() == errc::corrupted), altered.error().message());
  BOOST_TEST(place.proxy.fired(armed) >= 1U);
}

}  // namespace hybridbuffer::testing
