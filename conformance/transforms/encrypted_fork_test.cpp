#include "../policies/process_memory.hpp"
#include "../support/forked_child.hpp"
#include "../support/process_number.hpp"
#include "encrypted_support.hpp"

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/detail/secret_page.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#include <hybridbuffer/transform/encrypted_file.hpp>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <unistd.h>
#include <utility>

// What keys are held in, and that what the kernel has wiped in a forked child is never taken for one: not in a child that has its parent's
// number, and not in one that is taken for its parent.

namespace hybridbuffer::testing {
namespace {

template <class T>
[[nodiscard]] bool is_closed(const Result<T>& result) {
  return !result && result.error() == errc::closed;
}

/// In a child: from here on it is taken for the process whose identity that is, as where the kernel told nothing of the fork.
void be_taken_for(detail::ProcessIdentity identity) {
  static_cast<void>(detail::process_identity());
  detail::process_words.load(detail::Order::acquire)->identity.store(identity, detail::Order::relaxed);
}

/// The key of all, a location of it, and everything that somebody had opened before the fork.
struct Opened {
  EncryptionKey key = key_of("a key of the user's");
  World world{{.chunk_bytes = chunk, .key = key}};
  Bytes content = pattern(3 * chunk + 5);
  bool is_stored = (world.store(content), true);
  Result<Backend::Writer> writer = world.make().create();
  Result<Backend::Appender> appender = world.backend.append();
  Result<Backend::Reader> reader = world.backend.open();
  Result<Backend::ReaderAt> reader_at = world.backend.open_reader_at();
};

BOOST_AUTO_TEST_CASE(in_a_child_with_its_parents_number_a_key_is_closed_and_nothing_is_encrypted_without_one) {
  Opened opened;
  BOOST_TEST_REQUIRE((opened.writer && opened.appender && opened.reader && opened.reader_at));
  const Bytes stored = opened.world.stored();

  const int first_failure = first_failure_in_forked_child([&](auto holds) {
    Bytes out(20);
    holds(opened.key.bytes().empty());
    holds(is_closed(opened.world.storage.create_backend()));
    holds(is_closed(opened.world.backend.create()));
    holds(is_closed(opened.world.backend.append()));
    holds(is_closed(opened.world.backend.open()));
    holds(is_closed(opened.writer->write(out)));
    holds(is_closed(opened.appender->write(out)) && is_closed(opened.appender->close()));
    holds(is_closed(opened.reader->read(out)));
    holds(is_closed(opened.reader_at->read_at(0, out)));
    holds(opened.world.stored() == stored);
    const EncryptionKey own = key_of("a key that the child itself has made");
    const auto of_child = encrypted(OpenStorage{}, {.key = own}).create_backend();
    holds(of_child.has_value());
  });

  BOOST_TEST(first_failure == 0);
  BOOST_TEST(opened.appender->close().has_value());
  BOOST_TEST(reads(opened.world.backend, opened.content));
}

BOOST_AUTO_TEST_CASE(a_wiped_key_is_closed_whichever_process_the_child_is_taken_for) {
  Opened opened;
  BOOST_TEST_REQUIRE((opened.writer && opened.appender && opened.reader && opened.reader_at));
  const Bytes stored = opened.world.stored();
  const auto parent = detail::process_identity();

  const int first_failure = first_failure_in_forked_child([&](auto holds) {
    be_taken_for(parent);
    Bytes out(20, std::byte{1});
    holds(opened.world.backend.open().has_value());  // so the key alone refuses
    holds(opened.key.bytes().empty());
    holds(is_closed(opened.world.storage.create_backend()));
    const auto written = opened.writer->write(out);
    holds(is_closed(written ? opened.writer->close() : written));
    const auto appended = opened.appender->write(out);
    holds(is_closed(appended ? opened.appender->close() : appended));
    holds(is_closed(opened.reader->read(out)));
    holds(is_closed(opened.reader_at->read_at(0, out)));
    holds(is_closed(opened.reader_at->read_at(chunk, out)));
    holds(opened.world.stored() == stored);
    holds(opened.world.open.made->size() == 2 && !(*opened.world.open.made)[1]->bytes);
    const auto of_random_key = encrypted(OpenStorage{}).create_backend();
    holds(of_random_key.has_value());
  });

  BOOST_TEST(first_failure == 0);
  BOOST_TEST(reads(opened.world.backend, opened.content));
}

BOOST_AUTO_TEST_CASE(a_page_for_keys_tells_that_it_was_wiped_or_moved_from) {
  detail::SecretPage page;
  std::ranges::fill(page.bytes(), std::byte{7});
  BOOST_TEST(!page.is_wiped());

  BOOST_TEST(first_failure_in_forked_child([&](auto holds) {
               holds(page.is_wiped());
               holds(std::ranges::all_of(page.bytes(), [](std::byte b) { return b == std::byte{}; }));
               const detail::SecretPage own;
               holds(!own.is_wiped());
             }) == 0);

  detail::SecretPage taken{std::move(page)};
  BOOST_TEST(page.is_wiped());  // NOLINT(bugprone-use-after-move): that is the question
  BOOST_TEST(!taken.is_wiped());
  BOOST_TEST(std::ranges::all_of(taken.bytes(), [](std::byte b) { return b == std::byte{7}; }));
}

/// The sanitizers replace mlock() by nothing.
boost::test_tools::assertion_result mlock_works(boost::unit_test::test_unit_id /*unit*/) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  constexpr bool works = false;
#elif defined(__has_feature)
  constexpr bool works = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
  constexpr bool works = true;
#endif
  if (!works) std::puts("skipped a case that needs mlock(), which this sanitizer replaces by nothing");
  return works;
}

BOOST_AUTO_TEST_CASE(keys_are_left_out_of_dumps_and_children) {
  const EncryptionKey key = key_of("a key of the user's");
  const std::string flags = mapping_flags(key.bytes().data());
  BOOST_TEST_INFO(flags);
  BOOST_TEST(flags.find(" dd ") != std::string::npos);
  BOOST_TEST(flags.find(" wf ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(keys_of_users_and_of_locations_are_locked, *boost::unit_test::precondition(mlock_works)) {
  const std::size_t page_kib = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 1024;
  const std::size_t before = locked_kib();
  {
    const EncryptionKey key = key_of("a key of the user's");
    BOOST_TEST(locked_kib() - before == page_kib);
    BOOST_TEST(mapping_flags(key.bytes().data()).find(" lo ") != std::string::npos);
    const auto storage = encrypted(OpenStorage{}, {.key = key});
    const auto location = storage.create_backend();
    BOOST_TEST_REQUIRE(location.has_value());
    BOOST_TEST(locked_kib() - before == 2 * page_kib);
  }
  BOOST_TEST(locked_kib() == before);
}

}  // namespace
}  // namespace hybridbuffer::testing
