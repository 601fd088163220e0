// SFTP version 3 with OpenSSH's extensions, for one session: answers requests as the user that the
// process is. Every packet comes from the client and may say anything; what it may reach is what
// the kernel lets this user reach, within the tree.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>

#include "common/account_files.h"
#include "common/result.h"
#include "guest/sftp/handles.h"
#include "guest/sftp/listing.h"
#include "guest/sftp/options.h"
#include "guest/sftp/packet.h"
#include "guest/sftp/reply_buffer.h"
#include "guest/sftp/requests.h"
#include "guest/sftp/tree.h"

namespace ssh2incus::guest::sftp {

class Server {
 public:
  Server(Tree tree, Account account, Options options);

  // Answers the complete packets in `input`, in order, as long as there is room for replies; says
  // how many bytes were used. An error: this is no SFTP, and the session is over.
  Result<std::size_t> process(std::span<const std::uint8_t> input);
  ReplyBuffer& replies() { return replies_; }

 private:
  struct Request {
    std::uint32_t id = 0;
    PacketReader reader;
  };
  using Handler = void (Server::*)(Request&);

  Status handle_packet(std::span<const std::uint8_t> packet);
  Status handle_init(PacketReader& reader);
  void handle_request(PacketType type, Request& request);
  void handle_extended(Request& request);
  static Handler handler_of(PacketType type);
  static Handler handler_of(Extension extension);

  // server_files.cc
  void open(Request& request);
  void close(Request& request);
  void read(Request& request);
  void write(Request& request);
  void fstat(Request& request);
  void fsetstat(Request& request);
  void fsync(Request& request);
  void fstatvfs(Request& request);
  void copy_data(Request& request);

  // server_paths.cc
  void lstat(Request& request);
  void stat(Request& request);
  void setstat(Request& request);
  void lsetstat(Request& request);
  void opendir(Request& request);
  void readdir(Request& request);
  void remove(Request& request);
  void mkdir(Request& request);
  void rmdir(Request& request);
  void realpath(Request& request);
  void rename(Request& request);
  void posix_rename(Request& request);
  void readlink(Request& request);
  void symlink(Request& request);
  void hardlink(Request& request);
  void statvfs(Request& request);
  void stat_path(Request& request, Links links);
  void change_path(Request& request, Links links);
  void rename_path(Request& request, bool replace);

  // server_accounts.cc
  void tell_limits(Request& request);
  void expand_path(Request& request);
  void home_directory(Request& request);
  void users_groups_by_id(Request& request);
  std::optional<std::string> home_of(const std::string& user);
  const Names& names();

  // server_replies.cc
  void reply(PacketWriter& packet);
  void reply_status(const Request& request, StatusCode code);
  void reply_failure(const Request& request, const std::string& text);
  // 0 is success.
  void reply_errno(const Request& request, int error_number);
  void reply_malformed(const Request& request);
  void reply_handle(const Request& request, OpenFile file);
  void reply_attributes(const Request& request, const struct stat& status);
  void reply_path(const Request& request, const std::string& path);
  void reply_file_system(const Request& request, const struct statvfs& status);

  Tree tree_;
  Account account_;
  Options options_;
  Handles handles_;
  ReplyBuffer replies_;
  std::optional<Names> names_;
  bool initialised_ = false;
};

}  // namespace ssh2incus::guest::sftp
