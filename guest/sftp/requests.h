// Names of all requests and extensions: what options may list, and what the server announces.
#pragma once

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "guest/sftp/protocol.h"

namespace ssh2incus::guest::sftp {

struct RequestName {
  PacketType type;
  std::string_view name;
  bool writes = false;
};

// An open may write too: that depends on its flags.
inline constexpr auto kRequests = std::to_array<RequestName>({
    {PacketType::kOpen, "open"},
    {PacketType::kClose, "close"},
    {PacketType::kRead, "read"},
    {PacketType::kWrite, "write", true},
    {PacketType::kLstat, "lstat"},
    {PacketType::kFstat, "fstat"},
    {PacketType::kSetstat, "setstat", true},
    {PacketType::kFsetstat, "fsetstat", true},
    {PacketType::kOpendir, "opendir"},
    {PacketType::kReaddir, "readdir"},
    {PacketType::kRemove, "remove", true},
    {PacketType::kMkdir, "mkdir", true},
    {PacketType::kRmdir, "rmdir", true},
    {PacketType::kRealpath, "realpath"},
    {PacketType::kStat, "stat"},
    {PacketType::kRename, "rename", true},
    {PacketType::kReadlink, "readlink"},
    {PacketType::kSymlink, "symlink", true},
});

enum class Extension : std::uint8_t {
  kPosixRename,
  kStatvfs,
  kFstatvfs,
  kHardlink,
  kFsync,
  kLsetstat,
  kLimits,
  kExpandPath,
  kCopyData,
  kHomeDirectory,
  kUsersGroupsById,
};

struct ExtensionName {
  Extension extension;
  std::string_view name;  // in options
  std::string_view wire_name;
  std::string_view version;
  bool writes = false;
};

inline constexpr auto kExtensions = std::to_array<ExtensionName>({
    {Extension::kPosixRename, "posix-rename", "posix-rename@openssh.com", "1", true},
    {Extension::kStatvfs, "statvfs", "statvfs@openssh.com", "2"},
    {Extension::kFstatvfs, "fstatvfs", "fstatvfs@openssh.com", "2"},
    {Extension::kHardlink, "hardlink", "hardlink@openssh.com", "1", true},
    {Extension::kFsync, "fsync", "fsync@openssh.com", "1", true},
    {Extension::kLsetstat, "lsetstat", "lsetstat@openssh.com", "1", true},
    {Extension::kLimits, "limits", "limits@openssh.com", "1"},
    {Extension::kExpandPath, "expand-path", "expand-path@openssh.com", "1"},
    {Extension::kCopyData, "copy-data", "copy-data", "1", true},
    {Extension::kHomeDirectory, "home-directory", "home-directory", "1"},
    {Extension::kUsersGroupsById, "users-groups-by-id", "users-groups-by-id@openssh.com", "1"},
});

constexpr bool is_request_name(std::string_view name) {
  return std::ranges::find(kRequests, name, &RequestName::name) != kRequests.end() ||
         std::ranges::find(kExtensions, name, &ExtensionName::name) != kExtensions.end();
}

}  // namespace ssh2incus::guest::sftp
