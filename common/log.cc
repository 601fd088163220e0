// Log lines. Values may come from the network: everything is escaped and bounded.
#include "common/log.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "common/escape.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxValue = 4096;

// Whether fd 2 is the stream that journald gave us (systemd.exec(5), $JOURNAL_STREAM).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (stream == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  return std::string(stream) == std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

int connect_to_journal() {
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  constexpr std::string_view kPath = "/run/systemd/journal/socket";
  std::copy(kPath.begin(), kPath.end(), address.sun_path);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  close(fd);
  return -1;
}

std::string timestamp() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  std::array<char, 32> text{};
  const std::size_t length = strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::string milliseconds = std::to_string(1000 + now.tv_nsec / 1'000'000);
  return std::string(text.data(), length) + "." + milliseconds.substr(1) + "Z";
}

std::string_view level_name(LogLevel level) {
  switch (level) {
    case LogLevel::kError: return "error";
    case LogLevel::kWarning: return "warning";
    case LogLevel::kNotice: return "notice";
    case LogLevel::kInfo: return "info";
    case LogLevel::kDebug: return "debug";
  }
  return "?";
}

std::string_view bounded(const std::string& value) {
  return std::string_view(value).substr(0, kMaxValue);
}

std::string as_text(const std::vector<LogField>& fields) {
  std::string out;
  for (const LogField& field : fields) {
    out += ' ';
    out += field.name;
    out += '=';
    out += quoted(bounded(field.value));
  }
  return out;
}

std::string as_journal(const std::vector<LogField>& fields) {
  std::string out;
  for (const LogField& field : fields) {
    out += "S2I_";
    std::transform(field.name.begin(), field.name.end(), std::back_inserter(out), [](char c) {
      return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    });
    out += '=';
    out += escaped(bounded(field.value));
    out += '\n';
  }
  return out;
}

}  // namespace

Log Log::open(bool debug) {
  Log log;
  log.debug_ = debug;
  if (stderr_is_journal()) {
    if (const int fd = connect_to_journal(); fd >= 0) {
      log.fd_ = fd;
      log.journal_ = true;
    }
  }
  return log;
}

Log Log::to(int fd) {
  Log log;
  log.fd_ = fd;
  return log;
}

Log Log::with(const std::vector<LogField>& fields) const {
  Log log = *this;
  log.text_fields_ += as_text(fields);
  log.journal_fields_ += as_journal(fields);
  return log;
}

void Log::write(LogLevel level, std::string_view event, const std::vector<LogField>& fields) const {
  if (level == LogLevel::kDebug && !debug_) return;
  const std::string text = "event=" + std::string(event) + text_fields_ + as_text(fields);
  std::string line;
  if (journal_) {
    line = "MESSAGE=" + text + "\nPRIORITY=" + std::to_string(static_cast<int>(level)) +
           "\nSYSLOG_IDENTIFIER=ssh2incus\nS2I_EVENT=" + std::string(event) + "\n" +
           journal_fields_ + as_journal(fields);
  } else {
    line = timestamp() + " level=" + std::string(level_name(level)) + " " + text + "\n";
  }
  [[maybe_unused]] const ssize_t ignored = ::write(fd_, line.data(), line.size());
}

}  // namespace ssh2incus
