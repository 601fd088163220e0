// Parses forwarding requests; see forward_request.h. No I/O, no state.
#include "sessiond/forward_request.h"

#include <string>

#include "sessiond/packet_reader.h"

namespace ssh2incus {
namespace {

constexpr std::uint32_t kMostPorts = 65535;

bool is_text(std::optional<std::string_view> text, std::size_t most) {
  return text && text->size() <= most && text->find('\0') == std::string_view::npos;
}

void put_number(Bytes& payload, std::uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) {
    payload.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}

void put_text(Bytes& payload, std::string_view text) {
  put_number(payload, static_cast<std::uint32_t>(text.size()));
  payload.insert(payload.end(), text.begin(), text.end());
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
  Bytes payload;
  if (accepted.kind == AcceptedKind::kX11) {
    put_text(payload, *accepted.originator_address);
    put_number(payload, accepted.originator_port);
    return ChannelOffer{"x11", std::move(payload)};
  }
  if (!listener) return std::nullopt;
  if (!listener->path.empty()) {
    put_text(payload, *listener->path);
    put_text(payload, "");  // reserved
    return ChannelOffer{"forwarded-streamlocal@openssh.com", std::move(payload)};
  }
  put_text(payload, *listener->host);
  put_number(payload, listener->port);
  put_text(payload, *accepted.originator_address);
  put_number(payload, accepted.originator_port);
  return ChannelOffer{"forwarded-tcpip", std::move(payload)};
}

bool is_direct_channel(std::string_view type) {
  return type == "direct-tcpip" || type == "direct-streamlocal@openssh.com";
}

std::optional<OpenConnection> parse_direct_channel(std::string_view type,
                                                   std::span<const std::uint8_t> payload) {
  PacketReader reader(payload);
  OpenConnection wish;
  const auto destination = reader.text();
  if (type == "direct-tcpip") {
    const auto port = reader.number();
    if (!is_text(destination, limits::kMaxForwardHost) || !port || *port > kMostPorts) {
      return std::nullopt;
    }
    wish.host = std::string(*destination);
    wish.port = static_cast<std::uint16_t>(*port);
  } else {
    if (!is_text(destination, limits::kMaxSocketPath) || destination->empty()) return std::nullopt;
    wish.path = std::string(*destination);
  }
  // Where the client has it from; of a unix socket both are reserved.
  if (!reader.text() || !reader.number() || !reader.at_end()) return std::nullopt;
  return wish;
}

std::optional<OpenListener> parse_forward_request(std::string_view name,
                                                  std::span<const std::uint8_t> payload) {
  PacketReader reader(payload);
  OpenListener wish;
  const auto where = reader.text();
  if (name.ends_with("tcpip-forward")) {
    const auto port = reader.number();
    if (!is_text(where, limits::kMaxForwardHost) || !port || *port > kMostPorts) {
      return std::nullopt;
    }
    wish.host = std::string(*where);
    wish.port = static_cast<std::uint16_t>(*port);
  } else {
    if (!is_text(where, limits::kMaxSocketPath) || where->empty()) return std::nullopt;
    wish.path = std::string(*where);
  }
  if (!reader.at_end()) return std::nullopt;
  return wish;
}

}  // namespace ssh2incus
