// Validated names. A string that has not been through parse() can't be passed where one is wanted.
// Rules: Incus's own for instances (a DNS label: 1-63 letters, digits, hyphens; no digit or hyphen
// first, no hyphen last), projects and remotes; useradd's portable set for users.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "common/result.h"

namespace ssh2incus {

// The reason why a text is no such name, in words; empty if it is one.
std::string why_not_instance_name(std::string_view text);
std::string why_not_project_name(std::string_view text);
std::string why_not_remote_name(std::string_view text);
std::string why_not_user_name(std::string_view text);

template <std::string (*WhyNot)(std::string_view), typename Tag>
class ValidatedName {
 public:
  static Result<ValidatedName> parse(std::string_view text) {
    if (auto reason = WhyNot(text); !reason.empty()) return Error{std::move(reason)};
    return ValidatedName(std::string(text));
  }
  [[nodiscard]] const std::string& str() const { return text_; }
  friend bool operator==(const ValidatedName&, const ValidatedName&) = default;
  friend auto operator<=>(const ValidatedName&, const ValidatedName&) = default;

 private:
  explicit ValidatedName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

using InstanceName = ValidatedName<why_not_instance_name, struct InstanceNameTag>;
using ProjectName = ValidatedName<why_not_project_name, struct ProjectNameTag>;
using RemoteName = ValidatedName<why_not_remote_name, struct RemoteNameTag>;
// A user of the Incus host.
using HostUser = ValidatedName<why_not_user_name, struct HostUserTag>;
// A user inside an instance.
using InstanceUser = ValidatedName<why_not_user_name, struct InstanceUserTag>;

}  // namespace ssh2incus
