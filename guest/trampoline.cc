// See trampoline.h.
#include "guest/trampoline.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "guest/child_setup.h"
#include "guest/program_order.h"

namespace ssh2incus::guest {
namespace {

constexpr int kCannotStart = 126;

void set_variable(const std::string& line) {
  const auto equals = line.find('=');
  if (equals == 0 || equals == std::string::npos) return;
  setenv(line.substr(0, equals).c_str(), line.c_str() + equals + 1, 1);
}

}  // namespace

bool is_trampoline(const char* own_name) { return own_name != nullptr && own_name[0] == '-'; }

int run_trampoline() {
  auto order = read_order(kOrderDescriptor);
  close_descriptors_from(kOrderDescriptor);
  if (!order.ok()) {
    complain("ssh2incus-guest: " + order.error().message + "\n");
    return kCannotStart;
  }
  for (const auto& line : order->environment) set_variable(*line);
  std::vector<std::string> arguments;
  for (const auto& argument : order->arguments) arguments.push_back(*argument);
  const auto pointers = pointers_to(arguments);
  execv(order->program->c_str(), pointers.data());
  complain(*order->program + ": " + strerror(errno) + "\n");
  return kCannotStart;
}

}  // namespace ssh2incus::guest
