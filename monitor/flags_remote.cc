// -s, -r, -u with -c, -k and -t, as the Incus client has them. Which remotes there are is known
// later (monitor/remotes.h).
#include "monitor/flags_remote.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "common/names.h"
#include "policy/remotes.h"

namespace ssh2incus {
namespace {

constexpr const char* kNoSocket = "none";

}  // namespace

std::string default_incus_socket() {
  if (const char* socket = std::getenv("INCUS_SOCKET"); socket != nullptr && *socket != '\0')
    return socket;
  if (const char* dir = std::getenv("INCUS_DIR"); dir != nullptr && *dir != '\0') {
    return std::string(dir) + "/unix.socket";
  }
  constexpr const char* kRunSocket = "/run/incus/unix.socket";
  return access(kRunSocket, F_OK) == 0 ? kRunSocket : "/var/lib/incus/unix.socket";
}

void add_remote_flags(CLI::App& app, ServerConfig& config) {
  config.incus_socket = default_incus_socket();
  app.add_option(
      "-s,--socket", config.incus_socket,
      "Incus socket to connect to (optional, defaults to INCUS_SOCKET env); none: remotes "
      "only");
  app.add_option("-r,--remote", config.remote,
                 "default Incus remote to use (default: the Incus client's of root)");
  app.add_option("-u,--url", config.remote_url,
                 "Incus remote url to connect to (should start with https://)");
  app.add_option("-c,--client-cert", config.remote_client_certificate,
                 "client certificate for --url");
  app.add_option("-k,--client-key", config.remote_client_key, "client key for --url");
  app.add_option("-t,--server-cert", config.remote_server_certificate,
                 "server certificate for --url");
}

std::string check_remote_flags(CLI::App& app, ServerConfig& config) {
  const auto given = [&app](const char* name) { return app.get_option(name)->count() > 0; };
  if (config.incus_socket == kNoSocket) {
    config.incus_socket.clear();
  } else {
    config.socket_is_default_remote = given("--socket");
    if (config.incus_socket.empty()) config.incus_socket = default_incus_socket();
  }
  if (!config.remote.empty()) {
    if (auto reason = why_not_remote_name(config.remote); !reason.empty())
      return "--remote: " + reason;
    if (!config.remote_url.empty()) return "--url: --remote names another default";
  }
  if (!config.remote_url.empty()) {
    if (const auto url = parse_https_url(config.remote_url, kIncusPort); !url.ok())
      return "--url: " + url.error().message;
  }
  for (const auto& [flag, path] : {std::pair{"--client-cert", &config.remote_client_certificate},
                                   std::pair{"--client-key", &config.remote_client_key},
                                   std::pair{"--server-cert", &config.remote_server_certificate}}) {
    if (path->empty()) continue;
    if (config.remote_url.empty()) return std::string(flag) + ": only with --url";
    if (path->front() != '/') return std::string(flag) + ": '" + *path + "' isn't an absolute path";
  }
  if (config.remote_client_certificate.empty() != config.remote_client_key.empty())
    return "--client-cert and --client-key need each other";
  return {};
}

}  // namespace ssh2incus
