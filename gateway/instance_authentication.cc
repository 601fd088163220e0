// See instance_authentication.h. What is read here was written by the instance.
#include "gateway/instance_authentication.h"

#include <array>
#include <cstring>

#include "gateway/password_check.h"
#include "gateway/text.h"
#include "policy/authorized_keys_search.h"

namespace ssh2incus {
namespace {

constexpr const char* kPasswd = "/etc/passwd";
constexpr const char* kShadow = "/etc/shadow";
constexpr std::array kKeysFiles = {"authorized_keys", "authorized_keys2"};
constexpr std::size_t kMaxReasons = 16;
constexpr std::size_t kMaxReason = 512;

FileDemand file_of_root(const char* path) { return {path, 0, {"/etc"}, limits::kMaxInstanceFile}; }

FileDemand file_of_keys(const Account& account, const std::string& path) {
  const std::string folder = path.substr(0, path.rfind('/'));
  return {path, account.uid, {folder, account.home}, limits::kMaxAuthorizedKeysFile};
}

std::string keys_path(const Account& account, const char* name) {
  return (account.home == "/" ? std::string() : account.home) + "/.ssh/" + name;
}

Circumstances circumstances_of(const ipc::AuthGrant& grant, std::uint64_t now_unix) {
  Circumstances out;
  out.source_address = *grant.source_address;
  out.now_unix = static_cast<std::int64_t>(now_unix);
  out.utc_offset_seconds = static_cast<std::int32_t>(grant.utc_offset_seconds);
  for (const auto& pattern : grant.permitted_environment) {
    out.permitted_environment.push_back(*pattern);
  }
  return out;
}

ipc::InstanceKeyReply reply_of(const AuthorizedKeysSearch& search) {
  ipc::InstanceKeyReply reply;
  std::vector<BoundedString<kMaxReason>> reasons;
  for (const std::string& reason : search.reasons()) {
    if (reasons.size() < kMaxReasons) reasons.push_back(truncated<kMaxReason>(reason));
  }
  reply.reasons = std::move(reasons);
  if (!search.found()) return reply;
  Bytes grant = ipc::encode_fields(search.found()->grant);
  if (grant.size() > limits::kMaxKeyGrant) return reply;
  reply.accepted = ipc::InstanceLine{
      std::move(grant), truncated<limits::kMaxPath>(search.found()->file), search.found()->line};
  return reply;
}

}  // namespace

Result<InstanceAuthentication> InstanceAuthentication::create(IncusClient& client,
                                                              ipc::AuthGrant grant) {
  auto instance = TRY(InstanceName::parse(*grant.instance));
  auto project = TRY(ProjectName::parse(*grant.project));
  TRY(InstanceUser::parse(*grant.user));
  if (auto used = client.use(grant.endpoint); !used.ok()) return fail(used.failure().text);
  return InstanceAuthentication(client, Target{std::move(instance), std::move(project)},
                                std::move(grant));
}

bool InstanceAuthentication::is_about(const ipc::OpenRequest& request) const {
  return request.endpoint.is_at(grant_.endpoint) && request.project == grant_.project &&
         request.instance == grant_.instance && *request.guest.user == *grant_.user;
}

bool InstanceAuthentication::is_about(const ipc::ResolveRequest& request) const {
  return request.endpoint.is_at(grant_.endpoint) && request.project == grant_.project &&
         request.instance == grant_.instance;
}

Result<Account> InstanceAuthentication::read_account(const Patience& patience) {
  const auto passwd = TRY(files_.read(file_of_root(kPasswd), patience));
  if (!passwd) return fail("no such instance, or it has no /etc/passwd");
  auto found = find_account(*passwd, *grant_.user);
  if (!found) return fail("no such user in the instance");
  return std::move(*found);
}

const Result<Account>& InstanceAuthentication::account(const Patience& patience) {
  if (!account_) account_.emplace(read_account(patience));
  return *account_;
}

Result<std::optional<ShadowEntry>> InstanceAuthentication::read_shadow(const Patience& patience) {
  auto text = TRY(files_.read(file_of_root(kShadow), patience));
  if (!text) return std::optional<ShadowEntry>();
  auto entry = find_shadow_entry(*text, *grant_.user);
  explicit_bzero(text->data(), text->size());
  if (!entry.ok()) return fail(std::string(kShadow) + ": " + entry.error().message);
  return entry;
}

const Result<std::optional<ShadowEntry>>& InstanceAuthentication::shadow(const Patience& patience) {
  if (!shadow_) shadow_.emplace(read_shadow(patience));
  return *shadow_;
}

const InstanceAuthentication::Text& InstanceAuthentication::keys_file(const Account& account,
                                                                      const std::string& path,
                                                                      const Patience& patience) {
  const auto known = keys_files_.find(path);
  if (known != keys_files_.end()) return known->second;
  return keys_files_.emplace(path, files_.read(file_of_keys(account, path), patience))
      .first->second;
}

ipc::InstanceKeyReply InstanceAuthentication::find_key(const ipc::InstanceKeyRequest& request,
                                                       const Patience& patience) {
  const Circumstances circumstances = circumstances_of(grant_, request.now_unix);
  AuthorizedKeysSearch search(*request.key_blob, circumstances);
  AuthorizedKeysSearch refused(*request.key_blob, circumstances);
  const auto& user = account(patience);
  if (!user.ok()) {
    refused.add_reason(*grant_.instance, user.error().message);
    return reply_of(refused);
  }
  for (const char* name : kKeysFiles) {
    const std::string path = keys_path(*user, name);
    const Text& text = keys_file(*user, path, patience);
    if (!text.ok()) search.add_reason(*grant_.instance, text.error().message);
    if (text.ok() && *text) search.search(**text, path);
  }
  if (!search.found()) return reply_of(search);
  const auto& entry = shadow(patience);
  Status alive = entry.ok() ? Status() : Status(entry.error());
  if (alive.ok() && *entry) {
    alive = check_account_age(**entry, static_cast<std::int64_t>(request.now_unix));
  }
  if (alive.ok()) return reply_of(search);
  refused.add_reason(*grant_.instance, alive.error().message);
  return reply_of(refused);
}

Status InstanceAuthentication::judge_password(const Secret& password, std::int64_t now_unix,
                                              const Patience& patience) {
  const auto& user = account(patience);
  const auto& entry = shadow(patience);
  Status usable;
  if (!user.ok()) {
    usable = user.error();
  } else if (!entry.ok()) {
    usable = entry.error();
  } else if (!*entry) {
    usable = fail("the user has no line in /etc/shadow");
  } else {
    usable = check_password_age(**entry, now_unix);
  }
  if (usable.ok()) return ssh2incus::check_password(password, (*entry)->hash);
  check_password_of_nobody(password);
  return usable;
}

ipc::InstancePasswordReply InstanceAuthentication::check_password(const Secret& password,
                                                                  std::int64_t now_unix,
                                                                  const Patience& patience) {
  ipc::InstancePasswordReply reply;
  const Status judged = judge_password(password, now_unix, patience);
  reply.valid = judged.ok();
  if (!judged.ok()) reply.reason = truncated<limits::kMaxLogText>(judged.error().message);
  return reply;
}

}  // namespace ssh2incus
