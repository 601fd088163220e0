// Computes a password hash of an instance's shadow file with libxcrypt. The hash may be hostile:
// what would cost too much isn't computed (policy/password_hash.h), and the process has limits of
// memory and processor time besides (gateway/sandbox.h).
#pragma once

#include <string>

#include "common/result.h"
#include "common/secret.h"

namespace ssh2incus {

// The error says why not; for the log.
Status check_password(const Secret& password, const std::string& hash);

// As much work as check_password() for a usual hash, always refused: for users who have none.
void check_password_of_nobody(const Secret& password);

}  // namespace ssh2incus
