// Whether a file inside an instance may be believed about one of its users: what StrictModes of
// sshd_config(5) asks of the files of a host. Fed with what Incus tells about the file.
#pragma once

#include <cstdint>
#include <optional>

#include "common/result.h"

namespace ssh2incus {

enum class FileType : std::uint8_t { kFile, kDirectory, kSymlink, kOther };

struct FileFacts {
  FileType type = FileType::kOther;
  std::uint32_t uid = 0;
  std::uint32_t mode = 0;             // permission bits
  std::optional<std::uint64_t> size;  // unknown: of a directory
  friend bool operator==(const FileFacts&, const FileFacts&) = default;
};

// A regular file of root's or the owner's that nobody else can write, and not too large.
Status check_trusted_file(const FileFacts& facts, std::uint32_t owner, std::uint64_t max_size);
Status check_trusted_directory(const FileFacts& facts, std::uint32_t owner);

}  // namespace ssh2incus
