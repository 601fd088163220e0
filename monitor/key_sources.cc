// The administrator's key files. Only their opening needs privileges.
#include "monitor/key_sources.h"

#include "monitor/strict_modes.h"
#include "policy/authorized_keys.h"
#include "policy/krl.h"

namespace ssh2incus {
namespace {

Result<UniqueFd> open_file(const std::string& path) {
  auto file = TRY(open_trusted_file({path, 0, std::string()}));
  if (!file) return fail("no such file");
  return std::move(*file);
}

Result<std::string> content_of(const Result<UniqueFd>& file, std::size_t most) {
  if (!file.ok()) return file.error();
  return read_bounded(*file, most);
}

RevocationSubject subject_of(const KeysRequest& request) {
  RevocationSubject subject{{*request.key_blob, *request.key_sha1, *request.key_sha256}, {}};
  if (request.certificate) {
    const CertificateQuery& query = *request.certificate;
    subject.certificate = RevocableCertificate{
        {*query.ca_key, *query.ca_sha1, *query.ca_sha256}, query.serial, *query.key_id};
  }
  return subject;
}

Status check_ca_lines(std::string_view content) {
  std::size_t keys = 0;
  for (std::size_t number = 1; !content.empty(); ++number) {
    const std::size_t end = content.find('\n');
    const auto key = parse_authorized_keys_line(content.substr(0, end));
    const std::string where = "line " + std::to_string(number) + ": ";
    if (!key.ok()) return fail(where + key.error().message);
    if (*key && (*key)->options != KeyOptions()) return fail(where + "a CA's key takes no options");
    if (*key) ++keys;
    content = end == std::string_view::npos ? std::string_view() : content.substr(end + 1);
  }
  return keys != 0 ? Status() : fail("it has no keys");
}

Status named(const std::string& path, const Status& status) {
  return status.ok() ? status : fail(path + ": " + status.error().message);
}

Status check_cas(const Result<UniqueFd>& file) {
  return check_ca_lines(TRY(content_of(file, limits::kMaxTrustedKeysFile)));
}

Status check_revoked(const Result<UniqueFd>& file) {
  const std::string content = TRY(content_of(file, limits::kMaxRevokedKeysFile));
  TRY(why_revoked(as_bytes(content), RevocationSubject()));
  return {};
}

}  // namespace

std::vector<std::string> default_authorized_keys_files() {
  return {"%h/.ssh/authorized_keys", "%h/.ssh/authorized_keys2", "/etc/ssh/authorized_keys.d/%u"};
}

std::string expanded(const std::string& pattern, const std::string& home, const std::string& user) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      path += pattern[i];
      continue;
    }
    ++i;
    if (pattern[i] == 'h') {
      path += home;
    } else if (pattern[i] == 'u') {
      path += user;
    } else {
      path += pattern[i];
    }
  }
  return path;
}

AdministratorFiles open_administrator_files(const KeySources& sources) {
  AdministratorFiles files;
  if (!sources.trusted_user_ca_keys.empty()) {
    files.trusted_user_ca_keys = open_file(sources.trusted_user_ca_keys);
  }
  if (!sources.revoked_keys.empty()) files.revoked_keys = open_file(sources.revoked_keys);
  return files;
}

std::string why_refused_by_revoked_keys(const KeySources& sources, const AdministratorFiles& files,
                                        const KeysRequest& request) {
  if (!files.revoked_keys) return {};
  const std::string& path = sources.revoked_keys;
  const auto content = content_of(*files.revoked_keys, limits::kMaxRevokedKeysFile);
  if (!content.ok()) return "every key is refused: " + path + ": " + content.error().message;
  const auto revoked = why_revoked(as_bytes(*content), subject_of(request));
  if (!revoked.ok()) return "every key is refused: " + path + ": " + revoked.error().message;
  return revoked->empty() ? std::string() : path + " revokes " + *revoked;
}

Status check_key_sources(const KeySources& sources) {
  const AdministratorFiles files = open_administrator_files(sources);
  if (files.trusted_user_ca_keys) {
    TRY(named(sources.trusted_user_ca_keys, check_cas(*files.trusted_user_ca_keys)));
  }
  if (files.revoked_keys) TRY(named(sources.revoked_keys, check_revoked(*files.revoked_keys)));
  return {};
}

}  // namespace ssh2incus
