// CAs that the administrator trusts for all users (--trusted-user-ca-keys), and the principals
// that let one user in. What lines say is judged by policy/ alone.
#include <algorithm>

#include "monitor/key_search.h"
#include "monitor/strict_modes.h"
#include "policy/combined_grant.h"
#include "policy/principals.h"

namespace ssh2incus {
namespace {

constexpr const char* kNoPrincipal = "the certificate has no principal that is authorised";

// "file:number" of the CA's line.
std::optional<AuthorizedLine> find_ca(const std::string& path, const Result<UniqueFd>& file,
                                      KeySearch& search) {
  if (!file.ok()) {
    search.refuse(path, file.error().message);
    return std::nullopt;
  }
  const auto content = read_bounded(*file, limits::kMaxTrustedKeysFile);
  if (!content.ok()) {
    search.refuse(path, content.error().message);
    return std::nullopt;
  }
  std::optional<AuthorizedLine> found;
  search.for_each_line(
      *content, path, [&](std::string_view line, const std::string& where, std::uint32_t number) {
        const auto key = parse_authorized_keys_line(line);
        if (!key.ok()) return search.add_malformed(where, key.error().message);
        if (found || !*key || *(*key)->blob != *search.request().certificate->ca_key) return;
        if ((*key)->options != KeyOptions())
          return search.add_reason(where, "a CA takes no options");
        found =
            AuthorizedLine{unrestricted_grant(), truncated<limits::kMaxPath>(path), number, {}, {}};
      });
  return found;
}

// The first line of the user's principals file that names one of the certificate's principals and
// whose options allow the login.
void search_principals(const std::string& pattern, const AuthorizedLine& ca, KeySearch& search) {
  const auto file = search.read_user_file(pattern);
  if (!file) return;
  search.for_each_line(
      file->content, file->path,
      [&](std::string_view line, const std::string& where, std::uint32_t) {
        const auto principal = parse_principals_line(line);
        if (!principal.ok()) return search.add_malformed(where, principal.error().message);
        if (!*principal) return;
        const auto& names = search.principals();
        if (std::find(names.begin(), names.end(), (*principal)->name) == names.end()) return;
        auto grant = evaluate_key((*principal)->options, search.circumstances());
        if (!grant.ok()) return search.refuse(where, grant.error().message);
        AuthorizedLine accepted = ca;
        accepted.grant = std::move(*grant);
        accepted.principal = (*principal)->name;
        accepted.principal_from = truncated<limits::kMaxPath + 16>(where);
        search.accept(std::move(accepted));
      });
}

}  // namespace

void search_trusted_cas(const KeySources& sources, const AdministratorFiles& files,
                        KeySearch& search) {
  if (!files.trusted_user_ca_keys) return;
  auto ca = find_ca(sources.trusted_user_ca_keys, *files.trusted_user_ca_keys, search);
  if (!ca) return;
  const std::string where = *ca->file + ":" + std::to_string(ca->line);
  if (!sources.authorized_principals.empty()) {
    search_principals(sources.authorized_principals, *ca, search);
    if (!search.accepted()) search.refuse(where, kNoPrincipal);
    return;
  }
  const auto& names = search.principals();
  if (std::find(names.begin(), names.end(), search.user().name) == names.end()) {
    return search.refuse(where, kNoPrincipal);
  }
  ca->principal = search.user().name;
  search.accept(std::move(*ca));
}

}  // namespace ssh2incus
