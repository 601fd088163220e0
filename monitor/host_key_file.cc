// OpenSSH's format is parsed in place. PEM goes through OpenSSL's decoders, which leave copies in
// freed memory, so a child reads it, hands over the numbers and ends, and its copies with it.
#include "monitor/host_key_file.h"

#include <fcntl.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <memory>

#include "common/unique_fd.h"
#include "monitor/openssh_key.h"
#include "monitor/private_key.h"
#include "policy/ssh_wire.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxKeyFile = 64UL * 1024;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

Status check_attributes(const struct stat& status) {
  if (!S_ISREG(status.st_mode)) return fail("not a regular file");
  if (status.st_uid != 0 && status.st_uid != geteuid()) return fail("doesn't belong to root");
  if ((status.st_mode & 077) != 0) {
    return fail("unprotected private key: others than its owner have access (chmod 600 helps)");
  }
  if (status.st_size > static_cast<off_t>(kMaxKeyFile)) return fail("too large for a key");
  return {};
}

// Up to the end or the buffer's.
Result<Secret> read_secret(int fd, std::size_t most) {
  Secret content = Secret::with_size(most);
  std::size_t used = 0;
  while (used < most) {
    const ssize_t got = read(fd, content.writable().data() + used, most - used);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read");
    if (got == 0) break;
    used += static_cast<std::size_t>(got);
  }
  content.shrink(used);
  return content;
}

int refuse_passphrase(char* /*buffer*/, int /*size*/, int /*rwflag*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

// One byte 1 and the numbers, or one byte 0 and what is wrong.
Bytes pem_answer(KeyBytes file) {
  bool asked = false;
  const std::unique_ptr<BIO, FreeBio> bio(
      BIO_new_mem_buf(file.data(), static_cast<int>(file.size())));
  const EvpKey key(PEM_read_bio_PrivateKey(bio.get(), nullptr, refuse_passphrase, &asked));
  std::string error = "no private key in OpenSSH's format or PEM: " + openssl_error();
  if (asked) error = "the key is protected by a passphrase; a host key must not be";
  if (key) {
    auto numbers = private_numbers_of(key.get());
    if (numbers.ok()) {
      numbers->insert(numbers->begin(), 1);
      return *numbers;
    }
    error = numbers.error().message;
  }
  Bytes answer = {0};
  answer.insert(answer.end(), error.begin(), error.end());
  return answer;
}

Result<Secret> numbers_from_pem(KeyBytes file) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("pipe");
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  const pid_t child = fork();
  if (child < 0) return system_error("fork");
  if (child == 0) {
    const Bytes answer = pem_answer(file);
    const ssize_t written = write(writer.get(), answer.data(), answer.size());
    _exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
  }
  writer.reset();
  auto answer = read_secret(reader.get(), kMaxKeyFile);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!answer.ok()) return answer.error();
  if (status != 0 || answer->empty()) return fail("the reader of PEM files failed");
  if (answer->bytes().front() == 0) return fail(std::string(as_text(answer->bytes().subspan(1))));
  return std::move(answer).value();
}

Result<HostKeyFile> from_view(const PrivateKeyView& view) {
  return HostKeyFile{TRY(make_private_key(view)), public_blob_of(view), view.type};
}

Result<HostKeyFile> load_content(const Secret& content) {
  if (is_openssh_key_file(content.bytes())) {
    const Secret body = TRY(decode_openssh_armor(content.bytes()));
    return from_view(TRY(parse_openssh_key(body.bytes())));
  }
  const Secret numbers = TRY(numbers_from_pem(content.bytes()));
  return from_view(TRY(parse_private_numbers(numbers.bytes().subspan(1))));
}

Result<HostKeyFile> load_open_file(const UniqueFd& file) {
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return system_error("fstat");
  TRY(check_attributes(status));
  const Secret content = TRY(read_secret(file.get(), kMaxKeyFile));
  return load_content(content);
}

}  // namespace

Result<HostKeyFile> load_host_key_file(const std::string& path) {
  const UniqueFd file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.valid()) return system_error("host key " + path);
  auto loaded = load_open_file(file);
  if (!loaded.ok()) return fail("host key " + path + ": " + loaded.error().message);
  return loaded;
}

}  // namespace ssh2incus
