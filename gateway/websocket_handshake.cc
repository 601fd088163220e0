// RFC 6455 section 4.1. Header names and tokens are compared without regard to case, everything
// else exactly; a field that occurs twice is refused.
#include "gateway/websocket_handshake.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "common/check.h"
#include "gateway/random.h"
#include "gateway/text.h"

namespace ssh2incus {
namespace {

constexpr std::string_view kAcceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

std::string base64(const unsigned char* bytes, std::size_t size) {
  std::string text(4 * ((size + 2) / 3) + 1, '\0');  // EVP_EncodeBlock ends it with a NUL
  const int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes, static_cast<int>(size));
  text.resize(static_cast<std::size_t>(length));
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
  });
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    if (lower(trimmed(list.substr(0, comma))) == token) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

// The line before the next CRLF, taken off the front.
std::optional<std::string_view> take_line(std::string_view& text) {
  const auto end = text.find("\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  const auto line = text.substr(0, end);
  text.remove_prefix(end + 2);
  return line;
}

Result<std::map<std::string, std::string>> parse_fields(std::string_view text) {
  std::map<std::string, std::string> fields;
  while (const auto line = take_line(text)) {
    if (line->empty()) return fields;
    const auto colon = line->find(':');
    if (colon == std::string_view::npos || colon == 0) return fail("malformed header field");
    const auto value = trimmed(line->substr(colon + 1));
    if (!fields.emplace(lower(line->substr(0, colon)), value).second) {
      return fail("header field sent twice");
    }
  }
  return fail("header without an end");
}

}  // namespace

std::string upgrade_request(std::string_view path, std::string_view key) {
  std::string request = "GET ";
  request.append(path).append(
      " HTTP/1.1\r\nHost: incus\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ");
  request.append(key).append("\r\n\r\n");
  return request;
}

std::string new_websocket_key() {
  const auto random = random_bytes<16>();
  return base64(random.data(), random.size());
}

std::string websocket_accept(std::string_view key) {
  const std::string input = std::string(key).append(kAcceptSuffix);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  CHECK(EVP_Digest(input.data(), input.size(), digest.data(), &size, EVP_sha1(), nullptr) == 1);
  return base64(digest.data(), size);
}

std::optional<std::size_t> end_of_reply(std::string_view bytes) {
  const auto end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) return std::nullopt;
  return end + 4;
}

Status check_upgrade_reply(std::string_view reply, std::string_view key) {
  const auto status_line = take_line(reply);
  if (!status_line) return fail("no status line");
  const bool switching = status_line->starts_with("HTTP/1.1 101") &&
                         (status_line->size() == 12 || (*status_line)[12] == ' ');
  if (!switching) return fail("it answered " + cut_text(*status_line));
  const auto fields = TRY(parse_fields(reply));
  const auto value = [&](const char* name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
  };
  if (lower(value("upgrade")) != "websocket" || !has_token(value("connection"), "upgrade")) {
    return fail("its answer isn't an upgrade to a websocket");
  }
  if (value("sec-websocket-accept") != websocket_accept(key)) {
    return fail("its answer has the wrong Sec-WebSocket-Accept");
  }
  if (fields.contains("sec-websocket-extensions") || fields.contains("sec-websocket-protocol")) {
    return fail("its answer has an extension that nobody asked for");
  }
  return {};
}

}  // namespace ssh2incus
