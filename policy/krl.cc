// One walk over the file, which looks at each entry where it lies: a list of megabytes costs some
// milliseconds and no memory. The file is the administrator's.
#include "policy/krl.h"

#include <algorithm>
#include <bit>

#include "common/limits.h"
#include "policy/base64.h"
#include "policy/certificate.h"

namespace ssh2incus {
namespace {

constexpr std::string_view kMagic("SSHKRL\n\0", 8);
constexpr std::uint32_t kFormatVersion = 1;
constexpr std::size_t kSha1Size = 20;
constexpr std::size_t kSha256Size = 32;

enum class Section : std::uint8_t {
  kCertificates = 1,
  kExplicitKey = 2,
  kSha1 = 3,
  kSignature = 4,
  kSha256 = 5,
  kExtension = 255,
};
enum class CertificateSection : std::uint8_t {
  kSerialList = 0x20,
  kSerialRange = 0x21,
  kSerialBitmap = 0x22,
  kKeyId = 0x23,
  kExtension = 0x39,
};

bool same(ByteView first, ByteView second) {
  return std::equal(first.begin(), first.end(), second.begin(), second.end());
}

class KrlWalk {
 public:
  explicit KrlWalk(const RevocationSubject& subject) : subject_(subject) {}

  Result<std::string> go(ByteView file) {
    WireReader reader(file.subspan(kMagic.size()));
    TRY(read_header(reader));
    while (!reader.at_end()) {
      const auto type = reader.byte();
      const auto data = reader.string();
      if (!type || !data) return fail("a section is cut off");
      TRY(read_section(static_cast<Section>(*type), *data));
    }
    return std::move(found_);
  }

 private:
  static Status read_header(WireReader& reader) {
    const auto version = reader.number();
    const auto list_version = reader.long_number();
    const auto generated = reader.long_number();
    const auto flags = reader.long_number();
    const auto reserved = reader.string();
    const auto comment = reader.string();
    if (!version || !list_version || !generated || !flags || !reserved || !comment) {
      return fail("the header is cut off");
    }
    if (*version != kFormatVersion) return fail("format version " + std::to_string(*version));
    return {};
  }

  Status read_section(Section type, ByteView data) {
    switch (type) {
      case Section::kCertificates: return read_certificates(data);
      case Section::kExplicitKey: return read_entries(data, 0, &RevocableKey::blob, "");
      case Section::kSha1: return read_entries(data, kSha1Size, &RevocableKey::sha1, " by SHA1");
      case Section::kSha256:
        return read_entries(data, kSha256Size, &RevocableKey::sha256, " by SHA256");
      case Section::kExtension: return read_extension(data);
      case Section::kSignature: return fail("it has a signature, which nobody here can verify");
    }
    return fail("a section of unknown type " + std::to_string(static_cast<unsigned>(type)));
  }

  // Keys or hashes; a size of 0 stands for any but 0.
  Status read_entries(ByteView data, std::size_t size, ByteView RevocableKey::*member,
                      const std::string& by) {
    WireReader reader(data);
    while (!reader.at_end()) {
      const auto entry = reader.string();
      if (!entry || entry->empty() || (size != 0 && entry->size() != size)) {
        return fail("a list of keys or hashes is malformed");
      }
      if (same(*entry, subject_.key.*member)) add("the key" + by);
      if (subject_.certificate && same(*entry, subject_.certificate->ca.*member)) {
        add("the certificate's CA" + by);
      }
    }
    return {};
  }

  static Status read_extension(ByteView data) {
    WireReader reader(data);
    const auto name = reader.string();
    const auto critical = reader.byte();
    const auto contents = reader.string();
    if (!name || !critical || *critical > 1 || !contents || !reader.at_end()) {
      return fail("an extension is malformed");
    }
    if (*critical == 1) return fail("it has a critical extension");
    return {};
  }

  Status read_certificates(ByteView data) {
    WireReader reader(data);
    const auto ca = reader.string();
    const auto reserved = reader.string();
    if (!ca || !reserved) return fail("a section of certificates is cut off");
    if (!ca->empty() && !WireReader(*ca).string()) return fail("a CA's key is malformed");
    const bool ours =
        subject_.certificate && (ca->empty() || same(*ca, subject_.certificate->ca.blob));
    while (!reader.at_end()) {
      const auto type = reader.byte();
      const auto entries = reader.string();
      if (!type || !entries) return fail("a section of certificates is cut off");
      TRY(read_certificate_section(static_cast<CertificateSection>(*type), *entries, ours));
    }
    return {};
  }

  Status read_certificate_section(CertificateSection type, ByteView data, bool ours) {
    WireReader reader(data);
    switch (type) {
      case CertificateSection::kSerialList: return read_serials(reader, ours);
      case CertificateSection::kSerialRange: return read_range(reader, ours);
      case CertificateSection::kSerialBitmap: return read_bitmap(reader, ours);
      case CertificateSection::kKeyId: return read_key_ids(reader, ours);
      case CertificateSection::kExtension: return read_extension(data);
    }
    return fail("certificates are revoked in an unknown way");
  }

  Status read_serials(WireReader& reader, bool ours) {
    while (!reader.at_end()) {
      const auto serial = reader.long_number();
      if (!serial || *serial == 0) return fail("a list of serial numbers is malformed");
      if (ours && is_serial(*serial, *serial)) add_serial();
    }
    return {};
  }

  Status read_range(WireReader& reader, bool ours) {
    const auto first = reader.long_number();
    const auto last = reader.long_number();
    if (!first || !last || !reader.at_end() || *first == 0 || *first > *last) {
      return fail("a range of serial numbers is malformed");
    }
    if (ours && is_serial(*first, *last)) add_serial();
    return {};
  }

  // Bit n of a big-endian number stands for the serial number offset + n.
  Status read_bitmap(WireReader& reader, bool ours) {
    const auto offset = reader.long_number();
    const auto bits = reader.string();
    if (!offset || !bits || !reader.at_end()) return fail("a bitmap is malformed");
    const auto first_set =
        std::find_if(bits->begin(), bits->end(), [](std::uint8_t byte) { return byte != 0; });
    if (first_set == bits->end()) return {};
    const std::uint64_t highest = static_cast<std::uint64_t>(bits->end() - first_set - 1) * 8 +
                                  static_cast<unsigned>(std::bit_width(*first_set)) - 1;
    if (highest > UINT64_MAX - *offset) {
      return fail("a bitmap reaches beyond the last serial number");
    }
    if (!ours || !is_serial(*offset, *offset + highest)) return {};
    const std::uint64_t bit = subject_.certificate->serial - *offset;
    const std::uint8_t byte = (*bits)[bits->size() - 1 - static_cast<std::size_t>(bit / 8)];
    if ((byte >> (bit % 8) & 1) != 0) add_serial();
    return {};
  }

  Status read_key_ids(WireReader& reader, bool ours) {
    while (!reader.at_end()) {
      const auto id = reader.string();
      if (!id) return fail("a list of key ids is malformed");
      if (ours && as_text(*id) == subject_.certificate->key_id)
        add("the certificate by its key id");
    }
    return {};
  }

  [[nodiscard]] bool is_serial(std::uint64_t first, std::uint64_t last) const {
    const std::uint64_t serial = subject_.certificate->serial;
    return serial != 0 && first <= serial && serial <= last;
  }
  void add_serial() {
    add("the certificate by serial number " + std::to_string(subject_.certificate->serial));
  }
  void add(const std::string& what) {
    if (found_.empty()) found_ = what;
  }

  const RevocationSubject& subject_;
  std::string found_;
};

std::string_view without_leading_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

// The key of a line, of any type; empty for a blank line or a comment. Of a certificate it is the
// certified key that counts.
Result<Bytes> key_of_line(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  line = without_leading_blanks(line);
  if (line.empty() || line.starts_with('#')) return Bytes();
  if (line.size() > limits::kMaxAuthorizedKeysLine) return fail("too long");
  const std::string_view type = line.substr(0, line.find_first_of(" \t"));
  line = without_leading_blanks(line.substr(type.size()));
  const auto blob = decode_base64(line.substr(0, line.find_first_of(" \t")));
  if (!blob) return fail("no public key");
  const auto name = WireReader(*blob).string();
  if (!name || as_text(*name) != type) return fail("no public key of the type it says");
  if (!certified_key_type(type)) return *blob;
  return TRY(parse_certificate(*blob)).key_blob;
}

Result<std::string> why_listed(std::string_view text, const RevocationSubject& subject) {
  std::string found;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const auto key = key_of_line(text.substr(0, end));
    if (!key.ok()) return fail("line " + std::to_string(number) + ": " + key.error().message);
    if (found.empty() && !key->empty()) {
      if (same(*key, subject.key.blob)) found = "the key";
      if (subject.certificate && same(*key, subject.certificate->ca.blob)) {
        found = "the certificate's CA";
      }
    }
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
  return found;
}

}  // namespace

Result<std::string> why_revoked(ByteView file, const RevocationSubject& subject) {
  if (as_text(file).starts_with(kMagic)) return KrlWalk(subject).go(file);
  return why_listed(as_text(file), subject);
}

}  // namespace ssh2incus
