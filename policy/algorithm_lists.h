// Which of the algorithms that we speak an administrator wants spoken.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace ssh2incus {

// The wanted ones as SSH's name list, in their order. Each must be one of the supported (a name
// list), once; there must be one.
Result<std::string> choose_algorithms(std::string_view supported,
                                      const std::vector<std::string>& wanted);

// Whether a name list has that name.
bool lists_algorithm(std::string_view list, std::string_view name);

}  // namespace ssh2incus
