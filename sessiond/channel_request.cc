// Parses channel requests; see channel_request.h. No I/O, no state.
#include "sessiond/channel_request.h"

#include "sessiond/packet_reader.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxSignalName = 32;

std::optional<TerminalSize> read_size(PacketReader& reader) {
  const auto columns = reader.number();
  const auto rows = reader.number();
  const auto width = reader.number();
  const auto height = reader.number();
  if (!columns || !rows || !width || !height) return std::nullopt;
  return TerminalSize{*columns, *rows, *width, *height};
}

}  // namespace

std::optional<PtyRequest> parse_pty_request(RequestPayload payload) {
  PacketReader reader(payload);
  const auto term = reader.text(limits::kMaxTerminalName);
  const auto size = read_size(reader);
  const auto modes = reader.bytes();
  if (!term || !size || !modes || !reader.at_end() || modes->size() > limits::kMaxTerminalModes) {
    return std::nullopt;
  }
  return PtyRequest{std::string(*term), *size, Bytes(modes->begin(), modes->end())};
}

std::optional<TerminalSize> parse_window_change(RequestPayload payload) {
  PacketReader reader(payload);
  auto size = read_size(reader);
  if (!reader.at_end()) return std::nullopt;
  return size;
}

std::optional<EnvironmentEntry> parse_environment(RequestPayload payload) {
  PacketReader reader(payload);
  const auto name = reader.text(limits::kMaxEnvironmentName);
  const auto value = reader.text(limits::kMaxEnvironmentValue);
  if (!name || !value || !reader.at_end() || name->empty() ||
      name->find('=') != std::string_view::npos) {
    return std::nullopt;
  }
  return EnvironmentEntry{std::string(*name), std::string(*value)};
}

std::optional<BoundedString<limits::kMaxCommand>> parse_command(RequestPayload payload) {
  PacketReader reader(payload);
  const auto command = reader.text(limits::kMaxCommand);
  if (!command || !reader.at_end()) return std::nullopt;
  return BoundedString<limits::kMaxCommand>(std::string(*command));
}

std::optional<X11Request> parse_x11_request(RequestPayload payload) {
  PacketReader reader(payload);
  X11Request request;
  const auto single = reader.boolean();
  const auto protocol = reader.text(64);
  const auto cookie = reader.text(256);
  const auto screen = reader.number();
  if (!single || !protocol || !cookie || !screen || !reader.at_end()) {
    return std::nullopt;
  }
  request.single_connection = *single;
  request.protocol = std::string(*protocol);
  request.cookie = std::string(*cookie);
  request.screen = *screen;
  return request;
}

std::optional<std::string> parse_signal(RequestPayload payload) {
  PacketReader reader(payload);
  const auto name = reader.text(kMaxSignalName);
  if (!name || !reader.at_end()) return std::nullopt;
  return std::string(*name);
}

}  // namespace ssh2incus
