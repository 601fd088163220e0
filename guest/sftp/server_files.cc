// Requests about open files; see server.h.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "guest/sftp/server.h"

namespace ssh2incus::guest::sftp {
namespace {

constexpr mode_t kDefaultFileMode = 0666;
constexpr std::uint64_t kMaxOffset = std::numeric_limits<off_t>::max();

int open_flags(std::uint32_t wanted) {
  int flags = O_NOCTTY;
  const bool read = (wanted & kOpenRead) != 0;
  const bool write = (wanted & kOpenWrite) != 0;
  if (read && write) {
    flags |= O_RDWR;
  } else if (write) {
    flags |= O_WRONLY;
  } else {
    flags |= O_RDONLY;
  }
  if ((wanted & kOpenAppend) != 0) flags |= O_APPEND;
  if ((wanted & kOpenCreate) != 0) flags |= O_CREAT;
  if ((wanted & kOpenTruncate) != 0) flags |= O_TRUNC;
  if ((wanted & kOpenExclusive) != 0) flags |= O_EXCL;
  return flags;
}

// 0, or an error number. At an offset, except for files that append.
int write_all(const OpenFile& file, std::span<const std::uint8_t> data, std::uint64_t offset) {
  while (!data.empty()) {
    const ssize_t count =
        file.append ? ::write(file.file.get(), data.data(), data.size())
                    : pwrite(file.file.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count < 0 ? errno : EIO;
    offset += static_cast<std::uint64_t>(count);
    data = data.subspan(static_cast<std::size_t>(count));
  }
  return 0;
}

struct Copy {
  const OpenFile& source;
  std::uint64_t from;
  std::uint64_t length;  // 0: to the end
  const OpenFile& target;
  std::uint64_t to;
};

// By the kernel where it can, else through memory.
int copy_all(Copy copy) {
  constexpr std::size_t kPiece = 64UL * 1024;
  const bool to_end = copy.length == 0;
  bool by_kernel = !copy.target.append;
  std::array<std::uint8_t, kPiece> buffer;
  while (to_end || copy.length > 0) {
    const std::size_t piece = to_end ? kPiece : std::min<std::uint64_t>(kPiece, copy.length);
    const std::size_t wanted = to_end ? 1UL << 30 : std::min<std::uint64_t>(1UL << 30, copy.length);
    off_t from = static_cast<off_t>(copy.from);
    off_t to = static_cast<off_t>(copy.to);
    ssize_t count = -1;
    if (by_kernel) {
      count =
          copy_file_range(copy.source.file.get(), &from, copy.target.file.get(), &to, wanted, 0);
      // 0 may be a file of /proc, which has content but no size.
      if (count <= 0 && !(count < 0 && errno == ENOSPC)) by_kernel = false;
      if (count < 0 && by_kernel) return errno;
      if (!by_kernel) continue;
    } else {
      count = pread(copy.source.file.get(), buffer.data(), piece, from);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return errno;
      if (count == 0) return 0;
      const auto data = std::span(buffer).first(static_cast<std::size_t>(count));
      if (const int error = write_all(copy.target, data, copy.to); error != 0) return error;
    }
    copy.from += static_cast<std::uint64_t>(count);
    copy.to += static_cast<std::uint64_t>(count);
    if (!to_end) copy.length -= static_cast<std::uint64_t>(count);
  }
  return 0;
}

bool same_file(const OpenFile& one, const OpenFile& other) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one.file.get(), &first) == 0 && ::fstat(other.file.get(), &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

}  // namespace

void Server::open(Request& request) {
  const auto path = request.reader.name();
  const std::uint32_t wanted = request.reader.u32();
  const auto attributes = request.reader.attributes();
  if (request.reader.failed()) return reply_malformed(request);
  constexpr std::uint32_t kChanging =
      kOpenWrite | kOpenAppend | kOpenCreate | kOpenTruncate | kOpenExclusive;
  if (options_.read_only && (wanted & kChanging) != 0)
    return reply_status(request, StatusCode::kPermissionDenied);
  if (handles_.full()) return reply_failure(request, "too many open files");
  OpenFile opened;
  opened.append = (wanted & kOpenAppend) != 0;
  const mode_t mode = attributes.permissions.value_or(kDefaultFileMode);
  const int error = tree_.open(path, open_flags(wanted), mode, opened.file);
  if (error != 0) return reply_errno(request, error);
  reply_handle(request, std::move(opened));
}

void Server::close(Request& request) {
  const auto handle = request.reader.text();
  if (request.reader.failed()) return reply_malformed(request);
  const auto error = handles_.close(handle);
  if (!error) return reply_failure(request, "no such handle");
  reply_errno(request, *error);
}

void Server::read(Request& request) {
  const auto handle = request.reader.text();
  const std::uint64_t offset = request.reader.u64();
  const std::uint32_t length = request.reader.u32();
  if (request.reader.failed() || offset > kMaxOffset) return reply_malformed(request);
  const OpenFile* file = handles_.find_file(handle);
  if (file == nullptr) return reply_failure(request, "no such handle");
  constexpr std::size_t kHeader = 4 + 1 + 4 + 4;
  const auto room = replies_.room();
  ssize_t count = -1;
  do {
    count = pread(file->file.get(), room.data() + kHeader, std::min(length, kMaxData),
                  static_cast<off_t>(offset));
  } while (count < 0 && errno == EINTR);
  if (count < 0) return reply_errno(request, errno);
  if (count == 0 && length > 0) return reply_status(request, StatusCode::kEof);
  const auto size = static_cast<std::uint32_t>(count);
  store_u32(room.data(), size + kHeader - 4);
  room[4] = static_cast<std::uint8_t>(PacketType::kData);
  store_u32(room.data() + 5, request.id);
  store_u32(room.data() + 9, size);
  replies_.keep(kHeader + size);
}

void Server::write(Request& request) {
  const auto handle = request.reader.text();
  const std::uint64_t offset = request.reader.u64();
  const auto data = request.reader.data();
  if (request.reader.failed() || offset > kMaxOffset) return reply_malformed(request);
  const OpenFile* file = handles_.find_file(handle);
  if (file == nullptr) return reply_failure(request, "no such handle");
  reply_errno(request, write_all(*file, data, offset));
}

void Server::fstat(Request& request) {
  const auto handle = request.reader.text();
  if (request.reader.failed()) return reply_malformed(request);
  const OpenFile* file = handles_.find(handle);
  if (file == nullptr) return reply_failure(request, "no such handle");
  struct stat status {};
  const int fd = file->file.valid() ? file->file.get() : dirfd(file->directory.get());
  if (::fstat(fd, &status) != 0) return reply_errno(request, errno);
  reply_attributes(request, status);
}

void Server::fsetstat(Request& request) {
  const auto handle = request.reader.text();
  const auto wanted = request.reader.attributes();
  if (request.reader.failed()) return reply_malformed(request);
  const OpenFile* file = handles_.find(handle);
  if (file == nullptr) return reply_failure(request, "no such handle");
  const int fd = file->file.valid() ? file->file.get() : dirfd(file->directory.get());
  reply_errno(request, change_open_file(fd, wanted));
}

void Server::fsync(Request& request) {
  const auto handle = request.reader.text();
  if (request.reader.failed()) return reply_malformed(request);
  const OpenFile* file = handles_.find_file(handle);
  if (file == nullptr) return reply_failure(request, "no such handle");
  reply_errno(request, ::fsync(file->file.get()) == 0 ? 0 : errno);
}

void Server::fstatvfs(Request& request) {
  const auto handle = request.reader.text();
  if (request.reader.failed()) return reply_malformed(request);
  const OpenFile* file = handles_.find_file(handle);
  if (file == nullptr) return reply_failure(request, "no such handle");
  struct statvfs status {};
  if (::fstatvfs(file->file.get(), &status) != 0) return reply_errno(request, errno);
  reply_file_system(request, status);
}

void Server::copy_data(Request& request) {
  const auto source_handle = request.reader.text();
  const std::uint64_t from = request.reader.u64();
  const std::uint64_t length = request.reader.u64();
  const auto target_handle = request.reader.text();
  const std::uint64_t to = request.reader.u64();
  if (request.reader.failed() || from > kMaxOffset || to > kMaxOffset || length > kMaxOffset)
    return reply_malformed(request);
  const OpenFile* source = handles_.find_file(source_handle);
  const OpenFile* target = handles_.find_file(target_handle);
  if (source == nullptr || target == nullptr) return reply_failure(request, "no such handle");
  if (same_file(*source, *target))
    return reply_failure(request, "a file can't be copied into itself");
  reply_errno(request, copy_all({*source, from, length, *target, to}));
}

}  // namespace ssh2incus::guest::sftp
