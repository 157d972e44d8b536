#include "tagging_storage.hpp"

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/builder.hpp>
#include <hybridbuffer/storage_url.hpp>

#include "../../docs/examples/minimal_backend.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

namespace {

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

std::string bytes(std::uint64_t count) { return std::string(static_cast<std::size_t>(count), 'x'); }

std::string message_of(const Result<BuiltBuffer>& buffer) { return buffer ? "" : buffer.error().message(); }

}  // namespace

BOOST_AUTO_TEST_CASE(without_a_word_it_is_what_a_default_buffer_is) {
  auto buffer = Builder{}.build();
  BOOST_TEST_REQUIRE(buffer.has_value());
  static_assert(std::is_same_v<decltype(buffer), Result<BuiltBuffer>>);

  BOOST_TEST(buffer->capacity() == 0U);
  BOOST_TEST(!buffer->would_spill(SpillAt::default_threshold));
  BOOST_TEST(buffer->would_spill(SpillAt::default_threshold + 1));
  BOOST_TEST(buffer->append(bytes(SpillAt::default_threshold + 1)).has_value());
  BOOST_TEST(buffer->is_spilled());
  BOOST_TEST(buffer->unread() == SpillAt::default_threshold + 1);
}

BOOST_AUTO_TEST_CASE(each_setting_has_its_effect_alone_and_with_the_others) {
  for (const std::uint64_t threshold : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{100}, std::uint64_t{70'000}}) {
    for (const std::uint64_t reserve : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{100}, std::uint64_t{70'000}}) {
      for (const std::uint64_t limit : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{150}, std::uint64_t{100'000}, no_limit}) {
        BOOST_TEST_CONTEXT(threshold << " " << reserve << " " << limit) {
          auto buffer = Builder{}.with_threshold(threshold).with_reserve(reserve).with_limit(limit).with_storage(MemoryStorage{}).build();
          const bool makes_sense = limit != 0 && reserve <= threshold && reserve <= limit;
          BOOST_TEST_REQUIRE(buffer.has_value() == makes_sense);
          if (!makes_sense) {
            BOOST_TEST((buffer.error().code() == errc::invalid_argument));
            continue;
          }
          BOOST_TEST(buffer->capacity() >= (reserve < SegmentedMemory<>::chunk_bytes ? reserve : SegmentedMemory<>::chunk_bytes));
          BOOST_TEST((buffer->capacity() == 0) == (reserve == 0));
          BOOST_TEST(!buffer->is_spilled());
          const std::uint64_t kept = threshold < limit ? threshold : limit;
          if (kept != 0) BOOST_TEST(!buffer->would_spill(kept));
          BOOST_TEST(buffer->append(bytes(kept)).has_value());
          BOOST_TEST(!buffer->is_spilled());
          if (limit == no_limit) {
            BOOST_TEST(buffer->append(bytes(1)).has_value());
            BOOST_TEST(buffer->is_spilled());
          } else {
            BOOST_TEST(buffer->append(bytes(limit - kept)).has_value());
            BOOST_TEST((code_of(buffer->append(bytes(1))) == errc::limit_exceeded));
            BOOST_TEST(buffer->size() == limit);
          }
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(a_wrong_setting_is_told) {
  BOOST_TEST(message_of(Builder{}.with_limit(0).build()) == "build a buffer: a limit of 0 lets nothing be appended [invalid_argument]");
  BOOST_TEST(message_of(Builder{}.with_threshold(1).with_reserve(2).build()) ==
             "build a buffer: the reserve is above the threshold [invalid_argument]");
  BOOST_TEST(message_of(Builder{}.with_limit(1).with_reserve(2).build()) ==
             "build a buffer: the reserve is above the limit [invalid_argument]");
}

BOOST_AUTO_TEST_CASE(after_a_failed_build_the_builder_is_as_it_was) {
  Builder builder;
  builder.with_threshold(10).with_reserve(11).with_storage(MemoryStorage{});
  BOOST_TEST((code_of(builder.build()) == errc::invalid_argument));

  auto buffer = builder.with_reserve(10).build();
  auto another = builder.build();
  BOOST_TEST_REQUIRE(buffer.has_value());
  BOOST_TEST_REQUIRE(another.has_value());
  BOOST_TEST(buffer->append(bytes(11)).has_value());
  BOOST_TEST(buffer->is_spilled());
  BOOST_TEST(another->empty());
}

BOOST_AUTO_TEST_CASE(a_storage_is_a_factory_a_function_or_what_a_url_names) {
  const auto declares = [](Result<BuiltBuffer> buffer, AnyStorage place) {
    BOOST_TEST_REQUIRE(buffer.has_value());
    BOOST_TEST(buffer->append(bytes(100)).has_value());
    BOOST_TEST(buffer->spill().has_value());
    BOOST_TEST(buffer->to_string().value() == bytes(100));
    return place.create_backend()->capabilities();
  };
  const AnyStorage from_url = storage_from_url("memory:").value();
  int made = 0;
  const auto function = [&made] { return ++made, examples::VectorBackend{}; };
  const auto fallible = [&made] { return ++made, MemoryStorage{}.create_backend(); };

  BOOST_TEST((declares(Builder{}.with_storage_factory(from_url).build(), from_url) == MemoryBackend::capabilities()));
  BOOST_TEST((declares(Builder{}.with_storage_factory(FileStorage{}).build(), FileStorage{}) == FileBackend::capabilities()));
  BOOST_TEST((declares(Builder{}.with_storage(function).build(), from_url) == MemoryBackend::capabilities()));
  BOOST_TEST((declares(Builder{}.with_storage(fallible).build(), from_url) == MemoryBackend::capabilities()));
  BOOST_TEST(made == 4);  // one to see that the place works, one that was spilled to, each
}

BOOST_AUTO_TEST_CASE(of_two_storages_the_last_counts) {
  auto buffer = Builder{}.with_storage(FileStorage{{.directory = "/no/such/place"}}).with_storage(MemoryStorage{}).build();
  BOOST_TEST(buffer.has_value());
}

BOOST_AUTO_TEST_CASE(a_place_that_cannot_be_used_is_an_error_at_once) {
  BOOST_TEST((code_of(Builder{}.with_storage(FileStorage{{.directory = "/no/such/place"}}).build()) == errc::not_found));
  AnyStorage moved_from = MemoryStorage{};
  const AnyStorage elsewhere = std::move(moved_from);
  // NOLINTNEXTLINE(bugprone-use-after-move): that is what is tested
  BOOST_TEST((code_of(Builder{}.with_storage_factory(moved_from).build()) == errc::closed));
  const auto refusing = []() -> Result<MemoryBackend> { return failure(errc::permission, "make"); };
  BOOST_TEST((code_of(Builder{}.with_storage(refusing).build()) == errc::permission));
}

BOOST_AUTO_TEST_CASE(written_bytes_pass_the_transforms_in_the_order_in_which_they_were_named) {
  calls().clear();
  const auto tag = [](std::string name) { return [name](AnyStorage inner) { return TaggingStorage{std::move(inner), name}; }; };
  auto buffer = Builder{}.with_threshold(0).with_transform(tag("a")).with_storage(NotingStorage{}).with_transform(tag("b")).build();
  BOOST_TEST_REQUIRE(buffer.has_value());

  static_cast<void>(buffer->append("x"));

  BOOST_TEST((calls() == std::vector<std::string>{"create", "write xab", "close"}));
}

BOOST_AUTO_TEST_CASE(a_transform_may_return_a_storage_of_any_type_or_a_result_of_one) {
  const auto same = [](AnyStorage inner) { return inner; };
  const auto result = [](const AnyStorage& inner) -> Result<AnyStorage> { return inner; };
  const auto typed = [](AnyStorage inner) -> Result<TaggingStorage> { return TaggingStorage{std::move(inner), "t"}; };
  const auto replaced = [](AnyStorage) { return MemoryStorage{}; };
  const auto refused = [](AnyStorage) -> Result<MemoryStorage> { return failure(errc::unsupported, "transform"); };

  BOOST_TEST(Builder{}.with_transform(same).with_transform(result).with_transform(typed).build().has_value());
  BOOST_TEST(Builder{}.with_storage(FileStorage{{.directory = "/no"}}).with_transform(replaced).build().has_value());
  BOOST_TEST((code_of(Builder{}.with_transform(refused).build()) == errc::unsupported));
}

BOOST_AUTO_TEST_CASE(builders_are_values) {
  Builder first;
  first.with_threshold(5).with_storage(MemoryStorage{});
  Builder second = first;
  second.with_threshold(7);

  BOOST_TEST(first.build()->would_spill(6));
  BOOST_TEST(!second.build()->would_spill(6));
}
