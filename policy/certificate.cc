// Certificates, field by field, and their options. Clients send them; a CA that is trusted later
// on may have signed them or not.
#include "policy/certificate.h"

#include <algorithm>
#include <array>

#include "common/escape.h"
#include "policy/ip_address.h"
#include "policy/signature_subject.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxPrincipals = limits::kMaxPrincipals;
constexpr std::size_t kMaxOptions = 256;

Bytes copied(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

std::optional<std::string> text(WireReader& reader) {
  const auto bytes = reader.string();
  if (!bytes || std::find(bytes->begin(), bytes->end(), 0) != bytes->end()) return std::nullopt;
  return std::string(as_text(*bytes));
}

// How many strings follow the nonce until the serial: the same that follow the type in a plain key.
std::size_t key_fields(KeyType type) {
  switch (type) {
    case KeyType::kEd25519: return 1;
    case KeyType::kSkEcdsaNistp256: return 3;
    default: return 2;
  }
}

Status read_key(WireReader& reader, Certificate& certificate) {
  if (!reader.string()) return fail("certificate is cut off");  // nonce
  append_wire_string(certificate.key_blob, key_type_name(certificate.key_type));
  for (std::size_t i = 0; i < key_fields(certificate.key_type); ++i) {
    const auto field = reader.string();
    if (!field) return fail("certificate is cut off");
    append_wire_string(certificate.key_blob, *field);
  }
  const auto facts = inspect_public_key(certificate.key_blob);
  if (!facts.ok()) return fail("certified key: " + facts.error().message);
  return {};
}

Status read_principals(ByteView packed, Certificate& certificate) {
  WireReader reader(packed);
  while (!reader.at_end()) {
    auto principal = text(reader);
    if (!principal || principal->empty()) return fail("certificate has a malformed principal");
    if (certificate.principals.size() == kMaxPrincipals) {
      return fail("certificate has too many principals");
    }
    certificate.principals.push_back(std::move(*principal));
  }
  return {};
}

Status read_options(ByteView packed, const std::string& what,
                    std::vector<CertificateOption>& options) {
  WireReader reader(packed);
  while (!reader.at_end()) {
    auto name = text(reader);
    const auto data = reader.string();
    if (!name || name->empty() || !data) return fail("certificate has a malformed " + what);
    const auto same = [&](const CertificateOption& other) { return other.name == *name; };
    if (std::any_of(options.begin(), options.end(), same)) {
      return fail("certificate has the " + what + " " + quoted(name->substr(0, 64)) + " twice");
    }
    if (options.size() == kMaxOptions) return fail("certificate has too many options");
    options.push_back({std::move(*name), copied(*data)});
  }
  return {};
}

Status read_contents(WireReader& reader, Certificate& certificate) {
  const auto serial = reader.long_number();
  const auto kind = reader.number();
  auto key_id = text(reader);
  const auto principals = reader.string();
  const auto after = reader.long_number();
  const auto before = reader.long_number();
  const auto critical = reader.string();
  const auto extensions = reader.string();
  const auto reserved = reader.string();
  if (!serial || !kind || !key_id || !principals || !after || !before || !critical || !extensions ||
      !reserved) {
    return fail("certificate is cut off or its key id has a NUL");
  }
  if (*kind != 1 && *kind != 2) return fail("certificate is neither a user's nor a host's");
  certificate.serial = *serial;
  certificate.kind = static_cast<CertificateKind>(*kind);
  certificate.key_id = std::move(*key_id);
  certificate.valid_after = *after;
  certificate.valid_before = *before;
  TRY(read_principals(*principals, certificate));
  TRY(read_options(*critical, "critical option", certificate.critical_options));
  return read_options(*extensions, "extension", certificate.extensions);
}

Status read_signature(WireReader& reader, std::size_t whole, Certificate& certificate) {
  const auto ca_key = reader.string();
  certificate.signed_size = whole - reader.left();
  const auto signature = reader.string();
  if (!ca_key || !signature) return fail("certificate is cut off");
  if (!reader.at_end()) return fail("trailing bytes after the certificate");
  const auto algorithm = WireReader(*signature).string();
  if (!algorithm) return fail("certificate has a malformed signature");
  certificate.ca_key = copied(*ca_key);
  certificate.signature = copied(*signature);
  certificate.signature_algorithm = std::string(as_text(*algorithm).substr(0, 64));
  if (auto facts = check_public_key(as_text(*algorithm), *ca_key); !facts.ok()) {
    return fail("CA of the certificate: " + facts.error().message);
  }
  TRY(parse_signature(certificate.signature_algorithm, certificate.signature));
  return {};
}

struct Permission {
  std::string_view name;
  bool KeyGrant::*member;
  bool value;  // that it sets
};
constexpr std::array<Permission, 6> kPermissions = {{
    {"permit-pty", &KeyGrant::pty, true},
    {"permit-port-forwarding", &KeyGrant::port_forwarding, true},
    {"permit-agent-forwarding", &KeyGrant::agent_forwarding, true},
    {"permit-X11-forwarding", &KeyGrant::x11_forwarding, true},
    {"permit-user-rc", &KeyGrant::user_rc, true},
    {"no-touch-required", &KeyGrant::require_touch, false},
}};

// What isn't known may be ignored, as PROTOCOL.certkeys says: an extension only grants.
Status apply_extension(const CertificateOption& option, KeyGrant& grant) {
  for (const Permission& permission : kPermissions) {
    if (option.name != permission.name) continue;
    if (!option.data.empty()) return fail("extension " + option.name + " has a value");
    grant.*permission.member = permission.value;
  }
  return {};
}

// The string that an option's data consists of.
Result<std::string> value_of(const CertificateOption& option) {
  WireReader reader(option.data);
  auto value = text(reader);
  if (!value || !reader.at_end()) return fail("critical option " + option.name + " is malformed");
  return std::move(*value);
}

Status check_source(std::string_view list, const std::string& source) {
  const auto address = IpAddress::parse(source);
  if (!address) return fail("source-address: the client's address is unknown");
  bool matches = false;
  for (;;) {
    const std::size_t comma = list.find(',');
    const auto network = IpNetwork::parse(list.substr(0, comma));
    if (!network.ok()) return fail("source-address: " + network.error().message);
    matches = matches || network->contains(*address);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
  if (matches) return {};
  return fail("the certificate isn't valid from " + address->text());
}

Status apply_critical(const CertificateOption& option, const Circumstances& circumstances,
                      KeyGrant& grant) {
  if (option.name == "force-command") {
    grant.forced_command = KeyOptionText(TRY(value_of(option)));
    return {};
  }
  if (option.name == "source-address") {
    return check_source(TRY(value_of(option)), circumstances.source_address);
  }
  if (option.name == "verify-required") {
    if (!option.data.empty()) return fail("critical option verify-required has a value");
    grant.require_verify = true;
    return {};
  }
  return fail("critical option " + quoted(option.name.substr(0, 64)) + " is unknown");
}

}  // namespace

Result<Certificate> parse_certificate(ByteView blob) {
  if (blob.size() > limits::kMaxPublicKeyBlob) return fail("certificate is too large");
  WireReader reader(blob);
  const auto name = reader.string();
  if (!name) return fail("certificate has no type");
  const auto type = certified_key_type(as_text(*name));
  if (!type) {
    return fail("certificates of type " + quoted(as_text(*name).substr(0, 64)) +
                " aren't accepted");
  }
  Certificate certificate;
  certificate.key_type = *type;
  TRY(read_key(reader, certificate));
  TRY(read_contents(reader, certificate));
  TRY(read_signature(reader, blob.size(), certificate));
  return certificate;
}

Result<KeyGrant> judge_certificate(const Certificate& certificate,
                                   const Circumstances& circumstances) {
  if (certificate.kind != CertificateKind::kUser) return fail("the certificate is a host's");
  const auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(0, circumstances.now_unix));
  if (now < certificate.valid_after) return fail("the certificate isn't valid yet");
  if (now >= certificate.valid_before) return fail("the certificate has expired");
  // Not "for anyone": a CA that forgets the principals must not let its holder be everybody.
  if (certificate.principals.empty()) return fail("the certificate names no principals");
  KeyGrant grant;
  grant.pty = grant.port_forwarding = grant.agent_forwarding = false;
  grant.x11_forwarding = grant.user_rc = false;
  for (const CertificateOption& option : certificate.critical_options) {
    TRY(apply_critical(option, circumstances, grant));
  }
  for (const CertificateOption& option : certificate.extensions) {
    TRY(apply_extension(option, grant));
  }
  return grant;
}

}  // namespace ssh2incus
