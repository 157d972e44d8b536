#include <boost/test/unit_test.hpp>

#include "server_process.hpp"

#include <string>
#include <string_view>
#include <vector>

// What becomes of the programs that need servers where there are none: a visible skip when it was asked for, else a loud failure. This one
// needs none, and is not skipped itself.

namespace {

using namespace hybridbuffer::servers;

struct Program {
  std::string path;
  std::string_view packages;  // that its servers are in
};

const std::vector<Program>& programs() {
  static const std::vector<Program> all{
      {SERVERS_REDIS_SERVER, "redis-server"},
      {SERVERS_REDIS_CLUSTER, "redis-server"},
      {SERVERS_CEPH_GATEWAY, "radosgw ceph-mon ceph-osd"},
      {SERVERS_SWIFT_GATEWAY, "swift-proxy swift-account swift-container swift-object memcached"},
      {REDIS_EXPIRATION, "redis-server"},
      {CONFORMANCE_REDIS, "redis-server"},
  };
  return all;
}

struct Ended {
  int status = 0;
  std::string output;
};

Ended run(const Program& program, const std::vector<std::string>& environment) {
  const Workspace workspace{"missing"};
  ServerProcess process{workspace, "program", {program.path}, environment};
  process.start();
  constexpr milliseconds limit{120'000};
  wait_until([&] { return !process.is_running(); }, limit, program.path + " does not end", workspace);
  return {process.exit_status(), content_of(workspace.path("program.log"))};
}

bool holds(const Ended& ended, std::string_view words) { return ended.output.find(words) != std::string::npos; }

constexpr int skipped = 77;  // SKIP_RETURN_CODE of every test: hybridbuffer_register_test()
constexpr std::string_view says_so = "skipped: HYBRIDBUFFER_SKIP_SERVERS is set; nothing was tested on real servers\n";

}  // namespace

BOOST_AUTO_TEST_CASE(asked_to_skip_servers_every_program_is_skipped_and_says_so) {
  for (const Program& program : programs()) {
    BOOST_TEST_CONTEXT(program.path) {
      const Ended ended = run(program, {"HYBRIDBUFFER_SKIP_SERVERS=1"});
      BOOST_TEST(ended.status == skipped);
      BOOST_TEST(ended.output.ends_with(says_so), ended.output);
    }
  }
}

BOOST_AUTO_TEST_CASE(without_its_servers_every_program_fails_with_the_line_that_installs_them) {
  for (const std::string asked : {"0", ""}) {
    for (const Program& program : programs()) {
      BOOST_TEST_CONTEXT(program.path << ", HYBRIDBUFFER_SKIP_SERVERS=" << asked) {
        const Ended ended = run(program, {"HYBRIDBUFFER_SKIP_SERVERS=" + asked, "PATH=", "LD_PRELOAD=" NOTHING_INSTALLED});
        BOOST_TEST(ended.status != 0);
        BOOST_TEST(ended.status != skipped);
        BOOST_TEST(holds(ended, "not installed: "), ended.output);
        std::string line{"Install with: apt-get install --no-install-recommends "};
        line.append(program.packages).append(" (or set HYBRIDBUFFER_SKIP_SERVERS=1 to skip the tests on real servers)");
        BOOST_TEST(holds(ended, line), ended.output);
        BOOST_TEST(!holds(ended, says_so), ended.output);
      }
    }
  }
}
