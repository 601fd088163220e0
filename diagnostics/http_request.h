// The request line of HTTP/1 (RFC 9112 §3), the only part of a request that is looked at. Fed by
// whoever can connect.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace ssh2incus {

inline constexpr std::size_t kMaxHttpHead = 8UL * 1024;  // request line and header lines

enum class HttpPage { kMetrics, kHealth, kReadiness, kNotFound, kWrongMethod, kMalformed };

struct HttpAsk {
  HttpPage page = HttpPage::kMalformed;
  bool head_only = false;  // HEAD
};

// Of the head of a request, up to and with its empty line; none: it isn't complete. One that is
// longer than kMaxHttpHead is malformed.
std::optional<HttpAsk> parse_http_request(std::string_view head);

}  // namespace ssh2incus
