// Lines of authorized_keys, and what their options allow. Users write the lines; the circumstances
// are the monitor's own knowledge.
#include "policy/authorized_keys.h"

#include "common/environment_rule.h"
#include "common/escape.h"
#include "policy/authorized_keys_options.h"
#include "policy/base64.h"
#include "policy/ip_address.h"
#include "policy/public_key_algorithms.h"

namespace ssh2incus {
namespace {

std::string_view without_leading_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

// The text up to the next blank, taken off the front with the blanks after it.
std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text = without_leading_blanks(text.substr(word.size()));
  return word;
}

// Names of key types that OpenSSH knows (or knew) and we don't take; not options, at any rate.
bool is_refused_type(std::string_view word) {
  return word == "ssh-dss" || word.ends_with("-cert-v00@openssh.com") ||
         word.ends_with("-cert-v01@openssh.com");
}

Result<AuthorizedKey> parse_key(std::string_view text, KeyOptions options) {
  const std::string_view name = take_word(text);
  if (name.empty()) return fail("no key on the line");
  const auto type = key_type_from_name(name);
  if (!type) return fail("keys of type " + quoted(name.substr(0, 64)) + " aren't accepted");
  auto blob = decode_base64(take_word(text));
  if (!blob || blob->empty()) return fail("the key isn't valid base64");
  if (blob->size() > limits::kMaxPublicKeyBlob) return fail("the key is too large");
  const PublicKeyFacts facts = TRY(inspect_public_key(*blob));
  if (facts.type != *type) {
    return fail("the key says " + std::string(name) + " but is of type " +
                std::string(key_type_name(facts.type)));
  }
  AuthorizedKey key;
  key.type = std::string(name);
  key.blob = std::move(*blob);
  key.comment = truncated<1024>(text);
  key.options = std::move(options);
  return key;
}

Status check_source(const KeyOptions& options, const std::string& source) {
  if (!options.from) return {};
  const auto address = IpAddress::parse(source);
  if (!address) return fail("from=: the client's address is unknown");
  if (auto reason = why_not_address_list(**options.from); !reason.empty()) {
    return fail("from=: " + reason);
  }
  if (match_address_list(*address, **options.from) == AddressMatch::kMatch) return {};
  return fail("from= doesn't allow logins from " + address->text());
}

Status check_expiry(const KeyOptions& options, const Circumstances& circumstances) {
  const std::int64_t now = circumstances.now_unix;
  const std::int64_t local = now + circumstances.utc_offset_seconds;
  const auto passed = [](const std::optional<std::uint64_t>& expiry, std::int64_t time) {
    return expiry && time >= 0 && *expiry < static_cast<std::uint64_t>(time);
  };
  if (passed(options.expires_utc, now) || passed(options.expires_local, local)) {
    return fail("expiry-time= has passed");
  }
  return {};
}

bool is_permitted(const std::string& name, const std::vector<std::string>& patterns) {
  if (!environment_name_is_safe(name)) return false;
  for (const std::string& pattern : patterns) {
    if (matches_pattern(name, pattern)) return true;
  }
  return false;
}

Result<KeyGrant> evaluate(const KeyOptions& options, const Circumstances& circumstances) {
  TRY(check_expiry(options, circumstances));
  TRY(check_source(options, circumstances.source_address));

  KeyGrant grant;
  grant.pty = options.pty;
  grant.agent_forwarding = options.agent_forwarding;
  grant.port_forwarding = options.port_forwarding;
  grant.x11_forwarding = options.x11_forwarding;
  grant.user_rc = options.user_rc;
  grant.require_touch = options.require_touch;
  grant.require_verify = options.require_verify;
  grant.forced_command = options.command;
  grant.permit_open = options.permit_open;
  grant.permit_listen = options.permit_listen;
  // As OpenSSH does, what isn't permitted is left out and the key still counts.
  std::vector<EnvironmentEntry> environment;
  for (const EnvironmentEntry& entry : options.environment) {
    if (is_permitted(*entry.name, circumstances.permitted_environment)) {
      environment.push_back(entry);
    }
  }
  grant.environment = std::move(environment);
  return grant;
}

}  // namespace

Result<std::optional<AuthorizedKey>> parse_authorized_keys_line(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > limits::kMaxAuthorizedKeysLine) return fail("line is too long");
  std::string_view rest = without_leading_blanks(line);
  if (rest.empty() || rest.starts_with('#')) return std::optional<AuthorizedKey>();
  if (rest.find_first_of(std::string_view("\0\n", 2)) != std::string_view::npos) {
    return fail("line has a NUL or a line feed");
  }

  KeyOptions options;
  const std::string_view first = rest.substr(0, rest.find_first_of(" \t"));
  if (!key_type_from_name(first) && !is_refused_type(first)) {
    const std::size_t length = TRY(key_options_length(rest));
    options = TRY(parse_key_options(rest.substr(0, length)));
    rest = without_leading_blanks(rest.substr(length));
  }
  return std::optional<AuthorizedKey>(TRY(parse_key(rest, std::move(options))));
}

Result<KeyGrant> evaluate_key(const KeyOptions& options, const Circumstances& circumstances) {
  if (options.cert_authority) {
    return fail(
        "cert-authority: the line is for certificates that the key has signed, not for the key");
  }
  if (options.principals) return fail("principals= on a key that is no cert-authority");
  return evaluate(options, circumstances);
}

Result<KeyGrant> evaluate_authority(const KeyOptions& options, const Circumstances& circumstances) {
  if (!options.cert_authority) return fail("the line's key is no cert-authority");
  return evaluate(options, circumstances);
}

}  // namespace ssh2incus
