// The steps into the sandbox; see sandbox.h. The arguments come from the monitor's launcher.
#include "sessiond/sandbox.h"

#include <libssh/libssh.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <ctime>
#include <memory>
#include <string_view>

#include "common/crash_notice.h"
#include "common/ipc_sessiond.h"
#include "common/privileges.h"
#include "common/syscall_filter.h"
#include "sessiond/syscalls.h"

namespace ssh2incus {
namespace {

int g_crash_fd = -1;  // set once, before the filter

void report_crash(int number) {
  const auto notice = crash_notice_bytes(ipc::CrashNotice::kKind, number);
  send(g_crash_fd, notice.data(), notice.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

Result<unsigned> parse_id(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value == 0) {
    return fail("not the id of an unprivileged user or group: " + std::string(text));
  }
  return value;
}

// What a client can make libssh and us keep is far less; a flood that gets past that ends its own
// connection.
Status limit_memory() {
  constexpr rlim_t kMost = 256UL * 1024 * 1024;
  const rlimit limit{kMost, kMost};
  if (setrlimit(RLIMIT_DATA, &limit) != 0) return system_error("setrlimit DATA");
  return {};
}

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};

}  // namespace

Result<SandboxIdentity> parse_identity(int count, const char* const* arguments) {
  if (count != 4) return fail("usage: ssh2incus-sessiond EMPTY-ROOT UID GID (by ssh2incus only)");
  return SandboxIdentity{arguments[1], TRY(parse_id(arguments[2])), TRY(parse_id(arguments[3]))};
}

Status prepare_libraries() {
  tzset();
  constexpr std::uint64_t kWanted = OPENSSL_INIT_LOAD_CONFIG | OPENSSL_INIT_LOAD_CRYPTO_STRINGS |
                                    OPENSSL_INIT_ADD_ALL_CIPHERS | OPENSSL_INIT_ADD_ALL_DIGESTS;
  if (OPENSSL_init_crypto(kWanted, nullptr) != 1) return fail("OpenSSL can't be initialised");
  std::array<unsigned char, 16> seed{};
  if (RAND_bytes(seed.data(), seed.size()) != 1 || RAND_priv_bytes(seed.data(), seed.size()) != 1) {
    return fail("OpenSSL has no randomness");
  }
  // One key of each kind, so that the providers' tables are complete.
  const std::unique_ptr<EVP_PKEY, FreeKey> x25519(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519"));
  const std::unique_ptr<EVP_PKEY, FreeKey> p256(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
  if (!x25519 || !p256) return fail("OpenSSL can't make keys");
  if (ssh_init() != SSH_OK) return fail("libssh can't be initialised");
  return {};
}

Status enter_sandbox(const SandboxIdentity& identity, int crash_fd) {
  const pid_t parent = getppid();
  TRY(enter_empty_root(identity.empty_root));
  TRY(limit_bounding_set({}));
  TRY(become_user(identity.uid, identity.gid, {}));
  TRY(keep_capabilities_only({}));
  // In plain mode each session has four sockets.
  TRY(apply_resource_limits(ResourceLimits{.open_files = 5 * limits::kMaxPlainSessions}));
  if (!kSanitized) TRY(limit_memory());
  TRY(forbid_dumps());
  TRY(die_with_parent(parent));
  g_crash_fd = crash_fd;
  if (signal(SIGPIPE, SIG_IGN) == SIG_ERR) return system_error("signal");
  report_refused_syscalls(report_crash);
  if (kSanitized) return {};
  return apply_syscall_filter(kSessiondSyscalls);
}

}  // namespace ssh2incus
