// Both versions have at least 15 bytes; then the first says its end by CRLF, the second its length.
#include "sessiond/proxy_header.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace ssh2incus {
namespace {

using ipc::ProxyHeaderRequest;

constexpr std::string_view kText = "PROXY ";
constexpr std::string_view kBinary("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kShortest = 15;      // "PROXY UNKNOWN\r\n"
constexpr std::size_t kBinaryStart = 16;   // up to its length
constexpr std::size_t kLongestText = 107;  // with CRLF

std::string_view as_text(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool begins_like(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start.substr(0, text.size());
}

std::size_t length_of_binary(std::string_view header) {
  return kBinaryStart + static_cast<std::uint8_t>(header[14]) * 256UL +
         static_cast<std::uint8_t>(header[15]);
}

std::size_t missing_of_text(std::string_view header) {
  if (header.ends_with("\r\n") || header.find('\n') != std::string_view::npos) return 0;
  const std::size_t missing = header.ends_with('\r') ? 1 : 2;
  return header.size() + missing > kLongestText ? 0 : missing;
}

std::optional<BoundedBytes<16>> address(int family, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  Bytes bytes(family == AF_INET ? 4 : 16);
  if (inet_pton(family, std::string(text).c_str(), bytes.data()) != 1) return std::nullopt;
  return BoundedBytes<16>(std::move(bytes));
}

std::optional<std::uint16_t> port(std::string_view text) {
  std::uint16_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  if (!whole || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  return value;
}

Result<ProxyHeaderRequest> parse_text(std::string_view line) {
  if (!line.ends_with("\r\n")) return fail("a line without an end");
  line.remove_suffix(2);
  line.remove_prefix(kText.size());
  if (line == "UNKNOWN" || line.starts_with("UNKNOWN ")) return ProxyHeaderRequest{};
  std::array<std::string_view, 5> words;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t space = line.find(' ');
    const bool last = i + 1 == words.size();
    if (last != (space == std::string_view::npos)) return fail("not the right number of fields");
    words.at(i) = line.substr(0, space);
    line.remove_prefix(last ? line.size() : space + 1);
  }
  if (words[0] != "TCP4" && words[0] != "TCP6") return fail("no protocol of it");
  const int family = words[0] == "TCP4" ? AF_INET : AF_INET6;
  const auto source = address(family, words[1]);
  const auto destination = address(family, words[2]);
  const auto source_port = port(words[3]);
  const auto destination_port = port(words[4]);
  if (!source || !destination) return fail("no address of its protocol");
  if (!source_port || !destination_port) return fail("no port");
  return ProxyHeaderRequest{*source, *source_port, *destination, *destination_port};
}

std::uint16_t number_at(std::span<const std::uint8_t> bytes, std::size_t place) {
  return static_cast<std::uint16_t>(bytes[place] * 256 + bytes[place + 1]);
}

Result<ProxyHeaderRequest> parse_binary(std::span<const std::uint8_t> header) {
  const std::uint8_t version_and_command = header[12];
  if (version_and_command == 0x20) return ProxyHeaderRequest{};  // LOCAL
  if (version_and_command != 0x21) return fail("no version or command of it");
  const std::uint8_t family = header[13];
  if (family == 0x00 || family == 0x31) return ProxyHeaderRequest{};  // unspecified, unix stream
  if (family != 0x11 && family != 0x21) return fail("no stream of a known protocol");
  const std::size_t size = family == 0x11 ? 4 : 16;
  const auto body = header.subspan(kBinaryStart);
  if (body.size() < 2 * size + 4) return fail("too short for its addresses");
  const auto source = body.first(size);
  const auto destination = body.subspan(size, size);
  return ProxyHeaderRequest{Bytes(source.begin(), source.end()), number_at(body, 2 * size),
                            Bytes(destination.begin(), destination.end()),
                            number_at(body, 2 * size + 2)};
}

}  // namespace

std::size_t missing_of_proxy_header(std::span<const std::uint8_t> header) {
  const std::string_view text = as_text(header);
  const bool binary = begins_like(text, kBinary);
  if (!binary && !begins_like(text, kText)) return 0;
  if (text.size() < kShortest) return kShortest - text.size();
  if (!binary) return missing_of_text(text);
  if (text.size() < kBinaryStart) return kBinaryStart - text.size();
  const std::size_t length = length_of_binary(text);
  return length > kMaxProxyHeader || length < text.size() ? 0 : length - text.size();
}

Result<ProxyHeaderRequest> parse_proxy_header(std::span<const std::uint8_t> header) {
  const std::string_view text = as_text(header);
  if (text.size() >= kShortest && text.size() <= kLongestText && text.starts_with(kText) &&
      text.find('\n') == text.size() - 1) {
    return parse_text(text);
  }
  if (text.size() < kBinaryStart || !text.starts_with(kBinary)) return fail("none");
  const std::size_t length = length_of_binary(text);
  if (length > kMaxProxyHeader) return fail("longer than " + std::to_string(kMaxProxyHeader));
  if (length != text.size()) return fail("cut short");
  return parse_binary(header);
}

}  // namespace ssh2incus
