// crypt_r(3) and the way to it.
#include "gateway/password_check.h"

#include <crypt.h>
#include <openssl/crypto.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "common/limits.h"
#include "policy/password_hash.h"

namespace ssh2incus {
namespace {

// Of no password: yescrypt at Debian's and libxcrypt's usual cost.
constexpr const char* kUsualSetting = "$y$j9T$ssh2incus.no.such$";

struct WipeAndDelete {
  void operator()(crypt_data* data) const {
    explicit_bzero(data, sizeof(*data));
    delete data;
  }
};

Status compute_and_compare(const Secret& password, const std::string& setting) {
  const auto bytes = password.bytes();
  if (bytes.size() > limits::kMaxInstancePassword) return fail("the password is too long");
  if (std::ranges::find(bytes, std::uint8_t{0}) != bytes.end()) {
    return fail("the password has a NUL");
  }
  Secret phrase = Secret::with_size(bytes.size() + 1);
  std::ranges::copy(bytes, phrase.writable().begin());
  const std::unique_ptr<crypt_data, WipeAndDelete> data(new crypt_data());
  const char* result =
      crypt_r(reinterpret_cast<const char*>(phrase.bytes().data()), setting.c_str(), data.get());
  if (result == nullptr || *result == '*') return fail("the hash can't be computed");
  const std::size_t length = std::strlen(result);
  if (length != setting.size() || CRYPTO_memcmp(result, setting.data(), length) != 0) {
    return fail("wrong password");
  }
  return {};
}

}  // namespace

Status check_password(const Secret& password, const std::string& hash) {
  Status usable = check_hash_cost(hash);
  if (usable.ok() && crypt_checksalt(hash.c_str()) != CRYPT_SALT_OK) {
    usable = fail("the hash is of a method that libxcrypt calls too weak");
  }
  if (!usable.ok()) {
    check_password_of_nobody(password);
    return usable;
  }
  return compute_and_compare(password, hash);
}

void check_password_of_nobody(const Secret& password) {
  static_cast<void>(compute_and_compare(password, kUsualSetting));
}

}  // namespace ssh2incus
