// See http_request.h. Header lines and bodies are read over.
#include "diagnostics/http_request.h"

#include <algorithm>

namespace ssh2incus {
namespace {

HttpPage page_of(std::string_view target) {
  target = target.substr(0, target.find('?'));
  if (target == "/metrics") return HttpPage::kMetrics;
  if (target == "/healthz") return HttpPage::kHealth;
  if (target == "/readyz") return HttpPage::kReadiness;
  return HttpPage::kNotFound;
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

HttpAsk parse_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return {};
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (method.empty() || !is_printable(method) || !target.starts_with('/') ||
      !is_printable(target) || (version != "HTTP/1.1" && version != "HTTP/1.0")) {
    return {};
  }
  const bool head = method == "HEAD";
  if (!head && method != "GET") return {HttpPage::kWrongMethod, false};
  return {page_of(target), head};
}

}  // namespace

std::optional<HttpAsk> parse_http_request(std::string_view head) {
  const std::size_t end = head.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    return head.size() > kMaxHttpHead ? std::optional(HttpAsk{}) : std::nullopt;
  }
  if (end > kMaxHttpHead) return HttpAsk{};
  return parse_line(head.substr(0, head.find("\r\n")));
}

}  // namespace ssh2incus
