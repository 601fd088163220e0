// libssh's log callback; see debug_log.h. The monitor takes 1000 lines before the login: fewer than
// that are sent in all, so that debugging never ends a connection.
#include "sessiond/debug_log.h"

#include <libssh/callbacks.h>
#include <libssh/libssh.h>

#include "common/escape.h"

namespace ssh2incus {
namespace {

constexpr int kMaxLines = 900;
int g_lines = 0;  // one connection per process

void log_callback(int /*priority*/, const char* function, const char* buffer, void* monitor) {
  if (buffer == nullptr || g_lines >= kMaxLines) return;
  ++g_lines;
  const std::string text =
      (function != nullptr ? std::string(function) + ": " : std::string()) + buffer;
  static_cast<void>(static_cast<MonitorClient*>(monitor)->notify(
      ipc::LogNotice{truncated<limits::kMaxLogText>(escaped(text))}));
}

}  // namespace

void send_debug_log_to(MonitorClient& monitor) {
  ssh_set_log_userdata(&monitor);
  ssh_set_log_callback(log_callback);
  ssh_set_log_level(SSH_LOG_PROTOCOL);
}

}  // namespace ssh2incus
