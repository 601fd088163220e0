// Host keys as ssh-keygen makes them: loading, signing, refusing, and leaving nothing behind.
#include "monitor/host_keys.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <functional>

#include "common/sanitized.h"
#include "common/unique_fd.h"
#include "monitor/openssh_key.h"
#include "monitor/public_key.h"
#include "monitor/signature_verifier.h"
#include "policy/base64.h"
#include "policy/signature_subject.h"
#include "tests/unit/monitor/temporary_directory.h"

namespace ssh2incus {
namespace {

using ipc::SignatureAlgorithm;

std::string make_key(const TemporaryDirectory& directory, const std::string& options) {
  const std::string path = directory.path("key");
  const std::string command = "rm -f " + path + "; ssh-keygen -q -N '' -C test " + options +
                              " -f " + path + " >/dev/null 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << options;
  return path;
}

struct Case {
  const char* options;
  SignatureAlgorithm algorithm;
  const char* list;
};

class HostKeyFormats : public testing::TestWithParam<Case> {};

TEST_P(HostKeyFormats, LoadsSignsAndVerifies) {
  const TemporaryDirectory directory;
  const auto keys = HostKeys::load({make_key(directory, GetParam().options)});
  ASSERT_TRUE(keys.ok()) << keys.error().message;
  EXPECT_EQ(keys->algorithm_list(), GetParam().list);
  for (const std::size_t size : {32U, 48U, 64U}) {
    const Bytes hash(size, 7);
    const auto signature = keys->sign(0, GetParam().algorithm, hash);
    ASSERT_TRUE(signature.ok()) << signature.error().message;
    const auto blob = keys->public_blobs().at(0);
    const auto name = signature_algorithm_name(GetParam().algorithm);
    EXPECT_TRUE(verify_signature(blob, name, *signature, hash, {}).ok());
    EXPECT_FALSE(verify_signature(blob, name, *signature, Bytes(size, 8), {}).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, HostKeyFormats,
    testing::Values(
        Case{"-t ed25519", SignatureAlgorithm::kSshEd25519, "ssh-ed25519"},
        Case{"-t ecdsa -b 256", SignatureAlgorithm::kEcdsaNistp256, "ecdsa-sha2-nistp256"},
        Case{"-t ecdsa -b 384", SignatureAlgorithm::kEcdsaNistp384, "ecdsa-sha2-nistp384"},
        Case{"-t ecdsa -b 521", SignatureAlgorithm::kEcdsaNistp521, "ecdsa-sha2-nistp521"},
        Case{"-t rsa -b 2048", SignatureAlgorithm::kRsaSha2_512, "rsa-sha2-512,rsa-sha2-256"},
        Case{"-t rsa -b 3072", SignatureAlgorithm::kRsaSha2_256, "rsa-sha2-512,rsa-sha2-256"},
        Case{"-t rsa -b 2048 -m PEM", SignatureAlgorithm::kRsaSha2_512,
             "rsa-sha2-512,rsa-sha2-256"},
        Case{"-t rsa -b 2048 -m PKCS8", SignatureAlgorithm::kRsaSha2_256,
             "rsa-sha2-512,rsa-sha2-256"},
        Case{"-t ecdsa -b 256 -m PEM", SignatureAlgorithm::kEcdsaNistp256, "ecdsa-sha2-nistp256"},
        Case{"-t ecdsa -b 521 -m PKCS8", SignatureAlgorithm::kEcdsaNistp521,
             "ecdsa-sha2-nistp521"}));

TEST_P(HostKeyFormats, ProveThemselvesForOneSession) {
  const TemporaryDirectory directory;
  const auto keys = HostKeys::load({make_key(directory, GetParam().options)});
  ASSERT_TRUE(keys.ok()) << keys.error().message;
  const Bytes session(32, 7);
  const auto blob = keys->public_blobs().at(0);
  const auto name = signature_algorithm_name(GetParam().algorithm);
  const auto proof = keys->prove(0, GetParam().algorithm, session);
  ASSERT_TRUE(proof.ok()) << proof.error().message;
  EXPECT_TRUE(verify_signature(blob, name, *proof, host_key_proof_data(session, blob), {}).ok());
  EXPECT_FALSE(verify_signature(blob, name, *proof, session, {}).ok());
  EXPECT_FALSE(
      verify_signature(blob, name, *proof, host_key_proof_data(Bytes(32, 8), blob), {}).ok());
}

TEST(HostKeys, ProveNothingOfOtherKeysOrByOtherAlgorithms) {
  const TemporaryDirectory directory;
  const auto keys = HostKeys::load({make_key(directory, "-t ed25519")});
  ASSERT_TRUE(keys.ok());
  EXPECT_FALSE(keys->prove(1, SignatureAlgorithm::kSshEd25519, Bytes(32, 7)).ok());
  EXPECT_FALSE(keys->prove(0, SignatureAlgorithm::kRsaSha2_512, Bytes(32, 7)).ok());
}

TEST(HostKeys, AreProvenAsTheKeyExchangeWasSignedIfTheKeyCan) {
  using enum SignatureAlgorithm;
  const TemporaryDirectory directory;
  const auto keys = HostKeys::load({make_key(directory, "-t rsa -b 2048")});
  ASSERT_TRUE(keys.ok());
  const std::string both = "ssh-ed25519,rsa-sha2-512,rsa-sha2-256";
  EXPECT_EQ(keys->proof_algorithm(0, kRsaSha2_256, both), kRsaSha2_256);
  EXPECT_EQ(keys->proof_algorithm(0, kRsaSha2_512, both), kRsaSha2_512);
  EXPECT_EQ(keys->proof_algorithm(0, kSshEd25519, both), kRsaSha2_512);
  EXPECT_EQ(keys->proof_algorithm(0, kSshEd25519, "rsa-sha2-256"), kRsaSha2_256);
  EXPECT_EQ(keys->proof_algorithm(0, kSshEd25519, "ssh-ed25519"), std::nullopt);
  EXPECT_EQ(keys->proof_algorithm(1, kRsaSha2_512, both), std::nullopt);
}

TEST(HostKeys, AreNotMoreThanFitIntoAMessage) {
  const TemporaryDirectory directory;
  const std::string path = make_key(directory, "-t ed25519");
  EXPECT_TRUE(HostKeys::load(std::vector<std::string>(limits::kMaxHostKeys, path)).ok());
  const auto keys = HostKeys::load(std::vector<std::string>(limits::kMaxHostKeys + 1, path));
  ASSERT_FALSE(keys.ok());
  EXPECT_EQ(keys.error().message, "more than 8 host keys");
}

TEST(HostKeys, LoadsEd25519FromPkcs8) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("key");
  const std::string command = "openssl genpkey -algorithm ed25519 -out " + path + " 2>/dev/null";
  ASSERT_EQ(std::system(command.c_str()), 0);
  chmod(path.c_str(), 0600);
  const auto keys = HostKeys::load({path});
  ASSERT_TRUE(keys.ok()) << keys.error().message;
  EXPECT_EQ(keys->algorithm_list(), "ssh-ed25519");
}

TEST(HostKeys, PublicBlobIsWhatSshKeygenSays) {
  const TemporaryDirectory directory;
  const std::string path = make_key(directory, "-t ecdsa -b 384");
  const auto keys = HostKeys::load({path});
  ASSERT_TRUE(keys.ok());
  const std::string command = "ssh-keygen -l -f " + path + ".pub";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);
  char line[512] = {};
  ASSERT_NE(fgets(line, sizeof(line), pipe.get()), nullptr);
  EXPECT_NE(std::string(line).find(" " + fingerprint(keys->public_blobs()[0]) + " "),
            std::string::npos)
      << line;
}

std::string error_of(const std::string& path) {
  const auto keys = HostKeys::load({path});
  return keys.ok() ? "" : keys.error().message;
}

TEST(HostKeys, RefusesFilesThatOthersCanRead) {
  const TemporaryDirectory directory;
  const std::string path = make_key(directory, "-t ed25519");
  for (const mode_t mode : {0640U, 0604U, 0620U, 0644U}) {
    chmod(path.c_str(), mode);
    EXPECT_THAT(error_of(path), testing::HasSubstr("unprotected private key")) << mode;
  }
}

TEST(HostKeys, RefusesForeignOwners) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const TemporaryDirectory directory;
  const std::string path = make_key(directory, "-t ed25519");
  ASSERT_EQ(chown(path.c_str(), 54321, 0), 0);
  EXPECT_THAT(error_of(path), testing::HasSubstr("doesn't belong to root"));
}

TEST(HostKeys, RefusesPassphrases) {
  const TemporaryDirectory directory;
  const std::string path = directory.path("key");
  for (const std::string options : {"-t ed25519", "-t rsa -b 2048 -m PEM"}) {
    const std::string command =
        "rm -f " + path + "; ssh-keygen -q -N secret1 " + options + " -f " + path;
    ASSERT_EQ(std::system(command.c_str()), 0);
    EXPECT_THAT(error_of(path), testing::HasSubstr("passphrase")) << options;
  }
}

TEST(HostKeys, RefusesWhatIsNoUsableKey) {
  const TemporaryDirectory directory;
  EXPECT_NE(error_of(directory.path("absent")), "");
  EXPECT_NE(error_of(directory.path()), "");
  EXPECT_NE(error_of(directory.write("empty", "")), "");
  EXPECT_NE(error_of(directory.write("text", "hello\n")), "");
  EXPECT_THAT(error_of(make_key(directory, "-t rsa -b 1024")), testing::HasSubstr("1024"));
  EXPECT_NE(error_of(make_key(directory, "-t dsa")), "");
}

TEST(HostKeys, RefusesHalvesThatDontBelongTogether) {
  const TemporaryDirectory directory;
  const std::string path = make_key(directory, "-t ed25519");
  const std::string text = read_file(path);
  auto body =
      decode_openssh_armor({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  ASSERT_TRUE(body.ok());
  const auto view = parse_openssh_key(body->bytes());
  ASSERT_TRUE(view.ok());
  const auto offset = static_cast<std::size_t>(view->secret.data() - body->bytes().data());
  body->writable()[offset] ^= 1;  // the seed; the public half stays
  const std::string changed = "-----BEGIN OPENSSH PRIVATE KEY-----\n" +
                              encode_base64(body->bytes()) +
                              "\n-----END OPENSSH PRIVATE KEY-----\n";
  EXPECT_THAT(error_of(directory.write("changed", changed)), testing::HasSubstr("wrong signature"));
}

TEST(HostKeys, SignsNothingButExchangeHashesByItsOwnAlgorithms) {
  const TemporaryDirectory directory;
  const auto keys = HostKeys::load({make_key(directory, "-t ed25519")});
  ASSERT_TRUE(keys.ok());
  EXPECT_FALSE(keys->sign(1, SignatureAlgorithm::kSshEd25519, Bytes(32)).ok());
  EXPECT_FALSE(keys->sign(0, SignatureAlgorithm::kRsaSha2_256, Bytes(32)).ok());
  for (const std::size_t size : {0U, 20U, 31U, 33U, 63U, 65U, 128U}) {
    EXPECT_FALSE(keys->sign(0, SignatureAlgorithm::kSshEd25519, Bytes(size)).ok()) << size;
  }
}

// How often the bytes whose complement is given occur in this process's writable memory.
int occurrences(const Bytes& complement) {
  const UniqueFd memory(open("/proc/self/mem", O_RDONLY | O_CLOEXEC));
  std::ifstream maps("/proc/self/maps");
  std::string line;
  int found = 0;
  // Not on the heap that is searched.
  constexpr std::size_t kChunk = 1UL << 20;
  auto* buffer = static_cast<std::uint8_t*>(
      mmap(nullptr, kChunk, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  while (std::getline(maps, line)) {
    if (line.find(" rw-p ") == std::string::npos) continue;
    const std::uint64_t begin = std::stoull(line, nullptr, 16);
    const std::uint64_t end = std::stoull(line.substr(line.find('-') + 1), nullptr, 16);
    for (std::uint64_t at = begin; at < end; at += kChunk - complement.size()) {
      const std::size_t want = std::min<std::uint64_t>(kChunk, end - at);
      const ssize_t got = pread(memory.get(), buffer, want, static_cast<off_t>(at));
      for (ssize_t i = 0; i + static_cast<ssize_t>(complement.size()) <= got; ++i) {
        const bool same =
            std::equal(complement.begin(), complement.end(), buffer + i,
                       [](std::uint8_t a, std::uint8_t b) { return (a ^ b) == 0xff; });
        if (same) ++found;
      }
      if (want < kChunk) break;
    }
  }
  munmap(buffer, kChunk);
  return found;
}

Bytes complement_of(KeyBytes bytes, bool reversed) {
  Bytes out(bytes.begin(), bytes.end());
  if (reversed) std::reverse(out.begin(), out.end());
  for (std::uint8_t& byte : out) byte = static_cast<std::uint8_t>(~byte);
  return out;
}

// What must not be found: pieces of each private number, in both byte orders, complemented. Made by
// a child, whose memory goes with it, and read through a file.
void write_needles(const std::string& key_path, const std::string& out_path) {
  const std::string text = read_file(key_path);
  const auto body =
      decode_openssh_armor({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  const auto view = parse_openssh_key(body->bytes());
  std::ofstream out(out_path, std::ios::binary);
  for (const KeyBytes& number : {view->secret, view->rsa_p, view->rsa_q, view->rsa_inverse}) {
    if (number.size() < 24) continue;
    for (const bool reversed : {false, true}) {
      for (const std::size_t offset : {std::size_t{4}, number.size() - 20}) {
        const Bytes needle = complement_of(number.subspan(offset, 16), reversed);
        out.write(reinterpret_cast<const char*>(needle.data()), 16);
      }
    }
  }
}

std::vector<Bytes> needles_of(const TemporaryDirectory& directory, const std::string& key_path) {
  const std::string path = directory.path("needles");
  const pid_t child = fork();
  if (child == 0) {
    write_needles(key_path, path);
    _exit(0);
  }
  waitpid(child, nullptr, 0);
  const std::string all = read_file(path);
  std::vector<Bytes> needles;
  for (std::size_t i = 0; i + 16 <= all.size(); i += 16) {
    needles.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(i),
                         all.begin() + static_cast<std::ptrdiff_t>(i) + 16);
  }
  return needles;
}

int total_occurrences(const std::vector<Bytes>& needles) {
  int total = 0;
  for (const Bytes& needle : needles) total += occurrences(needle);
  return total;
}

class HostKeyMemory : public testing::TestWithParam<const char*> {};

TEST_P(HostKeyMemory, HoldsNothingOfTheKeyOnceWiped) {
  if (kSanitized) GTEST_SKIP() << "the sanitizer's shadow memory takes hours to search";
  const TemporaryDirectory directory;
  const std::string path = make_key(directory, GetParam());
  const auto needles = needles_of(directory, path);
  ASSERT_FALSE(needles.empty());
  const std::string convert = std::string(GetParam()).find("rsa") != std::string::npos
                                  ? "ssh-keygen -q -p -N '' -m PEM -f " + path + " >/dev/null"
                                  : "true";
  for (const std::string& command : {std::string("true"), convert}) {
    ASSERT_EQ(std::system(command.c_str()), 0);
    auto keys = HostKeys::load({path});
    ASSERT_TRUE(keys.ok()) << keys.error().message;
    EXPECT_GT(total_occurrences(needles), 0) << "the search finds nothing at all";
    keys->wipe();
    EXPECT_EQ(total_occurrences(needles), 0);
    EXPECT_FALSE(keys->sign(0, SignatureAlgorithm::kSshEd25519, Bytes(32)).ok());
    EXPECT_EQ(keys->public_blobs().size(), 1U);
  }
}

INSTANTIATE_TEST_SUITE_P(All, HostKeyMemory,
                         testing::Values("-t ed25519", "-t ecdsa -b 256", "-t ecdsa -b 521",
                                         "-t rsa -b 2048", "-t rsa -b 3072"));

}  // namespace
}  // namespace ssh2incus
