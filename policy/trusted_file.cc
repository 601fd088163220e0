// Owner, mode, type, size.
#include "policy/trusted_file.h"

namespace ssh2incus {
namespace {

constexpr std::uint32_t kWritableByOthers = 022;

Status check_owner_and_mode(const FileFacts& facts, std::uint32_t owner) {
  if (facts.uid != 0 && facts.uid != owner) {
    return fail("belongs to uid " + std::to_string(facts.uid));
  }
  if ((facts.mode & kWritableByOthers) != 0) return fail("can be written by group or others");
  return {};
}

}  // namespace

Status check_trusted_file(const FileFacts& facts, std::uint32_t owner, std::uint64_t max_size) {
  if (facts.type != FileType::kFile) return fail("is no regular file");
  TRY(check_owner_and_mode(facts, owner));
  if (!facts.size) return fail("has no size");
  if (*facts.size > max_size) return fail("is too large");
  return {};
}

Status check_trusted_directory(const FileFacts& facts, std::uint32_t owner) {
  if (facts.type != FileType::kDirectory) return fail("is no directory");
  return check_owner_and_mode(facts, owner);
}

}  // namespace ssh2incus
