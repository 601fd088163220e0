// See forward_settings.h.
#include "policy/forward_settings.h"

#include <charconv>
#include <string>

namespace ssh2incus {
namespace {

constexpr std::string_view kHost = "host";

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (text.empty() || error != std::errc() || end != text.data() + text.size() || port == 0) {
    return fail(quoted(text) + " is no port");
  }
  return port;
}

DeniedNetwork denied_network(const IpAddress& address, unsigned bits, std::uint16_t port) {
  const auto bytes = address.bytes();
  return {Bytes(bytes.begin(), bytes.end()), static_cast<std::uint8_t>(bits), port};
}

Result<DeniedNetwork> parse_network(std::string_view entry) {
  std::string_view network = entry;
  std::string_view port;
  if (entry.starts_with('[')) {
    const auto end = entry.find(']');
    const bool closed =
        end != std::string_view::npos && (end + 1 == entry.size() || entry[end + 1] == ':');
    if (!closed) return fail(quoted(entry) + " isn't [CIDR]:PORT");
    network = entry.substr(1, end - 1);
    if (end + 1 < entry.size()) port = entry.substr(end + 2);
    if (end + 2 == entry.size()) return fail(quoted(entry) + " isn't [CIDR]:PORT");
  } else if (const auto colon = entry.find(':');
             colon != std::string_view::npos && colon == entry.rfind(':')) {
    network = entry.substr(0, colon);
    port = entry.substr(colon + 1);
    if (port.empty()) return fail(quoted(entry) + " lacks its port");
  }
  const auto parsed = TRY(IpNetwork::parse(network));
  return denied_network(parsed.address, parsed.bits, port.empty() ? 0 : TRY(parse_port(port)));
}

template <std::size_t Max, typename Source, typename Make>
auto bounded(const Source& source, const char* what, Make make)
    -> Result<BoundedList<decltype(make(*source.begin())), Max>> {
  if (source.size() > Max) return fail(std::string("too many ") + what);
  std::vector<decltype(make(*source.begin()))> list;
  for (const auto& element : source) list.push_back(make(element));
  return BoundedList<decltype(make(*source.begin())), Max>(std::move(list));
}

}  // namespace

Result<ForwardDenial> parse_forward_denial(std::span<const std::string> entries) {
  ForwardDenial denial;
  for (const std::string& entry : entries) {
    if (entry == "none" && entries.size() == 1) return denial;
    if (entry == "incus-sockets") {
      denial.incus_sockets = true;
    } else if (entry == kHost) {
      denial.host_ports.push_back(0);
    } else if (entry.starts_with("host:")) {
      denial.host_ports.push_back(TRY(parse_port(std::string_view(entry).substr(5))));
    } else {
      denial.networks.push_back(TRY(parse_network(entry)));
    }
  }
  return denial;
}

std::vector<DeniedNetwork> denied_host_addresses(std::span<const IpAddress> own,
                                                 std::span<const std::uint16_t> ports) {
  std::vector<DeniedNetwork> networks;
  for (const IpAddress& address : own) {
    if (match_address_list(address, "127.0.0.0/8,::1") == AddressMatch::kMatch) continue;
    for (const std::uint16_t port : ports) {
      networks.push_back(denied_network(address, address.width(), port));
    }
  }
  return networks;
}

Result<ForwardGrant> forward_grant(const ForwardSettings& settings, const KeyGrant& key,
                                   const AccessGrant& access) {
  ForwardGrant grant;
  grant.local = settings.local && key.port_forwarding && access.actions.has(Action::kLocalForward);
  grant.remote =
      settings.remote && key.port_forwarding && access.actions.has(Action::kRemoteForward);
  grant.agent = settings.agent && key.agent_forwarding && access.actions.has(Action::kAgent);
  grant.x11 = settings.x11 && key.x11_forwarding;
  grant.incus_sockets = !settings.denied.incus_sockets;
  grant.gateway_ports = settings.gateway_ports;
  const auto same = [](const auto& element) { return ForwardPattern(*element); };
  if (grant.local) {
    grant.permit_open = TRY((bounded<1024>(key.permit_open, "permitopen", same)));
    grant.local_to = TRY(
        (bounded<1024>(access.local_forward_to, "local-forward-to", [](const std::string& text) {
          return truncated<ForwardPattern::kMax>(text);
        })));
    grant.denied = TRY((bounded<256>(settings.denied.networks, "denied networks",
                                     [](const DeniedNetwork& network) { return network; })));
  }
  if (grant.remote) {
    grant.permit_listen = TRY((bounded<1024>(key.permit_listen, "permitlisten", same)));
    grant.remote_ports = TRY((bounded<256>(access.remote_forward_ports, "remote-forward-ports",
                                           [](const PortRange& range) {
                                             return GrantedPorts{range.first, range.last};
                                           })));
  }
  return grant;
}

}  // namespace ssh2incus
