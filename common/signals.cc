// Table of the signals that SSH knows.
#include "common/signals.h"

#include <array>
#include <csignal>
#include <utility>

namespace ssh2incus {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 13> kSignals = {{{"ABRT", SIGABRT},
                                                                        {"ALRM", SIGALRM},
                                                                        {"FPE", SIGFPE},
                                                                        {"HUP", SIGHUP},
                                                                        {"ILL", SIGILL},
                                                                        {"INT", SIGINT},
                                                                        {"KILL", SIGKILL},
                                                                        {"PIPE", SIGPIPE},
                                                                        {"QUIT", SIGQUIT},
                                                                        {"SEGV", SIGSEGV},
                                                                        {"TERM", SIGTERM},
                                                                        {"USR1", SIGUSR1},
                                                                        {"USR2", SIGUSR2}}};

}  // namespace

std::optional<int> signal_number(std::string_view name) {
  for (const auto& [known, number] : kSignals) {
    if (known == name) return number;
  }
  return std::nullopt;
}

std::string signal_name(int number) {
  for (const auto& [name, known] : kSignals) {
    if (known == number) return std::string(name);
  }
  return "SIG" + std::to_string(number);
}

}  // namespace ssh2incus
