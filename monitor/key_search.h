// What the key reader is looking for and has found so far; shared by its parts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitor/host_lookup.h"
#include "monitor/ipc_attendant.h"
#include "monitor/key_sources.h"

namespace ssh2incus {

class KeySearch {
 public:
  KeySearch(const HostUserRecord& user, const KeysRequest& request);

  [[nodiscard]] const HostUserRecord& user() const { return user_; }
  [[nodiscard]] const KeysRequest& request() const { return request_; }
  [[nodiscard]] const Circumstances& circumstances() const { return circumstances_; }
  [[nodiscard]] const std::vector<std::string>& principals() const { return principals_; }
  [[nodiscard]] bool accepted() const { return accepted_.has_value(); }

  void found_not_revoked() { not_revoked_ = true; }
  void accept(AuthorizedLine line) { accepted_ = std::move(line); }
  // Why a line or a file that might have authorised the key doesn't; the last refusal is also why
  // the key is refused.
  void add_reason(const std::string& where, const std::string& reason);
  void refuse(const std::string& where, const std::string& reason);
  void add_malformed(const std::string& where, const std::string& reason);
  KeysReply reply() &&;

  // Calls visit(line, "file:number", number) for each line, until something is accepted. Lines that
  // are too long are reported and left out.
  using Visit = std::function<void(std::string_view, const std::string&, std::uint32_t)>;
  void for_each_line(std::string_view content, const std::string& file, const Visit& visit);
  // A user's file by its pattern: its path and content, if it's there and may be trusted.
  struct UserFile {
    std::string path;
    std::string content;
  };
  std::optional<UserFile> read_user_file(const std::string& pattern);

 private:
  const HostUserRecord& user_;
  const KeysRequest& request_;
  Circumstances circumstances_;
  std::vector<std::string> principals_;  // of the certificate
  std::vector<BoundedString<kMaxKeyReason>> reasons_;
  std::size_t malformed_ = 0;
  bool not_revoked_ = false;
  std::string refusal_;
  std::optional<AuthorizedLine> accepted_;
};

// Looks for the CA of the request's certificate among those that the administrator trusts, and for
// a principal that lets the user in.
void search_trusted_cas(const KeySources& sources, const AdministratorFiles& files,
                        KeySearch& search);

}  // namespace ssh2incus
