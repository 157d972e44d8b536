#include "redis_fault_place.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <servers/boost_test.hpp>
#include <servers/fault_proxy.hpp>
#include <servers/redis_server.hpp>
#include <span>
#include <string>
#include <utility>
#include <vector>

// Every fault of the proxy on what is done through a handle that was opened before it, and on what a location and a storage do at once;
// redis_fault_test.cpp has whole operations.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;
using hybridbuffer::servers::ServerTests;
BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

bool is_at(std::span<const std::byte> bytes, std::size_t offset) {
  return std::ranges::equal(bytes, std::span{before}.subspan(offset, bytes.size()));
}

Result<void> read_to_the_end(RedisReader& reader, std::size_t position) {
  Bytes piece(chunk / 3);
  while (position < before.size()) {
    const auto count = reader.read(piece);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0 || !is_at(std::span{piece}.first(*count), position)) return right_if(false);
    position += *count;
  }
  return {};
}

/// Commits what was written before; `whole` is what the location then holds.
Operation::Step commit_of(RedisBackend& backend, RedisWriter&& open, const Bytes& written, const Bytes& whole) {
  auto writer = std::make_shared<RedisWriter>(std::move(open));
  made_in_the_end([&] { return writer->write(written); });
  return [writer, &backend, &whole] {
    auto own = std::move(*writer);
    auto closed = own.close();
    return closed ? right_if(holds(backend, whole)) : closed;
  };
}

const std::vector<Operation>& handle_operations() {
  constexpr auto closing = timeouts.operation + timeouts.cleanup;
  static const Bytes extended = [] {
    Bytes both = before;
    both.insert(both.end(), more.begin(), more.end());
    return both;
  }();
  static const std::vector<Operation> all{
      {"open a handle",
       [](Place&, RedisBackend& backend) -> Result<void> {
         const auto reader = backend.open_reader_at();
         if (!reader) return std::unexpected{reader.error()};
         return right_if(reader->size().value_or(0) == before.size());
       },
       timeouts.operation},
      {.name = "read through an open handle",
       .longest = timeouts.operation,
       .begin = [](Place&, RedisBackend& backend) -> Operation::Step {
         auto reader = std::make_shared<RedisReaderAt>(made_in_the_end([&] { return backend.open_reader_at(); }));
         return [reader]() -> Result<void> {
           Bytes window(chunk + 100);
           const auto count = reader->read_at(chunk / 2, window);
           if (!count) return std::unexpected{count.error()};
           return right_if(*count == window.size() && is_at(window, chunk / 2));
         };
       }},
      {.name = "go on reading",
       .longest = timeouts.operation,
       .begin = [](Place&, RedisBackend& backend) -> Operation::Step {
         auto reader = std::make_shared<RedisReader>(made_in_the_end([&] { return backend.open(); }));
         Bytes first(10);
         const auto count = made_in_the_end([&] { return reader->read(first); });
         return [reader, count] { return read_to_the_end(*reader, count); };
       }},
      {.name = "seek in an open handle",
       .longest = timeouts.operation,
       .begin = [](Place&, RedisBackend& backend) -> Operation::Step {
         auto reader = std::make_shared<RedisReader>(made_in_the_end([&] { return backend.open_seeker(); }));
         Bytes first(10);
         made_in_the_end([&] { return reader->read(first); });
         return [reader]() -> Result<void> {
           const auto at = reader->seek(-10, Whence::end);
           if (!at) return std::unexpected{at.error()};
           return read_to_the_end(*reader, static_cast<std::size_t>(*at));
         };
       }},
      {.name = "commit what is written",
       .longest = closing,
       .begin =
           [](Place&, RedisBackend& backend) {
             return commit_of(backend, made_in_the_end([&] { return backend.create(); }), larger, larger);
           }},
      {.name = "commit an extension",
       .longest = closing,
       .begin =
           [](Place&, RedisBackend& backend) {
             return commit_of(backend, made_in_the_end([&] { return backend.append(); }), more, extended);
           }},
      {"check a storage", [](Place& place, RedisBackend&) { return place.storage.check(); }, closing + timeouts.cleanup},
  };
  return all;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_fault_that_passes_is_no_failure_of_an_open_handle) {
  server();
  meet_all(pointers_to(cases()), handle_operations(), "once", meet_once<Place>);
}

BOOST_AUTO_TEST_CASE(a_fault_that_lasts_ends_what_an_open_handle_does_in_time_with_its_category) {
  server();
  meet_all(pointers_to(refusals(), pointers_to(cases())), handle_operations(), "for ever",
           [](const FaultCase& one, const Operation& operation, const std::string& what, Problems& problems) {
             meet_in_time(operation.longest, what, problems, [&] { return meet_for_ever(one, operation, what, problems); });
           });
}

// The proxy passes what the server encrypts: what changes there is no answer any more.
BOOST_AUTO_TEST_CASE(a_byte_that_flips_beneath_TLS_breaks_the_connection_and_never_becomes_content) {
  servers::RedisServer secure{{.tls = true}};
  RedisOptions options = options_for(secure.endpoint());
  options.tls = {.enabled = true, .ca_file = secure.endpoint().certificate_authority};
  options.chunk_bytes = chunk;
  options.window_bytes = 4 * chunk;
  options.timeouts = {.connect = 5s, .call = 5s, .operation = 20s, .cleanup = 5s};
  options.retry = {.attempts = 6, .base = 5ms, .cap = 20ms};
  for (const bool is_request : {false, true}) {
    for (const std::uint64_t offset : {20'000U, 60'000U}) {
      BOOST_TEST_CONTEXT((is_request ? "to" : "from") << " the server, byte " << offset) {
        servers::FaultProxy proxy{{.protocol = servers::Protocol::opaque, .server_port = secure.endpoint().tls_port}};
        options.servers = {{"127.0.0.1", proxy.port()}};
        const RedisStorage storage{options};
        RedisBackend backend = storage.create_backend().value();
        BOOST_REQUIRE(store(backend, before));
        const auto use = [&]() -> Result<void> {
          if (auto stored = store(backend, larger); !stored) return stored;
          const auto bytes = read_all(backend);
          return bytes ? right_if(*bytes == larger) : std::unexpected{bytes.error()};
        };
        const auto flip = [&] {
          auto fault = faults::flip_byte(offset);
          return is_request ? std::move(fault).on_request(1) : std::move(fault).on_reply(1);
        };

        storage.trim();  // a connection is one message
        const auto once = proxy.arm(flip());
        const auto done = use();
        BOOST_TEST(done.has_value(), message_of(done));
        BOOST_TEST(proxy.fired(once) == 1U);

        BOOST_REQUIRE(store(backend, before));
        storage.trim();
        const auto always = proxy.arm(flip().always());
        const auto again = use();  // some comes through each connection
        BOOST_TEST(proxy.fired(always) >= 1U);
        proxy.disarm();
        const bool is_documented = again || again.error() == errc::unavailable || again.error() == errc::timeout;
        BOOST_TEST(is_documented, message_of(again));
        const bool is_one_or_the_other = holds(backend, before) || holds(backend, larger);
        BOOST_TEST(is_one_or_the_other);
      }
    }
  }
  BOOST_TEST(secure.connection().keys().empty());
}
