// See kept_session.h.
#include "guest/kept_session.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "guest/child_setup.h"
#include "guest/package_task.h"
#include "guest/program_path.h"
#include "guest/root_client.h"

namespace ssh2incus::guest {
namespace {

constexpr const char* kSessionName = "ssh2incus";
constexpr const char* kCommonTerminal = "xterm-256color";
constexpr std::string_view kBroughtPrefix = "tmux-";

bool has_terminfo(const std::string& terminal) {
  if (terminal.empty() || terminal.find('/') != std::string::npos) return false;
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto first = static_cast<unsigned char>(terminal[0]);
  const std::array<std::string, 2> folders = {
      std::string(1, terminal[0]), std::string{kDigits[first >> 4], kDigits[first & 15]}};
  for (const char* base : {"/etc/terminfo/", "/lib/terminfo/", "/usr/share/terminfo/"}) {
    for (const std::string& folder : folders) {
      if (access((base + folder + "/" + terminal).c_str(), R_OK) == 0) return true;
    }
  }
  return false;
}

// A name for the terminal that programs of the instance know; none: they know no common one.
std::string known_terminal(const std::string& wanted) {
  for (const std::string& name : {wanted, std::string(kCommonTerminal), std::string("xterm")}) {
    if (has_terminfo(name)) return name;
  }
  return {};
}

// Beside the guest's own program, where only root can have put it.
std::string brought_tmux() {
  const auto own = own_path();
  if (!own.ok()) return {};
  const std::string folder = own->substr(0, own->rfind('/'));
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(folder.c_str()), closedir);
  while (const dirent* entry = directory ? readdir(directory.get()) : nullptr) {
    const std::string name = entry->d_name;
    struct stat status {};
    const std::string path = folder + "/" + name;
    if (name.starts_with(kBroughtPrefix) && lstat(path.c_str(), &status) == 0 &&
        name.ends_with("-" + std::to_string(status.st_size)) &&  // a whole one
        S_ISREG(status.st_mode) && status.st_uid == 0 && (status.st_mode & 022) == 0 &&
        access(path.c_str(), X_OK) == 0) {
      return path;
    }
  }
  return {};
}

std::vector<std::string> changed_terminal(const std::string& name, const KeptSessionNeeds& needs) {
  if (name == needs.terminal_name) return {};
  return {"TERM=" + name};
}

KeptProgram tmux(const std::string& path, const std::string& terminal, bool brought,
                 const KeptSessionNeeds& needs) {
  KeptProgram program{path, {"tmux", "-u"}, changed_terminal(terminal, needs)};
  // Versions don't understand each other's server.
  if (brought) program.arguments.insert(program.arguments.end(), {"-L", kSessionName});
  for (const char* argument : {"new-session", "-A", "-s", kSessionName})
    program.arguments.emplace_back(argument);
  return program;
}

KeptProgram screen(const std::string& path, const std::string& terminal,
                   const KeptSessionNeeds& needs) {
  KeptProgram program{path,
                      {"screen", "-U", "-s", "-" + needs.shell, "-xRR", "-S", kSessionName},
                      changed_terminal(terminal, needs)};
  // Made by the system's start, where there is one; others can't make it.
  if (access("/run/screen", F_OK) != 0 && access("/var/run/screen", F_OK) != 0) {
    const std::string folder = needs.home + "/.screen";
    mkdir(folder.c_str(), 0700);
    program.environment.push_back("SCREENDIR=" + folder);
  }
  return program;
}

KeptProgram own_keeper(const KeptSessionNeeds& needs) {
  const auto path = own_path();
  return {path.ok() ? *path : std::string("/proc/self/exe"),
          {"ssh2incus-guest", "--keep", needs.shell},
          {}};
}

void say(const std::string& text) { complain("ssh2incus: " + text + "\n"); }

// The program's path, after installing it if need be; empty: it isn't to be had.
std::string find_keeper(const std::string& name, const KeptSessionNeeds& needs) {
  if (auto found = find_program(name); found.ok()) return *found;
  if (!needs.may_install || needs.root_helper < 0) return {};
  const auto answer = ask_root(needs.root_helper, RootOperation::kInstallKeeper, -1, false);
  reset_signals();
  if (!answer.ok()) say(answer.error().message);
  const auto found = find_program(name);
  return found.ok() ? *found : std::string();
}

}  // namespace

KeptProgram prepare_kept_session(const KeptSessionNeeds& needs) {
  const std::string name = keeper_program(needs.keeper);
  if (name.empty()) return own_keeper(needs);
  const std::string path = find_keeper(name, needs);
  const std::string terminal = known_terminal(needs.terminal_name);
  if (!path.empty() && !terminal.empty()) {
    return needs.keeper == SessionKeeper::kTmux ? tmux(path, terminal, false, needs)
                                                : screen(path, terminal, needs);
  }
  if (const std::string brought = brought_tmux();
      needs.keeper == SessionKeeper::kTmux && !brought.empty()) {
    return tmux(brought, terminal.empty() ? kCommonTerminal : terminal, true, needs);
  }
  say(path.empty() ? name + " isn't in the instance; ssh2incus keeps this session itself"
                   : name + " knows no terminal here; ssh2incus keeps this session itself");
  return own_keeper(needs);
}

}  // namespace ssh2incus::guest
