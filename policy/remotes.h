// Which incusd a login means: its remote, or the default one, and the project that counts there.
// What remotes there are is the administrator's; which one is named, the client's.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "common/result.h"
#include "policy/client_config.h"
#include "policy/login_target.h"

namespace ssh2incus {

inline constexpr const char* kLocalRemote = "local";
inline constexpr const char* kDefaultProject = "default";
inline constexpr std::uint16_t kIncusPort = 8443;

struct Remote {
  std::string project;      // of logins that name none; empty: "default"
  std::string socket_path;  // of an incusd on this host; or
  std::string host;         // a name or an address without brackets
  std::uint16_t port = 0;
  std::string refusal;  // why nobody can log in there; empty: may
  [[nodiscard]] bool is_network() const { return !host.empty(); }
  friend bool operator==(const Remote&, const Remote&) = default;
};

struct Remotes {
  std::string default_name = kLocalRemote;
  std::map<std::string, Remote> by_name;

  [[nodiscard]] const Remote* find(const std::string& name) const;
};

// local_socket: what "unix:" without a path means; empty: there is none.
Remote remote_of(const RemoteEntry& entry, const std::string& local_socket);

// Whether it has images instead of instances.
bool is_image_server(const RemoteEntry& entry);

struct HttpsUrl {
  std::string host;
  std::uint16_t port = 0;
};
// https://HOST[:PORT], with nothing behind it.
Result<HttpsUrl> parse_https_url(std::string_view url, std::uint16_t default_port);

// The same login with its remote named, and its project, if it names an instance.
LoginTarget resolve_target(const Remotes& remotes, LoginTarget target);
// Why nobody gets in there, for the client after its login; empty: that remote can be used.
std::string why_not_remote(const Remotes& remotes, const LoginTarget& resolved);

}  // namespace ssh2incus
