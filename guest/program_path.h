// Where programs of the instance are, and our own.
#pragma once

#include <string>

#include "common/result.h"

namespace ssh2incus::guest {

// In the directories of the system; an error that says what is missing.
Result<std::string> find_program(const std::string& name);
// An error if the file isn't there any more.
Result<std::string> own_path();

}  // namespace ssh2incus::guest
