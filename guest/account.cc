// See account.h.
#include "guest/account.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "common/unique_fd.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxAccountFile = 16UL * 1024 * 1024;
constexpr std::size_t kMaxGetentOutput = 64UL * 1024;
constexpr int kGetentMs = 5'000;

int now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int>((now.tv_sec % 1'000'000) * 1'000 + now.tv_nsec / 1'000'000);
}

[[noreturn]] void exec_getent(const char* database, const std::string& key, int output) {
  // In a child: only descriptors 0-2, a bare environment.
  dup2(output, STDOUT_FILENO);
  const UniqueFd null(open("/dev/null", O_RDWR));
  dup2(null.get(), STDIN_FILENO);
  dup2(null.get(), STDERR_FILENO);
  close_range(3, ~0U, 0);
  std::array<char*, 4> arguments = {const_cast<char*>("getent"), const_cast<char*>(database),
                                    const_cast<char*>(key.c_str()), nullptr};
  std::array<char*, 2> environment = {const_cast<char*>("PATH=/usr/sbin:/usr/bin:/sbin:/bin"),
                                      nullptr};
  for (const char* path : {"/usr/bin/getent", "/bin/getent"}) {
    execve(path, arguments.data(), environment.data());
  }
  _exit(127);
}

// What getent prints within the limits; empty if there is no getent or it takes too long.
std::string run_getent(const char* database, const std::string& key) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = fork();
  if (child < 0) return {};
  if (child == 0) exec_getent(database, key, writing.get());
  writing.reset();
  std::string output;
  const int deadline = now_ms() + kGetentMs;
  bool complete = false;
  while (output.size() < kMaxGetentOutput) {
    pollfd waiting{reading.get(), POLLIN, 0};
    if (poll(&waiting, 1, std::max(0, deadline - now_ms())) <= 0) break;
    std::array<char, 4096> buffer;
    const ssize_t count = read(reading.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    complete = count == 0;
    if (count <= 0) break;
    output.append(buffer.data(), static_cast<std::size_t>(count));
  }
  if (!complete) kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  return complete ? output : std::string();
}

}  // namespace

std::optional<std::string> read_small_file(const char* path, std::size_t limit) {
  const UniqueFd file(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  if (!file.valid() || fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    return std::nullopt;
  }
  std::string content;
  std::array<char, 16384> buffer;
  while (content.size() < limit) {
    const auto wanted = std::min(buffer.size(), limit - content.size());
    const ssize_t count = read(file.get(), buffer.data(), wanted);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    content.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return content;
}

Result<std::optional<Account>> resolve_account(const std::string& name) {
  const auto passwd = read_small_file("/etc/passwd", kMaxAccountFile);
  auto account = find_account(passwd.value_or(""), name);
  std::vector<gid_t> groups;
  if (account) {
    groups = groups_of(read_small_file("/etc/group", kMaxAccountFile).value_or(""), name);
  } else {
    account = find_account(run_getent("passwd", name), name);
    if (!account) {
      // Nobody can log in to an instance without any account, except root: containers may have
      // been built from nothing but a program.
      if (name == "root" && !passwd)
        return std::optional(Account{"root", 0, 0, "/", "/bin/sh", {0}});
      return std::optional<Account>();
    }
    groups = parse_initgroups(run_getent("initgroups", name), name);
  }
  for (const gid_t group : groups) {
    if (group != account->gid) account->groups.push_back(group);
  }
  return account;
}

Status become(const Account& account) {
  if (geteuid() == 0) {
    if (setgroups(account.groups.size(), account.groups.data()) != 0)
      return system_error("setgroups");
    if (setresgid(account.gid, account.gid, account.gid) != 0) return system_error("setresgid");
    if (setresuid(account.uid, account.uid, account.uid) != 0) return system_error("setresuid");
  }
  uid_t real = 0;
  uid_t effective = 0;
  uid_t saved = 0;
  if (getresuid(&real, &effective, &saved) != 0 || real != account.uid ||
      effective != account.uid || saved != account.uid) {
    return fail("could not become the user");
  }
  gid_t real_group = 0;
  gid_t effective_group = 0;
  gid_t saved_group = 0;
  if (getresgid(&real_group, &effective_group, &saved_group) != 0 || real_group != account.gid ||
      effective_group != account.gid || saved_group != account.gid) {
    return fail("could not take the user's group");
  }
  if (account.uid != 0 && setresuid(0, 0, 0) == 0) return fail("could become root again");
  if (prctl(PR_SET_DUMPABLE, 0) != 0) return system_error("PR_SET_DUMPABLE");
  return {};
}

}  // namespace ssh2incus::guest
