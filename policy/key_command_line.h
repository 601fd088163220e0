// The text of --authorized-keys-command: a program and its arguments with tokens that stand for the
// login's user and key, split and expanded as sshd_config(5) says. The administrator writes the
// text; the tokens' values are looked up for a name and a key that come from the network.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace ssh2incus {

struct KeyCommandTokens {
  std::string user;         // %u
  std::string home;         // %h
  std::string uid;          // %U
  std::string key_type;     // %t
  std::string key;          // %k, base64
  std::string fingerprint;  // %f
};

class KeyCommandLine {
 public:
  // Words are separated by blanks, kept together by quotes of either kind; a backslash takes the
  // meaning from quotes, backslashes and (outside of quotes) spaces. An error for a program without
  // an absolute path, a token that doesn't exist, a quote that isn't closed.
  static Result<KeyCommandLine> parse(std::string_view text);

  [[nodiscard]] const std::string& program() const { return words_.front(); }
  // Program and arguments; the user's name if there are no arguments. A value is part of one
  // argument whatever is in it. The program's path has no tokens.
  [[nodiscard]] std::vector<std::string> expanded(const KeyCommandTokens& tokens) const;

 private:
  explicit KeyCommandLine(std::vector<std::string> words) : words_(std::move(words)) {}
  std::vector<std::string> words_;
};

}  // namespace ssh2incus
