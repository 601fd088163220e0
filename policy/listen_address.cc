// Names aren't looked up here, so only literal addresses count as loopback.
#include "policy/listen_address.h"

#include <charconv>
#include <cstdint>

#include "common/limits.h"
#include "common/names.h"
#include "policy/ip_address.h"

namespace ssh2incus {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

bool is_port(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value <= UINT16_MAX;
}

Result<unsigned> parse_mode(std::string_view text) {
  unsigned mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || mode > 0777) {
    return fail("'" + std::string(text) + "' is no mode of a socket, such as 0660");
  }
  return mode;
}

Result<ListenAddress> parse_unix(std::string_view text) {
  const std::string whole(text);
  text.remove_prefix(kUnixPrefix.size());
  UnixListenAddress address;
  std::size_t comma = text.find(',');
  address.path = std::string(text.substr(0, comma));
  if (!address.path.starts_with('/') || address.path.ends_with('/') ||
      address.path.find('\0') != std::string::npos) {
    return fail("'" + whole + "': '" + address.path + "' is not an absolute path");
  }
  if (address.path.size() > limits::kMaxSocketPath) {
    return fail("'" + whole + "': the path of a socket has at most " +
                std::to_string(limits::kMaxSocketPath) + " bytes");
  }
  while (comma != std::string_view::npos) {
    text.remove_prefix(comma + 1);
    comma = text.find(',');
    const std::string_view option = text.substr(0, comma);
    if (option.starts_with("mode=")) {
      address.mode = TRY(parse_mode(option.substr(5)));
    } else if (option.starts_with("group=")) {
      address.group = std::string(option.substr(6));
      if (auto reason = why_not_user_name(address.group); !reason.empty()) {
        return fail("'" + whole + "': group '" + address.group + "': " + reason);
      }
    } else {
      return fail("'" + whole + "': '" + std::string(option) + "' is neither mode= nor group=");
    }
  }
  return ListenAddress(std::move(address));
}

}  // namespace

Result<ListenAddress> parse_listen_address(std::string_view text) {
  if (text.starts_with(kUnixPrefix)) return parse_unix(text);
  const std::string whole(text);
  const std::size_t colon = whole.rfind(':');
  if (colon == std::string::npos) {
    return fail("'" + whole + "' is not \":port\", \"host:port\" or \"unix:/path\"");
  }
  TcpListenAddress address{whole.substr(0, colon), whole.substr(colon + 1)};
  std::string& host = address.host;
  if (host.size() >= 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string::npos) {
    return fail("'" + whole + "': write an IPv6 address in brackets");
  }
  if (!is_port(address.port)) return fail("'" + whole + "': '" + address.port + "' is no port");
  return ListenAddress(std::move(address));
}

bool is_on_this_host_only(const ListenAddress& address) {
  const auto* tcp = std::get_if<TcpListenAddress>(&address);
  if (tcp == nullptr) return true;
  const auto literal = IpAddress::parse(tcp->host);
  return literal && match_address_list(*literal, "127.0.0.0/8,::1") == AddressMatch::kMatch;
}

}  // namespace ssh2incus
