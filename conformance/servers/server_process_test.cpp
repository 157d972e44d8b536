#include <boost/test/unit_test.hpp>

#include "boost_test.hpp"
#include "server_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace hybridbuffer::servers;

BOOST_TEST_GLOBAL_FIXTURE(ServerTests);

constexpr milliseconds patience{20'000};

// A program that says who it is and goes on until it is killed.
const std::vector<std::string> lasting{"/bin/sh", "-c", "echo $$ >pid; exec sleep 1000"};

pid_t pid_in(const Workspace& workspace) {
  wait_until([&] { return content_of(workspace.path("pid")).ends_with('\n'); }, patience, "it does not say its number", workspace);
  return std::stoi(content_of(workspace.path("pid")));
}
bool is_alive(pid_t pid) { return ::kill(pid, 0) == 0; }

BOOST_AUTO_TEST_CASE(it_runs_until_it_is_stopped_killed_or_its_object_ends) {
  const Workspace workspace{"process"};
  std::optional<ServerProcess> process;
  process.emplace(workspace, "sleep", lasting);
  for (const int how : {0, 1, 2}) {
    std::filesystem::remove(workspace.path("pid"));
    process->start();
    const pid_t pid = pid_in(workspace);
    BOOST_TEST(process->is_running());
    BOOST_TEST(is_alive(pid));

    if (how == 0) process->stop();
    if (how == 1) process->kill9();
    if (how < 2) BOOST_TEST(!process->is_running());
    if (how == 0) BOOST_TEST(process->exit_status() == 128 + SIGTERM);
    if (how == 1) BOOST_TEST(process->exit_status() == 128 + SIGKILL);
    if (how == 2) process.reset();

    BOOST_TEST(!is_alive(pid));
  }
}

BOOST_AUTO_TEST_CASE(it_outlives_the_thread_that_started_it) {
  const Workspace workspace{"process"};
  ServerProcess process{workspace, "sleep", lasting};
  std::thread{[&] { process.start(); }}.join();
  const pid_t pid = pid_in(workspace);

  ::usleep(50'000);

  BOOST_TEST(process.is_running());
  BOOST_TEST(is_alive(pid));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_started_or_ends_before_it_is_ready_is_a_failure_that_says_why) {
  const Workspace workspace{"process"};
  ServerProcess absent{workspace, "absent", {"/nowhere/program"}};
  BOOST_CHECK_EXCEPTION(absent.start(), ServerFailure, [](const ServerFailure& failure) {
    return std::string{failure.what()}.find("/nowhere/program: No such file") != std::string::npos;
  });
  ServerProcess brief{workspace, "brief", {"/bin/sh", "-c", "echo it rains; exit 3"}};
  brief.start();
  BOOST_CHECK_EXCEPTION(brief.wait_until_ready([] { return false; }, patience), ServerFailure,
                        [](const ServerFailure& failure) { return std::string{failure.what()}.find("it rains") != std::string::npos; });
  BOOST_TEST(brief.exit_status() == 3);
  BOOST_CHECK_THROW(run_program(workspace, {"false"}), ServerFailure);
  BOOST_TEST(run_program(workspace, {"echo", "two words"}) == "two words\n");
}

BOOST_AUTO_TEST_CASE(a_program_that_is_not_installed_is_named_with_the_line_that_installs_it) {
  BOOST_CHECK_EXCEPTION(require_programs({"sh", "no-such-program"}, "some-package other-package"), ServerFailure,
                        [](const ServerFailure& failure) {
                          const std::string text = failure.what();
                          return text.find("not installed: no-such-program.") != std::string::npos &&
                                 text.find("apt-get install --no-install-recommends some-package other-package") != std::string::npos;
                        });
}

// The child dies without a word with its whole process group, as a watchdog would have it; then neither the server nor its directory is
// left.
BOOST_AUTO_TEST_CASE(nothing_is_left_of_a_process_that_is_killed) {
  std::array<int, 2> ends{};
  BOOST_REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::setpgid(0, 0);
    const Workspace workspace{"killed"};
    ServerProcess process{workspace, "sleep", lasting};
    process.start();
    const std::string told = std::to_string(pid_in(workspace)) + " " + workspace.directory() + "\n";
    if (::write(ends[1], told.data(), told.size()) > 0) ::kill(0, SIGKILL);
    ::_exit(1);
  }
  ::close(ends[1]);
  std::array<char, 200> told{};
  BOOST_REQUIRE(::read(ends[0], told.data(), told.size() - 1) > 0);
  ::close(ends[0]);
  int status = 0;
  BOOST_TEST(::waitpid(child, &status, 0) == child);
  BOOST_TEST(WIFSIGNALED(status));
  const std::string text{told.data()};
  const pid_t server = std::stoi(text);
  const std::string directory = text.substr(text.find(' ') + 1, text.find('\n') - text.find(' ') - 1);

  const Workspace workspace{"killed"};
  wait_until([&] { return !is_alive(server) && !std::filesystem::exists(directory); }, patience, "something is left", workspace);
}

BOOST_AUTO_TEST_CASE(workspaces_share_nothing_and_leave_nothing) {
  std::string directory;
  {
    const Workspace one{"one"};
    const Workspace two{"two"};
    directory = one.directory();
    BOOST_TEST(one.directory() != two.directory());
    BOOST_TEST(one.port() != two.port());
    BOOST_TEST((one.port() + Workspace::port_count <= two.port() || two.port() + Workspace::port_count <= one.port()));
    write_file(one.path("file"), "text");
  }
  BOOST_TEST(!std::filesystem::exists(directory));
}

BOOST_AUTO_TEST_CASE(a_forked_child_that_ends_its_objects_leaves_those_of_its_parent_alone) {
  std::optional<Workspace> workspace{std::in_place, "forked"};
  std::optional<ServerProcess> process{std::in_place, *workspace, "sleep", lasting};
  process->start();
  const pid_t pid = pid_in(*workspace);

  const pid_t child = ::fork();
  if (child == 0) {
    process.reset();
    workspace.reset();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);

  BOOST_TEST(status == 0);
  BOOST_TEST(is_alive(pid));
  BOOST_TEST(process->is_running());
  BOOST_TEST(std::filesystem::exists(workspace->directory()));
}

}  // namespace
