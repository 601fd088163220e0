// Which of a certificate's principals let a user in: AuthorizedPrincipalsFile and the principals=
// option of sshd(8). Users write the files; the principals are a certificate's.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policy/authorized_keys.h"

namespace ssh2incus {

struct AuthorizedPrincipal {
  std::string name;
  KeyOptions options;
};

// [options] principal. Nothing for a blank line or a comment.
Result<std::optional<AuthorizedPrincipal>> parse_principals_line(std::string_view line);

// The first name of a comma-separated list that is among the principals.
std::optional<std::string> principal_in_list(std::span<const std::string> principals,
                                             std::string_view list);

}  // namespace ssh2incus
