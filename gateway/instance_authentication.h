// Answers the monitor's questions about keys and passwords of one user of one instance, from that
// instance's own files. Works on stopped instances too: they aren't started for anybody who has
// proved nothing. Every file is read once at most; what has failed isn't tried again.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "common/account_files.h"
#include "common/ipc_gateway.h"
#include "common/secret.h"
#include "gateway/instance_files.h"
#include "policy/authorized_keys.h"
#include "policy/shadow_entry.h"

namespace ssh2incus {

class InstanceAuthentication {
 public:
  // The grant's names are validated again all the same.
  static Result<InstanceAuthentication> create(IncusClient& client, ipc::AuthGrant grant);

  ipc::InstanceKeyReply find_key(const ipc::InstanceKeyRequest& request, const Patience& patience);
  ipc::InstancePasswordReply check_password(const Secret& password, std::int64_t now_unix,
                                            const Patience& patience);

  // Whether this is the target that keys and passwords were asked about.
  [[nodiscard]] bool is_about(const ipc::OpenRequest& request) const;
  [[nodiscard]] bool is_about(const ipc::ResolveRequest& request) const;

 private:
  using Text = Result<std::optional<std::string>>;

  InstanceAuthentication(IncusClient& client, const Target& target, ipc::AuthGrant grant)
      : grant_(std::move(grant)), files_(client, target) {}

  const Result<Account>& account(const Patience& patience);
  Result<Account> read_account(const Patience& patience);
  const Result<std::optional<ShadowEntry>>& shadow(const Patience& patience);
  Result<std::optional<ShadowEntry>> read_shadow(const Patience& patience);
  const Text& keys_file(const Account& account, const std::string& path, const Patience& patience);
  Status judge_password(const Secret& password, std::int64_t now_unix, const Patience& patience);

  ipc::AuthGrant grant_;
  InstanceFiles files_;
  std::optional<Result<Account>> account_;
  std::optional<Result<std::optional<ShadowEntry>>> shadow_;
  std::map<std::string, Text> keys_files_;
};

}  // namespace ssh2incus
