// Reads authorized_keys as their owner. What a line says is judged by policy/ alone.
#include "monitor/key_reader.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <functional>
#include <string_view>

#include "common/escape.h"
#include "common/limits.h"
#include "common/privileges.h"
#include "monitor/child_task.h"
#include "monitor/key_reader_syscalls.h"
#include "monitor/strict_modes.h"
#include "policy/authorized_keys.h"

namespace ssh2incus {
namespace {

constexpr unsigned kOpenFiles = 16;
constexpr rlim_t kCpuSeconds = 5;
// Lines that have nothing to do with the key must not crowd out those that have.
constexpr std::size_t kMaxMalformedReasons = 8;

struct Search {
  const KeysRequest& request;
  Circumstances circumstances;
  std::vector<BoundedString<kMaxKeyReason>> reasons;
  std::size_t malformed = 0;
  std::optional<AuthorizedLine> accepted;

  void add_reason(const std::string& where, const std::string& reason) {
    if (reasons.size() < kMaxKeyReasons) {
      reasons.push_back(truncated<kMaxKeyReason>(where + ": " + reason));
    }
  }
  void add_malformed(const std::string& where, const std::string& reason) {
    if (malformed++ < kMaxMalformedReasons) add_reason(where, reason);
  }
};

Circumstances circumstances_of(const KeysRequest& request) {
  Circumstances out;
  out.source_address = *request.source_address;
  out.now_unix = static_cast<std::int64_t>(request.now_unix);
  out.utc_offset_seconds = static_cast<std::int32_t>(request.utc_offset_seconds);
  for (const auto& pattern : request.permitted_environment) {
    out.permitted_environment.push_back(*pattern);
  }
  return out;
}

std::string expanded(const std::string& pattern, const HostUserRecord& user) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '%' || i + 1 == pattern.size()) {
      path += pattern[i];
      continue;
    }
    ++i;
    if (pattern[i] == 'h') {
      path += user.home;
    } else if (pattern[i] == 'u') {
      path += user.name;
    } else {
      path += pattern[i];
    }
  }
  return path;
}

void search_line(std::string_view line, const std::string& file, std::uint32_t number,
                 Search& search) {
  const std::string where = file + ":" + std::to_string(number);
  if (line.size() > limits::kMaxAuthorizedKeysLine) {
    search.add_malformed(where, "line is too long");
    return;
  }
  const auto key = parse_authorized_keys_line(line);
  if (!key.ok()) {
    search.add_malformed(where, key.error().message);
    return;
  }
  if (!*key || *(*key)->blob != *search.request.key_blob) return;
  auto grant = evaluate_key((*key)->options, search.circumstances);
  if (!grant.ok()) {
    search.add_reason(where, grant.error().message);
    return;
  }
  search.accepted =
      AuthorizedLine{std::move(grant).value(), truncated<limits::kMaxPath>(file), number};
}

void search_content(std::string_view content, const std::string& file, Search& search) {
  for (std::uint32_t number = 1; !content.empty() && !search.accepted; ++number) {
    const std::size_t end = content.find('\n');
    search_line(content.substr(0, end), file, number, search);
    content = end == std::string_view::npos ? std::string_view() : content.substr(end + 1);
  }
}

void search_file(const std::string& pattern, const HostUserRecord& user, Search& search) {
  const std::string path = expanded(pattern, user);
  const bool in_home = pattern.starts_with("%h");
  if (path.size() > limits::kMaxPath) return search.add_reason(pattern, "path is too long");
  auto file = open_trusted_file({path, user.uid, in_home ? user.home : std::string()});
  if (!file.ok()) return search.add_reason(path, file.error().message);
  if (!*file) return;
  auto content = read_bounded(**file, limits::kMaxAuthorizedKeysFile);
  if (!content.ok()) return search.add_reason(path, content.error().message);
  search_content(*content, path, search);
}

KeysReply reply_of(Search search) {
  KeysReply reply;
  reply.accepted = std::move(search.accepted);
  reply.reasons = std::move(search.reasons);
  return reply;
}

// Has a child become that user, do the work, and answer.
Result<KeysReply> ask_reader(const HostUserRecord& reader, const std::function<KeysReply()>& work) {
  const auto in_child = [&](ipc::IpcChannel& answer, pid_t parent) {
    KeysReply reply;
    if (auto status = enter_key_reader_sandbox(reader, parent); status.ok()) {
      reply = work();
    } else {
      reply.reasons =
          std::vector{truncated<kMaxKeyReason>("key reader: " + status.error().message)};
    }
    static_cast<void>(answer.send(reply));
  };
  const Bytes answer = TRY(ask_child(in_child, limits::kKeyLookupMs));
  return ipc::decode<KeysReply>(answer);
}

Status limit_cpu() {
  const rlimit limit{kCpuSeconds, kCpuSeconds};
  if (setrlimit(RLIMIT_CPU, &limit) != 0) return system_error("setrlimit CPU");
  return {};
}

}  // namespace

std::vector<std::string> default_authorized_keys_files() {
  return {"%h/.ssh/authorized_keys", "%h/.ssh/authorized_keys2", "/etc/ssh/authorized_keys.d/%u"};
}

KeysReply find_key(const HostUserRecord& user, const std::vector<std::string>& files,
                   const KeysRequest& request) {
  Search search{request, circumstances_of(request), {}, 0, std::nullopt};
  for (const std::string& pattern : files) {
    search_file(pattern, user, search);
    if (search.accepted) break;
  }
  return reply_of(std::move(search));
}

KeysReply find_key_in_text(const std::string& text, const std::string& where,
                           const KeysRequest& request) {
  Search search{request, circumstances_of(request), {}, 0, std::nullopt};
  search_content(text, where, search);
  return reply_of(std::move(search));
}

Status enter_key_reader_sandbox(const HostUserRecord& user, pid_t parent) {
  TRY(limit_bounding_set({}));
  TRY(become_user(user.uid, user.gid, user.group_ids));
  TRY(keep_capabilities_only({}));
  TRY(die_with_parent(parent));
  TRY(forbid_dumps());
  TRY(apply_resource_limits({true, true, kOpenFiles}));
  TRY(limit_cpu());
  report_refusals_to_channel();
  return apply_syscall_filter(kKeyReaderSyscalls);
}

Result<KeysReply> read_keys_as_user(const HostUserRecord& user,
                                    const std::vector<std::string>& files,
                                    const KeysRequest& request) {
  return ask_reader(user, [&] { return find_key(user, files, request); });
}

Result<KeysReply> find_key_in_text_as(const HostUserRecord& reader, const std::string& text,
                                      const std::string& where, const KeysRequest& request) {
  return ask_reader(reader, [&] { return find_key_in_text(text, where, request); });
}

}  // namespace ssh2incus
