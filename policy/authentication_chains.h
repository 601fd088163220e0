// Which methods, in which order, make a login: AuthenticationMethods of sshd_config(5). Fed by the
// configuration and by what the monitor has seen succeed; order matters, as with OpenSSH: only the
// next method of a chain whose earlier ones have succeeded is offered.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"

namespace ssh2incus {

enum class AuthMethod : std::uint8_t {
  kPublicKey = 1,
  kPassword,
  kKeyboardInteractive,
  kNone,
};
std::string_view auth_method_name(AuthMethod method);  // as in RFC 4252
// Whether trying often enough succeeds.
constexpr bool can_be_guessed(AuthMethod method) {
  return method == AuthMethod::kPassword || method == AuthMethod::kKeyboardInteractive;
}

class AuthenticationChains {
 public:
  // Any one of these methods is enough.
  static AuthenticationChains any_of(std::span<const AuthMethod> methods);
  // Chains separated by white space, methods by commas; "any" stands for any_of(enabled). A
  // submethod of keyboard-interactive may be named: "pam" is the only one there is.
  static Result<AuthenticationChains> parse(std::string_view text,
                                            std::span<const AuthMethod> enabled);

  // The methods that may come next, without repetition; none if `done` begins no chain.
  [[nodiscard]] std::vector<AuthMethod> next(std::span<const AuthMethod> done) const;
  [[nodiscard]] bool may_try(std::span<const AuthMethod> done, AuthMethod method) const;
  [[nodiscard]] bool complete(std::span<const AuthMethod> done) const;
  // The same of the first of them: access rules may have demanded more afterwards.
  [[nodiscard]] bool was_complete(std::span<const AuthMethod> done) const;
  // next() as RFC 4252 §5.1 writes it: "publickey,password".
  [[nodiscard]] std::string next_names(std::span<const AuthMethod> done) const;
  // All methods that occur in a chain.
  [[nodiscard]] std::vector<AuthMethod> methods() const;
  [[nodiscard]] bool uses(AuthMethod method) const;
  [[nodiscard]] const std::vector<std::vector<AuthMethod>>& chains() const { return chains_; }

  friend bool operator==(const AuthenticationChains&, const AuthenticationChains&) = default;

 private:
  using Chain = std::vector<AuthMethod>;
  std::vector<Chain> chains_;
};

}  // namespace ssh2incus
