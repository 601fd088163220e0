// See program_order.h.
#include "guest/program_order.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxOrder = 2UL * 1024 * 1024;

}  // namespace

Result<UniqueFd> write_order(const ProgramOrder& order) {
  UniqueFd file(memfd_create("program", MFD_CLOEXEC));
  if (!file.valid()) return system_error("cannot write down what to start");
  const Bytes encoded = ipc::encode_fields(order);
  std::size_t written = 0;
  while (written < encoded.size()) {
    const ssize_t count = write(file.get(), encoded.data() + written, encoded.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return system_error("cannot write down what to start");
    written += static_cast<std::size_t>(count);
  }
  return file;
}

Result<ProgramOrder> read_order(int fd) {
  Bytes encoded;
  constexpr std::size_t kPiece = 64UL * 1024;
  while (encoded.size() <= kMaxOrder) {
    const std::size_t have = encoded.size();
    encoded.resize(have + kPiece);
    const ssize_t count = pread(fd, encoded.data() + have, kPiece, static_cast<off_t>(have));
    encoded.resize(have + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_error("cannot read what to start");
    if (count == 0) return ipc::decode_fields<ProgramOrder>(encoded);
  }
  return fail("what to start is too long");
}

}  // namespace ssh2incus::guest
