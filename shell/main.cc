// ssh2incus-shell: the login shell behind %shell. Without arguments a command line on the terminal
// whose lines are arguments for the incus client; with -c LINE that line alone, and its exit
// status. Runs on the host as a user of its own that may use Incus's socket; what a line may do is
// what Incus lets that user do, which is everything that root's incus can.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <string_view>

#include "shell/command_line.h"
#include "shell/completion.h"
#include "shell/incus_program.h"
#include "shell/line_editor.h"
#include "shell/starter.h"

namespace ssh2incus::shell {
namespace {

constexpr int kMisuse = 2;
constexpr int kCompletionMs = 3000;

// "incus list" and "list" are the same.
std::vector<std::string> without_program_name(std::vector<std::string> words) {
  if (words.size() > 1 && words.front() == "incus") words.erase(words.begin());
  if (words.size() == 1 && words.front() == "incus") words = {"help"};
  return words;
}

int run_line(std::string_view line) {
  auto words = split_line(line);
  if (!words.ok()) {
    std::fprintf(stderr, "ssh2incus: %s\n", words.error().message.c_str());
    return kMisuse;
  }
  if (words->empty()) return 0;
  return run_incus(without_program_name(std::move(*words)));
}

bool is_leaving(std::string_view line) {
  while (line.starts_with(' ')) line.remove_prefix(1);
  while (line.ends_with(' ')) line.remove_suffix(1);
  return line == "exit" || line == "quit" || line == "logout";
}

void greet() {
  char host[256] = "this host";
  static_cast<void>(gethostname(host, sizeof(host) - 1));
  std::printf("Incus shell on %s: lines are commands of incus, like \"list\".\n", host);
  std::printf("\"help\" lists them, Tab completes, Ctrl-C twice or \"exit\" leaves.\n");
}

int converse() {
  greet();
  LineEditor editor("incus> ", [](std::string_view line) {
    return completions(line, [](const std::vector<std::string>& arguments) {
      return output_of_incus(arguments, kCompletionMs);
    });
  });
  int status = 0;
  bool interrupted = false;
  for (;;) {
    std::string line;
    switch (editor.read(line)) {
      case LineEditor::Input::kEnd: return status;
      case LineEditor::Input::kInterrupted:
        if (interrupted) return status;
        interrupted = true;
        std::printf("Ctrl-C once more leaves.\n");
        continue;
      case LineEditor::Input::kLine: break;
    }
    interrupted = false;
    if (is_leaving(line)) return status;
    status = run_line(line);
  }
}

// Lines of a pipe, as sh reads them: the status is that of the last one.
int read_lines() {
  int status = 0;
  std::string line;
  while (std::getline(std::cin, line)) {
    if (is_leaving(line)) break;
    status = run_line(line);
  }
  return status;
}

int run(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, BUFSIZ);
  if (argc == 3 && std::string_view(argv[1]) == "-c") return run_line(argv[2]);
  if (argc == 4 && std::string_view(argv[1]) == "--serve") return serve_starts(argv[2], argv[3]);
  if (argc != 1) {
    std::fprintf(stderr, "usage: ssh2incus-shell [-c LINE | --serve GUEST SHELL]\n");
    return kMisuse;
  }
  return isatty(STDIN_FILENO) != 0 ? converse() : read_lines();
}

}  // namespace
}  // namespace ssh2incus::shell

int main(int argc, char** argv) { return ssh2incus::shell::run(argc, argv); }
