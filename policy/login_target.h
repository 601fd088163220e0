// The user name of an SSH login as a wish: which instance, as whom, made how. Fed by anyone who
// can connect; nothing of it is granted by parsing it.
//
//   [/][remote:][instance-user@]instance[.project][+host-user | ~host-user]
//   [/](+|~)[remote:][instance-user@]instance[.project][+option]...[+host-user | ~host-user]
//   %shell | %list | %sessions, each with [+host-user | ~host-user]
//   (%rm/ | %rm-f/)[remote:]instance[.project][+host-user | ~host-user]
//   %explain/LOGIN, where LOGIN is any of the others
//
// Options, in any order, each at most once: an image (has a '/' or ':'), mN and cN and dN (GiB of
// memory, CPUs, GiB of disk; d0 is unlimited), nest or n, priv or p, vm or v, ephemeral, ephe or e
// (what '~' says too); and any number of times %profile[,profile], of create-config.yaml, in their
// order. What is no option and stands last is the host user. "%40" and "%2540" stand for '@'.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/names.h"
#include "common/result.h"

namespace ssh2incus {

struct CreateOptions {
  bool ephemeral = false;
  std::vector<std::string> profiles;  // of create-config.yaml, valid names, each once
  std::optional<std::string> image;
  std::optional<std::uint32_t> memory_gib;
  std::optional<std::uint32_t> cpus;
  std::optional<std::uint32_t> disk_gib;  // 0: unlimited
  bool nested = false;
  bool privileged = false;
  bool virtual_machine = false;
  friend bool operator==(const CreateOptions&, const CreateOptions&) = default;
};

struct LoginTarget {
  enum class Kind : std::uint8_t { kInstance, kIncusShell, kList, kSessions, kRemove, kExplain };

  Kind kind = Kind::kInstance;
  bool persistent_session = false;
  std::optional<RemoteName> remote;
  InstanceUser user = InstanceUser::parse("root").value();
  std::optional<InstanceName> instance;  // present exactly for kInstance and kRemove
  std::optional<ProjectName> project;
  HostUser host_user = HostUser::parse("root").value();
  std::optional<CreateOptions> create;
  bool without_asking = false;  // of kRemove
  std::string explained;        // of kExplain: the login, as format_login() writes it
  friend bool operator==(const LoginTarget&, const LoginTarget&) = default;
};

// The reason why a text is no name of a profile; empty if it is one. It starts with a letter, so
// that
// "%40" is never the beginning of one.
std::string why_not_profile_name(std::string_view name);
// The same for [remote:]alias, where the alias is words separated by single slashes.
std::string why_not_image(std::string_view image);

// The error is one line for the client and the log; what it quotes is escaped.
Result<LoginTarget> parse_login(std::string_view login);
// Whether the target is an instance, to enter or to remove.
bool names_instance(const LoginTarget& target);
// The shortest login that parses to this target; one text per target.
std::string format_login(const LoginTarget& target);

}  // namespace ssh2incus
