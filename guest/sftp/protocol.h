// Numbers of SFTP version 3 (draft-ietf-secsh-filexfer-02) and its bounds.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ssh2incus::guest::sftp {

inline constexpr std::uint32_t kSftpVersion = 3;
// A packet without its length; OpenSSH's bound too. limits@openssh.com tells these.
inline constexpr std::uint32_t kMaxPacket = 256U * 1024;
inline constexpr std::uint32_t kMaxData = kMaxPacket - 1024;

enum class PacketType : std::uint8_t {
  kInit = 1,
  kVersion,
  kOpen,
  kClose,
  kRead,
  kWrite,
  kLstat,
  kFstat,
  kSetstat,
  kFsetstat,
  kOpendir,
  kReaddir,
  kRemove,
  kMkdir,
  kRmdir,
  kRealpath,
  kStat,
  kRename,
  kReadlink,
  kSymlink,
  kStatus = 101,
  kHandle,
  kData,
  kName,
  kAttrs,
  kExtended = 200,
  kExtendedReply,
};

enum class StatusCode : std::uint32_t {
  kOk = 0,
  kEof,
  kNoSuchFile,
  kPermissionDenied,
  kFailure,
  kBadMessage,
  kNoConnection,
  kConnectionLost,
  kOpUnsupported,
};

// Of a request to open.
inline constexpr std::uint32_t kOpenRead = 0x01;
inline constexpr std::uint32_t kOpenWrite = 0x02;
inline constexpr std::uint32_t kOpenAppend = 0x04;
inline constexpr std::uint32_t kOpenCreate = 0x08;
inline constexpr std::uint32_t kOpenTruncate = 0x10;
inline constexpr std::uint32_t kOpenExclusive = 0x20;

}  // namespace ssh2incus::guest::sftp
