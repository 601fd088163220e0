// Costs of crypt(5)'s methods. The hashes come from instances.
#include "policy/password_hash.h"

#include <charconv>
#include <optional>

namespace ssh2incus {
namespace {

constexpr std::string_view kAlphabet =
    "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
constexpr std::uint32_t kSingleDigits = 48;  // yescrypt: larger ones begin a longer number
constexpr unsigned kMaxLogarithm = 30;       // of N; the product below can't overflow

std::optional<std::uint32_t> digit(char c) {
  const std::size_t found = kAlphabet.find(c);
  if (found == std::string_view::npos) return std::nullopt;
  return static_cast<std::uint32_t>(found);
}

// scrypt's and yescrypt's 128 * r * N bytes; work grows with memory times passes.
Status check_memory(std::uint32_t log_n, std::uint32_t r, std::uint32_t p) {
  if (log_n == 0 || log_n > kMaxLogarithm || r == 0 || p != 1) return fail("unusual parameters");
  if (r > kMaxHashMemory / 128 || (std::uint64_t{128} * r) << log_n > kMaxHashMemory) {
    return fail("the hash takes too much memory");
  }
  return {};
}

// parameters: "j9T": flavour, N, r, each one digit. More of them mean more passes, more threads or
// a shared table; no tool writes such hashes into shadow files.
Status check_yescrypt(std::string_view parameters) {
  parameters = parameters.substr(0, parameters.find('$'));
  if (parameters.size() != 3) return fail("unusual parameters");
  const auto log_n = digit(parameters[1]);
  const auto r = digit(parameters[2]);
  if (parameters[0] != 'j' || !log_n || !r || *log_n >= kSingleDigits || *r >= kSingleDigits) {
    return fail("unusual parameters");
  }
  return check_memory(*log_n + 1, *r + 1, 1);
}

// A number of five digits, the least significant first.
std::optional<std::uint32_t> five_digits(std::string_view text) {
  std::uint32_t number = 0;
  for (unsigned i = 0; i < 5; ++i) {
    const auto value = digit(text[i]);
    if (!value) return std::nullopt;
    number |= *value << (6 * i);
  }
  return number;
}

// parameters: N's logarithm in one digit, r and p in five each.
Status check_scrypt(std::string_view parameters) {
  if (parameters.size() < 11) return fail("unusual parameters");
  const auto log_n = digit(parameters[0]);
  const auto r = five_digits(parameters.substr(1));
  const auto p = five_digits(parameters.substr(6));
  if (!log_n || !r || !p) return fail("unusual parameters");
  return check_memory(*log_n, *r, *p);
}

std::optional<std::uint32_t> number_before_dollar(std::string_view text) {
  const std::size_t end = text.find('$');
  if (end == std::string_view::npos) return std::nullopt;
  std::uint32_t number = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + end, number);
  if (error != std::errc() || at != text.data() + end) return std::nullopt;
  return number;
}

Status check_sha(std::string_view rest) {
  constexpr std::string_view kRounds = "rounds=";
  if (!rest.starts_with(kRounds)) return {};
  const auto rounds = number_before_dollar(rest.substr(kRounds.size()));
  if (!rounds) return fail("unusual parameters");
  if (*rounds > kMaxShaRounds) return fail("the hash takes too many rounds");
  return {};
}

Status check_bcrypt(std::string_view rest) {
  const auto cost = number_before_dollar(rest);
  if (!cost) return fail("unusual parameters");
  if (*cost > kMaxBcryptCost) return fail("the hash takes too many rounds");
  return {};
}

}  // namespace

Status check_hash_cost(std::string_view hash) {
  struct Method {
    std::string_view prefix;
    Status (*check)(std::string_view rest);
  };
  constexpr Method kMethods[] = {
      {"$y$", check_yescrypt}, {"$gy$", check_yescrypt}, {"$7$", check_scrypt},
      {"$6$", check_sha},      {"$5$", check_sha},       {"$2b$", check_bcrypt},
      {"$2a$", check_bcrypt},  {"$2y$", check_bcrypt},
  };
  for (const Method& method : kMethods) {
    if (hash.starts_with(method.prefix)) return method.check(hash.substr(method.prefix.size()));
  }
  return fail("the hash is of a method that isn't accepted");
}

}  // namespace ssh2incus
