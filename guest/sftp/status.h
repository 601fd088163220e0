// What an error number of the system is to a client.
#pragma once

#include <string>

#include "guest/sftp/protocol.h"

namespace ssh2incus::guest::sftp {

// The codes that OpenSSH's server gives.
StatusCode status_of(int error_number);
// For people: the code's name where it says all, else the system's text.
std::string status_text(StatusCode code, int error_number = 0);

}  // namespace ssh2incus::guest::sftp
