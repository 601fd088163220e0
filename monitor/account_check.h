// Asks PAM's account stack whether a user may log in now. PAM runs its modules in our process, so
// each check has a child of its own, which is killed if it takes too long.
#pragma once

#include <string>
#include <vector>

#include "common/result.h"
#include "monitor/ipc_attendant.h"

namespace ssh2incus {

struct AccountCheckConfig {
  std::string service = "ssh2incus";
  std::string configuration_directory;  // empty: the system's; another one for tests
  int timeout_ms = limits::kAccountCheckMs;
  int round_timeout_ms = limits::kPamRoundMs;  // of a conversation
};

// Refuses on any doubt. source_address becomes PAM_RHOST.
Result<AccountReply> check_account(const AccountCheckConfig& config, const std::string& user,
                                   const std::string& source_address);

// Without a file for our service PAM would silently use "other": an error that says what to do.
// The listener calls it once.
Status check_pam_service(const std::string& service = "ssh2incus");

}  // namespace ssh2incus
