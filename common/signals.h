// Signal names of RFC 4254 §6.9 and their numbers.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ssh2incus {

// name without "SIG"; none for a name that the RFC (or OpenSSH, for INFO) does not list.
std::optional<int> signal_number(std::string_view name);
// The RFC's name, or "SIG" and the number for a signal that it does not list.
std::string signal_name(int number);

}  // namespace ssh2incus
