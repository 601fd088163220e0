// The grammar of login names. The text comes from anyone who can connect.
#include "policy/login_target.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "common/check.h"
#include "common/escape.h"
#include "common/limits.h"

namespace ssh2incus {
namespace {

constexpr std::uint32_t kMostOfAResource = 1'000'000;  // GiB or CPUs; as bytes it fits 64 bits

// Clients that URL-encode the user name send "%40" or, encoded twice, "%2540" for '@'.
std::string with_at_signs_decoded(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::string_view sign = text.starts_with("%2540") ? "%2540" : "%40";
    const bool encoded = text.starts_with(sign);
    out += encoded ? '@' : text.front();
    text.remove_prefix(encoded ? sign.size() : 1);
  }
  return out;
}

Error about(std::string_view part, const std::string& reason) {
  return fail(part.empty() ? reason
                           : quoted(part.substr(0, limits::kMaxImageName)) + ": " + reason);
}

template <typename Name>
Result<Name> parse_name(std::string_view text) {
  auto name = Name::parse(text);
  if (!name.ok()) return about(text, name.error().message);
  return name;
}

Result<HostUser> parse_host_user(std::string_view text) {
  if (text.empty()) return fail("host user is empty");
  return parse_name<HostUser>(text);
}

bool is_image(std::string_view token) {
  return token.find_first_of("/:") != std::string_view::npos;
}

struct Flag {
  std::string_view name;
  std::string_view short_name;
  bool CreateOptions::*member;
};
constexpr Flag kFlags[] = {{"nest", "n", &CreateOptions::nested},
                           {"priv", "p", &CreateOptions::privileged},
                           {"vm", "v", &CreateOptions::virtual_machine}};

struct Amount {
  char letter;
  std::string_view what;
  std::uint32_t least;
  std::optional<std::uint32_t> CreateOptions::*member;
};
constexpr Amount kAmounts[] = {{'m', "memory", 1, &CreateOptions::memory_gib},
                               {'c', "number of CPUs", 1, &CreateOptions::cpus},
                               {'d', "disk size", 0, &CreateOptions::disk_gib}};

bool is_amount(std::string_view token) {
  return token.size() > 1 &&
         std::all_of(token.begin() + 1, token.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Status take_amount(std::string_view token, const Amount& amount, CreateOptions& options) {
  auto& value = options.*amount.member;
  if (value) return about(token, std::string(amount.what) + " is given twice");
  const std::string_view digits = token.substr(1);
  std::uint32_t number = 0;
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (parsed.ec != std::errc() || number > kMostOfAResource) {
    return about(token, std::string(amount.what) + " is too large");
  }
  if (digits.size() > 1 && digits.front() == '0') {
    return about(token, std::string(amount.what) + " starts with a zero");
  }
  if (number < amount.least) return about(token, std::string(amount.what) + " can't be 0");
  value = number;
  return {};
}

// After the '%': profile[,profile].
Status take_profiles(std::string_view names, CreateOptions& options) {
  for (bool more = true; more;) {
    const std::size_t comma = names.find(',');
    const std::string name(names.substr(0, comma));
    more = comma != std::string_view::npos;
    if (more) names.remove_prefix(comma + 1);
    if (auto reason = why_not_profile_name(name); !reason.empty()) return about(name, reason);
    if (std::ranges::find(options.profiles, name) != options.profiles.end()) {
      return about(name, "profile is given twice");
    }
    if (options.profiles.size() == limits::kMaxCreateProfiles) {
      return fail("more than " + std::to_string(limits::kMaxCreateProfiles) + " profiles");
    }
    options.profiles.push_back(name);
  }
  return {};
}

// Whether the token is a creation option; then it's taken. An option that can't be is an error.
Result<bool> take_option(std::string_view token, CreateOptions& options) {
  if (token.starts_with('%')) {
    TRY(take_profiles(token.substr(1), options));
    return true;
  }
  if (is_image(token)) {
    if (options.image) return about(token, "image is given twice");
    if (auto reason = why_not_image(token); !reason.empty()) return about(token, reason);
    options.image = std::string(token);
    return true;
  }
  for (const Flag& flag : kFlags) {
    if (token != flag.name && token != flag.short_name) continue;
    if (options.*flag.member) {
      return about(token, "option " + std::string(flag.name) + " is given twice");
    }
    options.*flag.member = true;
    return true;
  }
  for (const Amount& amount : kAmounts) {
    if (!token.starts_with(amount.letter) || !is_amount(token)) continue;
    TRY(take_amount(token, amount, options));
    return true;
  }
  return false;
}

// Everything after the instance: the tokens after each '+', and what stands after a '~'.
struct Tail {
  std::vector<std::string_view> tokens;
  std::optional<std::string_view> host_user;
};

// Splits the tail off the login's head.
Result<Tail> split_tail(std::string_view& head) {
  Tail tail;
  const std::size_t tilde = head.find('~');
  if (tilde != std::string_view::npos) {
    tail.host_user = head.substr(tilde + 1);
    head = head.substr(0, tilde);
    if (tail.host_user->find_first_of("~+") != std::string_view::npos) {
      return fail("nothing can follow the host user after '~'");
    }
  }
  std::size_t plus = head.find('+');
  std::string_view rest = plus == std::string_view::npos ? "" : head.substr(plus);
  head = head.substr(0, plus);
  while (!rest.empty()) {
    rest.remove_prefix(1);
    plus = rest.find('+');
    tail.tokens.push_back(rest.substr(0, plus));
    rest = plus == std::string_view::npos ? "" : rest.substr(plus);
  }
  return tail;
}

// Not among kFlags: '~' has said it perhaps, and it is written as that.
bool is_ephemeral(std::string_view token) {
  return token == "ephemeral" || token == "ephe" || token == "e";
}

Status take_tail(const Tail& tail, LoginTarget& target) {
  std::optional<std::string_view> host_user = tail.host_user;
  if (target.create && std::ranges::count_if(tail.tokens, is_ephemeral) > 1) {
    return fail("option ephemeral is given twice");
  }
  for (const std::string_view& token : tail.tokens) {
    const bool last = &token == &tail.tokens.back();
    if (target.create) {
      if (token.empty()) return fail("empty option after '+'");
      if (is_ephemeral(token)) {
        target.create->ephemeral = true;
        continue;
      }
      if (TRY(take_option(token, *target.create))) continue;
      if (!last || host_user) {
        return about(token,
                     "no such option (an image like ubuntu/24.04, mN, cN, dN, nest, priv, vm, "
                     "ephemeral or %profile)");
      }
    } else if (!last || host_user) {
      return fail("more than one host user, or options without '+' or '~' before the instance");
    }
    host_user = token;
  }
  if (host_user) target.host_user = TRY(parse_host_user(*host_user));
  return {};
}

// [remote:][instance-user@]instance[.project]
Status take_head(std::string_view head, LoginTarget& target) {
  if (const std::size_t colon = head.find(':'); colon != std::string_view::npos) {
    target.remote = TRY(parse_name<RemoteName>(head.substr(0, colon)));
    head.remove_prefix(colon + 1);
  }
  if (const std::size_t at = head.find('@'); at != std::string_view::npos) {
    if (at == 0) return fail("instance user is empty");
    target.user = TRY(parse_name<InstanceUser>(head.substr(0, at)));
    head.remove_prefix(at + 1);
  }
  // An instance name has no dot; a project may.
  if (const std::size_t dot = head.find('.'); dot != std::string_view::npos) {
    target.project = TRY(parse_name<ProjectName>(head.substr(dot + 1)));
    head = head.substr(0, dot);
  }
  target.instance = TRY(parse_name<InstanceName>(head));
  return {};
}

struct Command {
  std::string_view name;
  LoginTarget::Kind kind;
};
constexpr Command kCommands[] = {{"shell", LoginTarget::Kind::kIncusShell},
                                 {"list", LoginTarget::Kind::kList},
                                 {"sessions", LoginTarget::Kind::kSessions}};

Result<LoginTarget> parse_removal(std::string_view text, bool without_asking) {
  LoginTarget target;
  target.kind = LoginTarget::Kind::kRemove;
  target.without_asking = without_asking;
  const Tail tail = TRY(split_tail(text));
  if (text.find('@') != std::string_view::npos) return fail("an instance user can't be removed");
  TRY(take_head(text, target));
  TRY(take_tail(tail, target));
  return target;
}

Result<LoginTarget> parse_decoded(std::string_view login);

Result<LoginTarget> parse_explanation(std::string_view login) {
  if (login.empty()) return fail("%explain/ wants a login after it");
  LoginTarget target;
  target.kind = LoginTarget::Kind::kExplain;
  if (login.starts_with("%explain")) return fail("an explanation can't be explained");
  const LoginTarget explained = TRY(parse_decoded(login));
  target.explained = format_login(explained);
  target.host_user = explained.host_user;
  return target;
}

// After the '%'.
Result<LoginTarget> parse_command(std::string_view text) {
  for (const auto& [prefix, without_asking] : {std::pair("rm/", false), std::pair("rm-f/", true)}) {
    const std::string_view start(prefix);
    if (text.starts_with(start)) return parse_removal(text.substr(start.size()), without_asking);
  }
  constexpr std::string_view kExplain = "explain/";
  if (text.starts_with(kExplain)) return parse_explanation(text.substr(kExplain.size()));
  LoginTarget target;
  std::string_view name = text;
  const Tail tail = TRY(split_tail(name));
  const auto* found = std::ranges::find(kCommands, name, &Command::name);
  if (found == std::end(kCommands)) {
    return fail("unknown command " + quoted("%" + std::string(name.substr(0, 64))) +
                " (there are %shell, %list, %sessions, %rm/INSTANCE and %explain/LOGIN)");
  }
  target.kind = found->kind;
  TRY(take_tail(tail, target));
  return target;
}

std::string why_unusable(std::string_view login) {
  if (login.empty()) return "login name is empty";
  if (login.size() > limits::kMaxLoginName) {
    return "login name is longer than " + std::to_string(limits::kMaxLoginName) + " characters";
  }
  for (const char c : login) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return "login name has a control character";
  }
  return {};
}

Result<LoginTarget> parse_decoded(std::string_view rest) {
  if (rest.starts_with('%')) return parse_command(rest.substr(1));

  LoginTarget target;
  if (rest.starts_with('/')) {
    target.persistent_session = true;
    rest.remove_prefix(1);
  }
  if (rest.starts_with('%')) return fail("'/' can't stand before a command");
  if (rest.starts_with('+') || rest.starts_with('~')) {
    target.create.emplace().ephemeral = rest.front() == '~';
    rest.remove_prefix(1);
  }
  const Tail tail = TRY(split_tail(rest));
  TRY(take_head(rest, target));
  TRY(take_tail(tail, target));
  return target;
}

}  // namespace

std::string why_not_profile_name(std::string_view name) {
  if (name.empty()) return "profile is empty";
  if (name.size() > limits::kMaxProfileName) {
    return "profile is longer than " + std::to_string(limits::kMaxProfileName) + " characters";
  }
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  if (!is_letter(name.front())) return "profile doesn't start with a letter";
  const bool plain = std::ranges::all_of(name, [&](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
  return plain ? "" : "profile has a character that isn't allowed there";
}

std::string why_not_image(std::string_view image) {
  if (image.size() > limits::kMaxImageName) {
    return "image is longer than " + std::to_string(limits::kMaxImageName) + " characters";
  }
  const std::size_t colon = image.find(':');
  if (colon != std::string_view::npos) {
    if (auto reason = why_not_remote_name(image.substr(0, colon)); !reason.empty()) return reason;
    image.remove_prefix(colon + 1);
  }
  if (image.empty()) return "image is empty";
  if (image.front() == '/' || image.back() == '/' || image.find("//") != std::string_view::npos) {
    return "image has an empty part";
  }
  if (image.front() == '-' || image.front() == '.') return "image starts with '-' or '.'";
  const bool plain = std::all_of(image.begin(), image.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '/';
  });
  return plain ? "" : "image has a character that isn't allowed there";
}

Result<LoginTarget> parse_login(std::string_view login) {
  if (auto reason = why_unusable(login); !reason.empty()) return fail(std::move(reason));
  return parse_decoded(with_at_signs_decoded(login));
}

bool names_instance(const LoginTarget& target) {
  return target.kind == LoginTarget::Kind::kInstance || target.kind == LoginTarget::Kind::kRemove;
}

std::string format_login(const LoginTarget& target) {
  const bool other_host_user = target.host_user.str() != "root";
  if (target.kind == LoginTarget::Kind::kExplain) return "%explain/" + target.explained;
  if (const auto* command = std::ranges::find(kCommands, target.kind, &Command::kind);
      command != std::end(kCommands)) {
    return "%" + std::string(command->name) +
           (other_host_user ? "+" + target.host_user.str() : std::string());
  }
  CHECK(target.instance.has_value());
  std::string out;
  if (target.kind == LoginTarget::Kind::kRemove) out = target.without_asking ? "%rm-f/" : "%rm/";
  if (target.persistent_session) out += '/';
  if (target.create) out += target.create->ephemeral ? '~' : '+';
  if (target.remote) out += target.remote->str() + ':';
  if (target.user.str() != "root") out += target.user.str() + '@';
  out += target.instance->str();
  if (target.project) out += '.' + target.project->str();
  if (target.create) {
    for (const std::string& profile : target.create->profiles) {
      out += &profile == &target.create->profiles.front() ? "+%" : ",";
      out += profile;
    }
    if (target.create->image) out += '+' + *target.create->image;
    for (const Amount& amount : kAmounts) {
      const auto& value = (*target.create).*amount.member;
      if (value) out += '+' + std::string(1, amount.letter) + std::to_string(*value);
    }
    for (const Flag& flag : kFlags) {
      if ((*target.create).*flag.member) out += '+' + std::string(flag.name);
    }
  }
  // A host user called "vm" must not be read as an option.
  if (other_host_user) out += (target.create ? '~' : '+') + target.host_user.str();
  return out;
}

}  // namespace ssh2incus
