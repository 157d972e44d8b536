#include <boost/test/unit_test.hpp>

#include <hybridbuffer/error.hpp>

#include <future>
#include <utility>
#include <vector>

namespace {

using namespace hybridbuffer;

}  // namespace

BOOST_AUTO_TEST_SUITE(errors_in_threads)

BOOST_AUTO_TEST_CASE(copies_in_many_threads_share_their_details_safely) {
  const Error shared{errc::io, "open", "the subject of all threads"};
  const auto copy_often = [&shared] {
    bool same = true;
    for (int i = 0; i < 2000; ++i) {
      Error copy{shared};
      const Error other = std::move(copy);
      same = same && other.subject() == "the subject of all threads";
    }
    return same;
  };

  std::vector<std::future<bool>> results;
  for (int i = 0; i < 4; ++i) results.push_back(std::async(std::launch::async, copy_often));

  for (auto& result : results) BOOST_TEST(result.get());
}

BOOST_AUTO_TEST_SUITE_END()
