// Lines of authorized_principals and lists of names. A name has no meaning but to be equal.
#include "policy/principals.h"

#include <algorithm>

#include "policy/authorized_keys_options.h"

namespace ssh2incus {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

Result<std::optional<AuthorizedPrincipal>> parse_principals_line(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > limits::kMaxAuthorizedKeysLine) return fail("line is too long");
  line = trimmed(line);
  if (line.empty() || line.starts_with('#')) return std::optional<AuthorizedPrincipal>();
  if (line.find_first_of(std::string_view("\0\n", 2)) != std::string_view::npos) {
    return fail("line has a NUL or a line feed");
  }
  AuthorizedPrincipal principal;
  const std::size_t blank = line.find_last_of(" \t");
  if (blank != std::string_view::npos) {
    const std::string_view options = trimmed(line.substr(0, blank));
    // A blank in the middle that isn't part of a value: a second principal, or a lost quote.
    if (TRY(key_options_length(options)) != options.size()) {
      return fail("line is neither a principal nor options and a principal");
    }
    principal.options = TRY(parse_key_options(options));
    line = line.substr(blank + 1);
  }
  principal.name = std::string(line);
  return std::optional<AuthorizedPrincipal>(std::move(principal));
}

std::optional<std::string> principal_in_list(std::span<const std::string> principals,
                                             std::string_view list) {
  for (;;) {
    const std::size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    const bool found = std::find(principals.begin(), principals.end(), name) != principals.end();
    if (!name.empty() && found) return std::string(name);
    if (comma == std::string_view::npos) return std::nullopt;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace ssh2incus
