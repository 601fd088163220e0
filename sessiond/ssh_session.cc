// Sets libssh up and drives it; see ssh_session.h. Settings come from the monitor, everything else
// that libssh sees comes from the network.
#include "sessiond/ssh_session.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include "sessiond/packet_reader.h"
#include "sessiond/packet_writer.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kBudget = 256UL * 1024;  // in libssh's output buffer at a time
constexpr int kGoodbyeMs = 1000;
constexpr int kMinimumRsaBits = 2048;

struct BindRelease {
  void operator()(ssh_bind bind) const { ssh_bind_free(bind); }
};
using SshBind = std::unique_ptr<ssh_bind_struct, BindRelease>;

// libssh takes one key of each of these families.
int family_of(ssh_keytypes_e type) {
  switch (type) {
    case SSH_KEYTYPE_ECDSA_P384:
    case SSH_KEYTYPE_ECDSA_P521: return SSH_KEYTYPE_ECDSA_P256;
    default: return type;
  }
}

Status import_host_keys(ssh_bind bind, const ipc::HelloReply& settings) {
  std::array<int, 8> families{};
  std::size_t imported = 0;
  for (const auto& blob : settings.host_keys) {
    SshKey key = import_public_key(*blob);
    if (!key) return fail("libssh can't read a host key");
    const int family = family_of(ssh_key_type(key.get()));
    if (std::find(families.begin(), families.begin() + imported, family) !=
        families.begin() + imported) {
      continue;
    }
    if (ssh_bind_options_set(bind, SSH_BIND_OPTIONS_IMPORT_KEY, key.get()) != SSH_OK) {
      return fail(std::string("libssh refuses a host key: ") + ssh_get_error(bind));
    }
    static_cast<void>(key.release());  // bind's now
    families[imported++] = family;
  }
  if (imported == 0) return fail("no host keys");
  return {};
}

Result<SshBind> make_bind(const ipc::HelloReply& settings) {
  SshBind bind(ssh_bind_new());
  if (!bind) return fail("out of memory");
  const bool read_configuration = false;
  ssh_bind_options_set(bind.get(), SSH_BIND_OPTIONS_PROCESS_CONFIG, &read_configuration);
  const std::array<std::pair<ssh_bind_options_e, const std::string*>, 8> options = {{
      {SSH_BIND_OPTIONS_KEY_EXCHANGE, &*settings.key_exchange},
      {SSH_BIND_OPTIONS_HOSTKEY_ALGORITHMS, &*settings.host_key_algorithms},
      {SSH_BIND_OPTIONS_CIPHERS_C_S, &*settings.ciphers},
      {SSH_BIND_OPTIONS_CIPHERS_S_C, &*settings.ciphers},
      {SSH_BIND_OPTIONS_HMAC_C_S, &*settings.macs},
      {SSH_BIND_OPTIONS_HMAC_S_C, &*settings.macs},
      {SSH_BIND_OPTIONS_PUBKEY_ACCEPTED_KEY_TYPES, &*settings.public_key_algorithms},
      {SSH_BIND_OPTIONS_BANNER, &*settings.software_version},
  }};
  for (const auto& [option, value] : options) {
    if (ssh_bind_options_set(bind.get(), option, value->c_str()) != SSH_OK) {
      return fail("libssh refuses \"" + *value + "\": " + ssh_get_error(bind.get()));
    }
  }
  const int minimum_rsa = kMinimumRsaBits;
  ssh_bind_options_set(bind.get(), SSH_BIND_OPTIONS_RSA_MIN_SIZE, &minimum_rsa);
  TRY(import_host_keys(bind.get(), settings));
  return bind;
}

// libssh sends on a socket that poll() has called writable, but only a non-blocking one takes a
// part instead of waiting for room for all.
Status make_nonblocking(const UniqueFd& fd) {
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) return system_error("fcntl");
  return {};
}

}  // namespace

SshString to_ssh_string(std::span<const std::uint8_t> bytes) {
  SshString string(ssh_string_new(bytes.size()));
  if (string && ssh_string_fill(string.get(), bytes.data(), bytes.size()) != SSH_OK) string.reset();
  return string;
}

// libssh's interface takes keys as the base64 of their blobs only.
SshKey import_public_key(std::span<const std::uint8_t> blob) {
  if (blob.size() > limits::kMaxPublicKeyBlob) return nullptr;
  const auto type = PacketReader(blob).text();
  if (!type) return nullptr;
  std::string text((blob.size() + 2) / 3 * 4 + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), blob.data(),
                  static_cast<int>(blob.size()));
  ssh_key key = nullptr;
  const ssh_keytypes_e known = ssh_key_type_from_name(std::string(*type).c_str());
  if (ssh_pki_import_pubkey_base64(text.c_str(), known, &key) != SSH_OK) return nullptr;
  return SshKey(key);
}

Result<std::unique_ptr<SshSession>> SshSession::create(const ipc::HelloReply& settings,
                                                       UniqueFd connection,
                                                       ssh_server_callbacks callbacks) {
  std::unique_ptr<SshSession> self(new SshSession());
  TRY(make_nonblocking(connection));
  TRY(self->configure(settings, std::move(connection)));
  ssh_session session = self->raw();
  ssh_set_blocking(session, 0);
  ssh_set_server_callbacks(session, callbacks);
  self->set_methods("publickey");
  // Sends our version; everything that follows is driven by handle_events(). It also makes what
  // the event needs of the session, so it has to come first.
  if (ssh_handle_key_exchange(session) == SSH_ERROR) {
    return fail(std::string("libssh: ") + ssh_get_error(session));
  }
  self->event_.reset(ssh_event_new());
  if (!self->event_ || ssh_event_add_session(self->event_.get(), session) != SSH_OK) {
    return fail("libssh: no event loop");
  }
  self->in_event_ = true;
  return self;
}

Status SshSession::configure(const ipc::HelloReply& settings, UniqueFd connection) {
  const SshBind bind = TRY(make_bind(settings));
  session_.reset(ssh_new());
  if (!session_) return fail("out of memory");
  const int accepted = ssh_bind_accept_fd(bind.get(), session_.get(), connection.get());
  static_cast<void>(connection.release());  // the session closes it, even after an error
  if (accepted != SSH_OK) return fail(std::string("libssh: ") + ssh_get_error(bind.get()));
  return {};
}

SshSession::~SshSession() {
  if (in_event_) ssh_event_remove_session(event_.get(), session_.get());
}

int SshSession::fd() const { return ssh_get_fd(session_.get()); }

short SshSession::events() const {
  const int flags = ssh_get_poll_flags(session_.get());
  return static_cast<short>(((flags & SSH_READ_PENDING) != 0 ? POLLIN : 0) |
                            ((flags & SSH_WRITE_PENDING) != 0 ? POLLOUT : 0));
}

void SshSession::handle_events() { ssh_event_dopoll(event_.get(), 0); }

bool SshSession::alive() const {
  return ssh_is_connected(session_.get()) != 0 &&
         (ssh_get_status(session_.get()) & (SSH_CLOSED | SSH_CLOSED_ERROR)) == 0 && fd() >= 0;
}

std::string SshSession::closing_reason() const {
  const std::string text = ssh_get_error(session_.get());
  return text.empty() ? "connection closed" : text;
}

void SshSession::renew_budget() {
  if ((ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) == 0) budget_ = kBudget;
}

bool SshSession::has_new_budget() const {
  return budget_ < kBudget && (ssh_get_poll_flags(session_.get()) & SSH_WRITE_PENDING) == 0;
}

std::size_t SshSession::write(ssh_channel channel, std::span<const std::uint8_t> data,
                              bool is_stderr) {
  const std::size_t window = ssh_channel_window_size(channel);
  const std::size_t size = std::min({data.size(), window, budget_});
  if (size == 0) return 0;
  const auto length = static_cast<std::uint32_t>(size);
  const int written = is_stderr ? ssh_channel_write_stderr(channel, data.data(), length)
                                : ssh_channel_write(channel, data.data(), length);
  if (written <= 0) return 0;
  const auto taken = static_cast<std::size_t>(written);
  budget_ -= std::min(taken, budget_);
  return taken;
}

void SshSession::set_methods(std::string_view methods) {
  unsigned mask = 0;
  constexpr std::array<std::pair<std::string_view, unsigned>, 3> kKnown = {
      {{"publickey", SSH_AUTH_METHOD_PUBLICKEY},
       {"password", SSH_AUTH_METHOD_PASSWORD},
       {"keyboard-interactive", SSH_AUTH_METHOD_INTERACTIVE}}};
  while (!methods.empty()) {
    const std::string_view name = methods.substr(0, methods.find(','));
    for (const auto& [known, bit] : kKnown) mask |= name == known ? bit : 0;
    methods.remove_prefix(std::min(name.size() + 1, methods.size()));
  }
  // None would make libssh offer its defaults.
  ssh_set_auth_methods(session_.get(),
                       static_cast<int>(mask != 0 ? mask : SSH_AUTH_METHOD_PUBLICKEY));
}

void SshSession::send_banner(const std::string& text) {
  if (text.empty()) return;
  const SshString banner(ssh_string_from_char(text.c_str()));
  if (banner) ssh_send_issue_banner(session_.get(), banner.get());
}

void SshSession::ask(std::string_view instruction, std::span<const ipc::AuthPrompt> prompts) {
  PacketWriter writer;
  writer.text("").text(instruction).text("");  // no name of the dialogue, no language
  writer.number(prompts.size());
  for (const ipc::AuthPrompt& prompt : prompts) {
    writer.text(prompt.text.empty() ? "> " : std::string_view(*prompt.text));  // must not be empty
    writer.boolean(prompt.echo);
  }
  const Bytes payload = writer.take();
  ssh_auth_reply_info_request(session_.get(), payload.data(), payload.size());
}

void SshSession::notify(const std::string& name, std::span<const std::uint8_t> payload) {
  ssh_global_request_notify(session_.get(), name.c_str(), payload.data(), payload.size());
}

void SshSession::drain(int timeout_ms) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (alive() && (events() & POLLOUT) != 0 && std::chrono::steady_clock::now() < end) {
    pollfd entry{fd(), POLLOUT, 0};
    if (poll(&entry, 1, timeout_ms) <= 0) return;
    handle_events();
  }
}

bool SshSession::disconnect(const std::string& text) {
  drain(kGoodbyeMs);  // libssh drops what its buffer holds, the goodbye with it
  if (!alive()) return false;
  ssh_session_set_disconnect_message(session_.get(), text.c_str());
  ssh_event_remove_session(event_.get(), session_.get());
  in_event_ = false;
  ssh_disconnect(session_.get());
  return true;
}

}  // namespace ssh2incus
