#pragma once

#include <boost/test/unit_test.hpp>

#include <mutex>
#include <string>
#include <vector>

namespace hybridbuffer::testing {

/// What went wrong in the threads of a case: Boost.Test is for one.
class Problems {
 public:
  void expect(bool holds, const std::string& what) {
    if (holds) return;
    const std::lock_guard guard{lock_};
    all_.push_back(what);
  }
  void report() {
    for (const std::string& one : all_) BOOST_ERROR(one);
    BOOST_TEST(all_.empty());
  }

 private:
  std::mutex lock_;
  std::vector<std::string> all_;
};

}  // namespace hybridbuffer::testing
