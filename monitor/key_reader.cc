// Reads key files as their user. What a line says is judged by policy/ alone.
#include "monitor/key_reader.h"

#include <sys/resource.h>

#include <functional>
#include <string_view>

#include "common/limits.h"
#include "common/privileges.h"
#include "monitor/child_task.h"
#include "monitor/key_reader_syscalls.h"
#include "monitor/key_search.h"
#include "policy/authorized_keys.h"
#include "policy/principals.h"

namespace ssh2incus {
namespace {

constexpr unsigned kOpenFiles = 16;
constexpr rlim_t kCpuSeconds = 5;
// A line for plain keys never authorises a certificate, nor the other way round.
void search_line(std::string_view line, const std::string& where, const std::string& file,
                 std::uint32_t number, KeySearch& search) {
  const auto key = parse_authorized_keys_line(line);
  if (!key.ok()) return search.add_malformed(where, key.error().message);
  if (!*key) return;
  const KeysRequest& request = search.request();
  const KeyOptions& options = (*key)->options;
  const bool certificate = request.certificate.has_value();
  const Bytes& wanted = certificate ? *request.certificate->ca_key : *request.key_blob;
  if (*(*key)->blob != wanted || (certificate && !options.cert_authority)) return;
  auto grant = certificate ? evaluate_authority(options, search.circumstances())
                           : evaluate_key(options, search.circumstances());
  if (!grant.ok()) return search.refuse(where, grant.error().message);
  AuthorizedLine accepted{std::move(*grant), truncated<limits::kMaxPath>(file), number, {}, {}};
  if (certificate) {
    const std::string names = options.principals ? **options.principals : search.user().name;
    const auto principal = principal_in_list(search.principals(), names);
    if (!principal) {
      return search.refuse(where, "the certificate has no principal that is authorised");
    }
    accepted.principal = *principal;
    if (options.principals) accepted.principal_from = truncated<limits::kMaxPath + 16>(where);
  }
  search.accept(std::move(accepted));
}

void search_content(std::string_view content, const std::string& file, KeySearch& search) {
  search.for_each_line(content, file,
                       [&](std::string_view line, const std::string& where, std::uint32_t number) {
                         search_line(line, where, file, number, search);
                       });
}

void search_file(const std::string& pattern, KeySearch& search) {
  const auto file = search.read_user_file(pattern);
  if (file) search_content(file->content, file->path, search);
}

// Has a child do the work as that user, and answer. As root it does the other thing before.
Result<KeysReply> ask_reader(const HostUserRecord& reader, const std::function<void()>& as_root,
                             const std::function<KeysReply()>& work) {
  const auto in_child = [&](ipc::IpcChannel& answer, pid_t parent) {
    as_root();
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

KeysReply find_key(const HostUserRecord& user, const KeySources& sources,
                   const AdministratorFiles& files, const KeysRequest& request) {
  KeySearch search(user, request);
  if (const std::string why = why_refused_by_revoked_keys(sources, files, request); !why.empty()) {
    search.refuse("revoked keys", why);
    return std::move(search).reply();
  }
  search.found_not_revoked();
  if (request.certificate) search_trusted_cas(sources, files, search);
  for (const std::string& pattern : sources.authorized_keys) {
    if (search.accepted()) break;
    search_file(pattern, search);
  }
  return std::move(search).reply();
}

KeysReply find_key_in_text(const HostUserRecord& user, const std::string& text,
                           const std::string& where, const KeysRequest& request) {
  KeySearch search(user, request);
  search_content(text, where, search);
  return std::move(search).reply();
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

Result<KeysReply> read_keys_as_user(const HostUserRecord& user, const KeySources& sources,
                                    const KeysRequest& request) {
  AdministratorFiles files;
  return ask_reader(
      user, [&] { files = open_administrator_files(sources); },
      [&] { return find_key(user, sources, files, request); });
}

Result<KeysReply> find_key_in_text_as(const HostUserRecord& reader, const HostUserRecord& user,
                                      const std::string& text, const std::string& where,
                                      const KeysRequest& request) {
  return ask_reader(
      reader, [] {}, [&] { return find_key_in_text(user, text, where, request); });
}

}  // namespace ssh2incus
