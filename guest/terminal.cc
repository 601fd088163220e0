// See terminal.h.
#include "guest/terminal.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "common/account_files.h"
#include "guest/account.h"
#include "guest/terminal_modes.h"

namespace ssh2incus::guest {
namespace {

constexpr mode_t kTerminalMode = 0620;

// What grantpt() does, as far as the user may: the kernel has made the user the owner already, and
// the group is devpts's option unless the user belongs to it.
void grant_terminal(const UniqueFd& slave) {
  const auto groups = read_small_file("/etc/group", 1024UL * 1024);
  const auto tty = groups ? find_group(*groups, "tty") : std::nullopt;
  struct stat status {};
  if (fstat(slave.get(), &status) != 0) return;
  if (tty && status.st_gid != *tty) {
    [[maybe_unused]] const int ignored = fchown(slave.get(), geteuid(), *tty);
  }
  if (fstat(slave.get(), &status) != 0) return;
  // Writable by whatever group it has would be too much, if that isn't tty's.
  const mode_t mode = tty && status.st_gid == *tty ? kTerminalMode : 0600;
  [[maybe_unused]] const int ignored = fchmod(slave.get(), mode);
}

}  // namespace

Result<Terminal> open_terminal() {
  Terminal terminal;
  terminal.master.reset(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.master.valid()) return system_error("cannot allocate a terminal");
  int locked = 0;
  int number = 0;
  if (ioctl(terminal.master.get(), TIOCSPTLCK, &locked) != 0 ||
      ioctl(terminal.master.get(), TIOCGPTN, &number) != 0) {
    return system_error("cannot allocate a terminal");
  }
  terminal.name = "/dev/pts/" + std::to_string(number);
  terminal.slave.reset(ioctl(terminal.master.get(), TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC));
  if (!terminal.slave.valid()) {
    terminal.slave.reset(open(terminal.name.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC));
  }
  if (!terminal.slave.valid()) return system_error("cannot open " + terminal.name);
  grant_terminal(terminal.slave);
  return terminal;
}

Result<Terminal> open_terminal(const PtyRequest& request) {
  Terminal terminal = TRY(open_terminal());
  termios settings{};
  if (tcgetattr(terminal.slave.get(), &settings) == 0) {
    apply_terminal_modes(request.modes.get(), settings);
    tcsetattr(terminal.slave.get(), TCSANOW, &settings);
  }
  set_window_size(terminal.master.get(), request.size);
  return terminal;
}

void set_window_size(int terminal, const TerminalSize& size) {
  const auto bounded = [](std::uint32_t value) {
    return static_cast<unsigned short>(std::min(value, 0xffffU));
  };
  winsize window{};
  window.ws_col = bounded(size.columns);
  window.ws_row = bounded(size.rows);
  window.ws_xpixel = bounded(size.width_pixels);
  window.ws_ypixel = bounded(size.height_pixels);
  ioctl(terminal, TIOCSWINSZ, &window);
}

}  // namespace ssh2incus::guest
