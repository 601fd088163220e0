// Follows incus's shared/cliconfig.
#include "policy/remotes.h"

#include <algorithm>
#include <charconv>

#include "common/escape.h"
#include "common/limits.h"
#include "policy/ip_address.h"

namespace ssh2incus {
namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kHttps = "https://";
constexpr std::uint16_t kHttpsPort = 443;  // as the client takes an address without a port

bool is_host_name(std::string_view text) {
  const bool plain = std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
  return plain && !text.empty() && text.size() <= limits::kMaxRemoteHost && text.front() != '-' &&
         text.front() != '.';
}

Result<std::uint16_t> parse_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535)
    return fail(quoted(text) + " is no port");
  return static_cast<std::uint16_t>(port);
}

Remote refused(std::string why) {
  Remote remote;
  remote.refusal = std::move(why);
  return remote;
}

Remote on_this_host(std::string_view path, const std::string& local_socket) {
  if (path.starts_with("//")) path.remove_prefix(2);
  Remote remote;
  remote.socket_path = path.empty() ? local_socket : std::string(path);
  if (remote.socket_path.empty()) return refused("there is no Incus socket on this host");
  if (!remote.socket_path.starts_with('/') || remote.socket_path.size() > limits::kMaxSocketPath)
    return refused("its address is no path of a socket");
  return remote;
}

Remote by_https(const RemoteEntry& entry) {
  const auto url = parse_https_url(entry.address, kHttpsPort);
  if (!url.ok()) return refused("its address is unusable: " + url.error().message);
  if (!entry.auth_type.empty() && entry.auth_type != "tls")
    return refused("it is authenticated by " + escaped(entry.auth_type) +
                   ", and ssh2incus has client certificates only");
  Remote remote;
  remote.host = url->host;
  remote.port = url->port;
  return remote;
}

}  // namespace

const Remote* Remotes::find(const std::string& name) const {
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : &found->second;
}

Result<HttpsUrl> parse_https_url(std::string_view url, std::uint16_t default_port) {
  if (!url.starts_with(kHttps)) return fail("a URL must begin with https://");
  std::string_view rest = url.substr(kHttps.size());
  if (rest.ends_with('/')) rest.remove_suffix(1);
  HttpsUrl parsed{{}, default_port};
  std::string_view port;
  if (rest.starts_with('[')) {
    const auto bracket = rest.find(']');
    parsed.host = std::string(rest.substr(1, std::min(bracket, rest.size()) - 1));
    const auto address = IpAddress::parse(parsed.host);
    if (bracket == std::string_view::npos || !address || !address->is_ipv6())
      return fail("its host is no IPv6 address");
    port = rest.substr(bracket + 1);
  } else {
    const auto colon = std::min(rest.find(':'), rest.size());
    parsed.host = std::string(rest.substr(0, colon));
    if (!is_host_name(parsed.host)) return fail(quoted(parsed.host) + " is no host name");
    port = rest.substr(colon);
  }
  if (port.empty()) return parsed;
  if (port.front() != ':') return fail("there is something behind its address");
  parsed.port = TRY(parse_port(port.substr(1)));
  return parsed;
}

bool is_image_server(const RemoteEntry& entry) {
  const bool is_incus = entry.protocol.empty() || entry.protocol == "incus";
  return !is_incus || entry.is_public;
}

Remote remote_of(const RemoteEntry& entry, const std::string& local_socket) {
  Remote remote;
  if (is_image_server(entry)) {
    remote = refused("it is an image server and has no instances");
  } else if (entry.address.starts_with(kUnix)) {
    remote = on_this_host(std::string_view(entry.address).substr(kUnix.size()), local_socket);
  } else {
    remote = by_https(entry);
  }
  if (!entry.project.empty() && !why_not_project_name(entry.project).empty()) {
    return refused("its project " + quoted(entry.project) + " is no name of a project");
  }
  remote.project = entry.project;
  return remote;
}

LoginTarget resolve_target(const Remotes& remotes, LoginTarget target) {
  if (target.kind != LoginTarget::Kind::kInstance) return target;
  if (!target.remote) {
    if (auto name = RemoteName::parse(remotes.default_name); name.ok()) target.remote = *name;
  }
  const Remote* remote = target.remote ? remotes.find(target.remote->str()) : nullptr;
  if (!target.project && remote != nullptr && !remote->project.empty()) {
    if (auto project = ProjectName::parse(remote->project); project.ok()) target.project = *project;
  }
  return target;
}

std::string why_not_remote(const Remotes& remotes, const LoginTarget& resolved) {
  const std::string name = resolved.remote ? resolved.remote->str() : kLocalRemote;
  const Remote* remote = remotes.find(name);
  if (remote == nullptr) return "there is no remote " + quoted(name);
  if (remote->refusal.empty()) return {};
  return "remote " + quoted(name) + " can't be used: " + remote->refusal;
}

}  // namespace ssh2incus
