// Chains are compared as prefixes. The text comes from the administrator.
#include "policy/authentication_chains.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/escape.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxChains = 32;
constexpr std::size_t kMaxChainLength = 8;
constexpr std::string_view kSpace = " \t";

constexpr std::array<std::pair<std::string_view, AuthMethod>, 4> kMethods = {{
    {"publickey", AuthMethod::kPublicKey},
    {"password", AuthMethod::kPassword},
    {"keyboard-interactive", AuthMethod::kKeyboardInteractive},
    {"none", AuthMethod::kNone},
}};

template <typename T>
bool contains(const std::vector<T>& all, const T& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

Result<AuthMethod> parse_method(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  for (const auto& [known, method] : kMethods) {
    if (name != known || method == AuthMethod::kNone) continue;
    if (colon == std::string_view::npos) return method;
    const std::string_view submethod = text.substr(colon + 1);
    if (method != AuthMethod::kKeyboardInteractive) {
      return fail(std::string(name) + " has no submethods");
    }
    if (submethod != "pam") {
      return fail("keyboard-interactive has no submethod " + quoted(submethod) + ", only pam");
    }
    return method;
  }
  return fail(quoted(text) +
              " is no authentication method here: publickey, password, keyboard-interactive");
}

Result<std::vector<AuthMethod>> parse_chain(std::string_view text) {
  std::vector<AuthMethod> chain;
  while (true) {
    const std::size_t comma = text.find(',');
    if (chain.size() == kMaxChainLength) return fail("a chain is too long");
    chain.push_back(TRY(parse_method(text.substr(0, comma))));
    if (comma == std::string_view::npos) return chain;
    text = text.substr(comma + 1);
  }
}

}  // namespace

std::string_view auth_method_name(AuthMethod method) {
  for (const auto& [name, known] : kMethods) {
    if (known == method) return name;
  }
  return "?";
}

AuthenticationChains AuthenticationChains::any_of(std::span<const AuthMethod> methods) {
  AuthenticationChains chains;
  for (const AuthMethod method : methods) chains.chains_.push_back({method});
  return chains;
}

Result<AuthenticationChains> AuthenticationChains::parse(std::string_view text,
                                                         std::span<const AuthMethod> enabled) {
  AuthenticationChains chains;
  bool any = false;
  for (std::size_t start = text.find_first_not_of(kSpace); start != std::string_view::npos;
       start = text.find_first_not_of(kSpace)) {
    text = text.substr(start);
    const std::size_t end = std::min(text.find_first_of(kSpace), text.size());
    const std::string_view word = text.substr(0, end);
    text = text.substr(end);
    if (word == "any") {
      any = true;
      continue;
    }
    auto chain = TRY(parse_chain(word));
    if (chains.chains_.size() == kMaxChains) return fail("there are too many chains");
    if (!contains(chains.chains_, chain)) chains.chains_.push_back(std::move(chain));
  }
  if (any && !chains.chains_.empty()) return fail("\"any\" must stand alone");
  if (any) return any_of(enabled);
  if (chains.chains_.empty()) return fail("no authentication methods are named");
  return chains;
}

std::vector<AuthMethod> AuthenticationChains::next(std::span<const AuthMethod> done) const {
  std::vector<AuthMethod> found;
  for (const Chain& chain : chains_) {
    if (chain.size() <= done.size()) continue;
    if (!std::equal(done.begin(), done.end(), chain.begin())) continue;
    if (!contains(found, chain[done.size()])) found.push_back(chain[done.size()]);
  }
  return found;
}

bool AuthenticationChains::may_try(std::span<const AuthMethod> done, AuthMethod method) const {
  return contains(next(done), method);
}

bool AuthenticationChains::complete(std::span<const AuthMethod> done) const {
  return std::any_of(chains_.begin(), chains_.end(), [&](const Chain& chain) {
    return std::equal(chain.begin(), chain.end(), done.begin(), done.end());
  });
}

bool AuthenticationChains::was_complete(std::span<const AuthMethod> done) const {
  for (std::size_t count = 1; count <= done.size(); ++count) {
    if (complete(done.first(count))) return true;
  }
  return false;
}

std::string AuthenticationChains::next_names(std::span<const AuthMethod> done) const {
  std::string names;
  for (const AuthMethod method : next(done)) {
    if (method == AuthMethod::kNone) continue;
    if (!names.empty()) names += ',';
    names += auth_method_name(method);
  }
  return names;
}

std::vector<AuthMethod> AuthenticationChains::methods() const {
  std::vector<AuthMethod> all;
  for (const Chain& chain : chains_) {
    for (const AuthMethod method : chain) {
      if (!contains(all, method)) all.push_back(method);
    }
  }
  return all;
}

bool AuthenticationChains::uses(AuthMethod method) const { return contains(methods(), method); }

}  // namespace ssh2incus
