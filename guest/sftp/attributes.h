// Attributes of a file as SFTP carries them (§5 of the draft).
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>

namespace ssh2incus::guest::sftp {

struct FileOwner {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  friend bool operator==(const FileOwner&, const FileOwner&) = default;
};
struct FileTimes {  // in seconds since 1970
  std::uint32_t access = 0;
  std::uint32_t modification = 0;
  friend bool operator==(const FileTimes&, const FileTimes&) = default;
};

struct Attributes {
  using Owner = FileOwner;
  using Times = FileTimes;
  std::optional<std::uint64_t> size;
  std::optional<Owner> owner;
  std::optional<std::uint32_t> permissions;  // with the file's type
  std::optional<Times> times;
  friend bool operator==(const Attributes&, const Attributes&) = default;
};

inline constexpr std::uint32_t kHasSize = 0x00000001;
inline constexpr std::uint32_t kHasOwner = 0x00000002;
inline constexpr std::uint32_t kHasPermissions = 0x00000004;
inline constexpr std::uint32_t kHasTimes = 0x00000008;
inline constexpr std::uint32_t kHasExtended = 0x80000000;

inline Attributes attributes_of(const struct stat& status) {
  return {static_cast<std::uint64_t>(status.st_size),
          Attributes::Owner{status.st_uid, status.st_gid}, status.st_mode,
          Attributes::Times{static_cast<std::uint32_t>(status.st_atime),
                            static_cast<std::uint32_t>(status.st_mtime)}};
}

}  // namespace ssh2incus::guest::sftp
