#pragma once

#include "workspace.hpp"

#include <boost/test/framework.hpp>
#include <boost/test/results_collector.hpp>
#include <boost/test/unit_test_suite.hpp>

namespace hybridbuffer::servers {

/// For a test program that needs servers: once, at namespace scope,
///
///     BOOST_TEST_GLOBAL_FIXTURE(ServerTests);
///
/// HYBRIDBUFFER_SKIP_SERVERS=1 then skips the whole program, visibly (status 77); and when a case has failed, the servers that end print
/// their logs and keep their directories.
struct ServerTests {
  ServerTests() {
    skip_when_asked();
    Workspace::keep_when([] {
      namespace unit_test = boost::unit_test;
      return !unit_test::results_collector.results(unit_test::framework::current_test_case().p_id).passed();
    });
  }
  ServerTests(const ServerTests&) = delete;
  ServerTests& operator=(const ServerTests&) = delete;
  // For servers that outlive the cases: static ones.
  ~ServerTests() {
    namespace unit_test = boost::unit_test;
    const bool passed = unit_test::results_collector.results(unit_test::framework::master_test_suite().p_id).passed();
    Workspace::keep_when([passed] { return !passed; });
  }
};

}  // namespace hybridbuffer::servers
