// X-Incus-* and Content-Length of an answer about a file; declared in gateway/incus_answer.h. Incus
// writes them from what the instance's file system says.
#include <algorithm>
#include <charconv>

#include "gateway/incus_answer.h"

namespace ssh2incus {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view first, std::string_view second) {
  return std::ranges::equal(first, second, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// Calls visit(name, value) for each header line.
template <typename Visit>
void for_each_header(std::string_view head, Visit visit) {
  while (!head.empty()) {
    const std::size_t end = head.find('\n');
    const std::string_view line = head.substr(0, end);
    const std::size_t colon = line.find(':');
    if (colon != std::string_view::npos)
      visit(line.substr(0, colon), trimmed(line.substr(colon + 1)));
    head = end == std::string_view::npos ? std::string_view() : head.substr(end + 1);
  }
}

Result<std::optional<std::string_view>> header(std::string_view head, std::string_view wanted) {
  std::optional<std::string_view> found;
  bool twice = false;
  for_each_header(head, [&](std::string_view name, std::string_view value) {
    if (!same_name(name, wanted)) return;
    twice = twice || found;
    found = value;
  });
  if (twice) return fail("two headers " + std::string(wanted));
  return found;
}

template <typename T>
Result<T> number(std::string_view text, int base) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return fail("no proper number");
  return value;
}

template <typename T>
Result<T> required_number(std::string_view head, std::string_view name, int base) {
  const auto found = TRY(header(head, name));
  if (!found) return fail("no header " + std::string(name));
  return number<T>(*found, base);
}

FileType type_named(std::string_view name) {
  if (name == "file") return FileType::kFile;
  if (name == "directory") return FileType::kDirectory;
  return name == "symlink" ? FileType::kSymlink : FileType::kOther;
}

}  // namespace

Result<FileFacts> interpret_file_head(std::string_view head) {
  constexpr int kDecimal = 10;
  constexpr int kOctal = 8;
  FileFacts facts;
  const auto type = TRY(header(head, "X-Incus-Type"));
  if (!type) return fail("no header X-Incus-Type");
  facts.type = type_named(*type);
  facts.uid = TRY(required_number<std::uint32_t>(head, "X-Incus-Uid", kDecimal));
  facts.mode = TRY(required_number<std::uint32_t>(head, "X-Incus-Mode", kOctal));
  if (const auto size = TRY(header(head, "Content-Length"))) {
    facts.size = TRY(number<std::uint64_t>(*size, kDecimal));
  }
  return facts;
}

}  // namespace ssh2incus
