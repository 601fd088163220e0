// Parses forwarding requests; see forward_request.h. No I/O, no state.
#include "sessiond/forward_request.h"

#include <string>

#include "sessiond/packet_reader.h"
#include "sessiond/packet_writer.h"

namespace ssh2incus {
namespace {

constexpr std::uint32_t kMostPorts = 65535;

// A host and a port, or the path of a unix socket, which can't be empty.
template <typename Wish>
std::optional<Wish> read_wish(PacketReader& reader, bool is_tcp) {
  Wish wish;
  const auto place = reader.text(is_tcp ? limits::kMaxForwardHost : limits::kMaxSocketPath);
  if (!place) return std::nullopt;
  if (!is_tcp) {
    if (place->empty()) return std::nullopt;
    wish.path = std::string(*place);
    return wish;
  }
  const auto port = reader.number();
  if (!port || *port > kMostPorts) return std::nullopt;
  wish.host = std::string(*place);
  wish.port = static_cast<std::uint16_t>(*port);
  return wish;
}

}  // namespace

std::string text_of(const OpenConnection& wish) {
  if (!wish.path.empty()) return *wish.path;
  return (wish.host.empty() ? "localhost" : *wish.host) + " port " + std::to_string(wish.port);
}

std::string text_of(const OpenListener& wish) {
  if (!wish.path.empty()) return *wish.path;
  return (wish.host.empty() ? "*" : *wish.host) + " port " + std::to_string(wish.port);
}

std::optional<ChannelOffer> offer_to_client(const Accepted& accepted,
                                            const std::optional<OpenListener>& listener) {
  if (accepted.kind == AcceptedKind::kAgent) return ChannelOffer{"auth-agent@openssh.com", {}};
  PacketWriter payload;
  if (accepted.kind == AcceptedKind::kX11) {
    payload.text(*accepted.originator_address).number(accepted.originator_port);
    return ChannelOffer{"x11", payload.take()};
  }
  if (!listener) return std::nullopt;
  if (!listener->path.empty()) {
    payload.text(*listener->path).text("");  // reserved
    return ChannelOffer{"forwarded-streamlocal@openssh.com", payload.take()};
  }
  payload.text(*listener->host).number(listener->port);
  payload.text(*accepted.originator_address).number(accepted.originator_port);
  return ChannelOffer{"forwarded-tcpip", payload.take()};
}

bool is_direct_channel(std::string_view type) {
  return type == "direct-tcpip" || type == "direct-streamlocal@openssh.com";
}

std::optional<OpenConnection> parse_direct_channel(std::string_view type,
                                                   std::span<const std::uint8_t> payload) {
  PacketReader reader(payload);
  auto wish = read_wish<OpenConnection>(reader, type == "direct-tcpip");
  // Where the client has it from; of a unix socket both are reserved.
  if (!wish || !reader.text() || !reader.number() || !reader.at_end()) return std::nullopt;
  return wish;
}

std::optional<OpenListener> parse_forward_request(std::string_view name,
                                                  std::span<const std::uint8_t> payload) {
  PacketReader reader(payload);
  auto wish = read_wish<OpenListener>(reader, name.ends_with("tcpip-forward"));
  if (!wish || !reader.at_end()) return std::nullopt;
  return wish;
}

}  // namespace ssh2incus
