// See status.h.
#include "guest/sftp/status.h"

#include <cerrno>
#include <cstring>

namespace ssh2incus::guest::sftp {

StatusCode status_of(int error_number) {
  switch (error_number) {
    case 0: return StatusCode::kOk;
    case ENOENT:
    case ENOTDIR:
    case EBADF:
    case ELOOP: return StatusCode::kNoSuchFile;
    case EPERM:
    case EACCES:
    case EFAULT: return StatusCode::kPermissionDenied;
    case ENAMETOOLONG:
    case EINVAL: return StatusCode::kBadMessage;
    case ENOSYS: return StatusCode::kOpUnsupported;
    default: return StatusCode::kFailure;
  }
}

std::string status_text(StatusCode code, int error_number) {
  switch (code) {
    case StatusCode::kOk: return "Success";
    case StatusCode::kEof: return "End of file";
    case StatusCode::kNoSuchFile: return "No such file";
    case StatusCode::kPermissionDenied: return "Permission denied";
    case StatusCode::kOpUnsupported: return "Operation unsupported";
    default: break;
  }
  if (error_number != 0) return std::strerror(error_number);
  return code == StatusCode::kBadMessage ? "Bad message" : "Failure";
}

}  // namespace ssh2incus::guest::sftp
