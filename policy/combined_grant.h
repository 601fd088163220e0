// What a login may do that proved several things, each with restrictions of its own: only what all
// of them allow. Fed with the grants of the keys and certificates of one authentication chain.
#pragma once

#include "common/result.h"
#include "policy/authorized_keys.h"

namespace ssh2incus {

// combined_grant() of this and another is the other.
KeyGrant unrestricted_grant();
// The error: the two can't be had together (different forced commands), so the login can't either.
Result<KeyGrant> combined_grant(const KeyGrant& first, const KeyGrant& second);

}  // namespace ssh2incus
