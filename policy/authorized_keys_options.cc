// Key options, one by one, with OpenSSH's meaning. What OpenSSH would skip over (empty options, a
// comma at the end) is refused here: a line that was meant differently grants nothing.
#include "policy/authorized_keys_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "common/escape.h"
#include "policy/ip_address.h"

namespace ssh2incus {
namespace {

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool all_digits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A decimal number that is known to consist of few digits.
int number_at(std::string_view text, std::size_t position, std::size_t length) {
  int value = 0;
  for (const char c : text.substr(position, length)) value = value * 10 + (c - '0');
  return value;
}

struct Timestamp {
  std::uint64_t seconds = 0;
  bool utc = false;
};

// YYYYMMDD[HHMM[SS]][Z]
std::optional<Timestamp> parse_timestamp(std::string_view text) {
  Timestamp result;
  for (const std::string_view suffix : {"Z", "z", "UTC", "utc"}) {
    if (!text.ends_with(suffix)) continue;
    result.utc = true;
    text.remove_suffix(suffix.size());
    break;
  }
  if (!all_digits(text) || (text.size() != 8 && text.size() != 12 && text.size() != 14)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{
      std::chrono::year(number_at(text, 0, 4)),
      std::chrono::month(static_cast<unsigned>(number_at(text, 4, 2))),
      std::chrono::day(static_cast<unsigned>(number_at(text, 6, 2)))};
  const int hour = text.size() > 8 ? number_at(text, 8, 2) : 0;
  const int minute = text.size() > 8 ? number_at(text, 10, 2) : 0;
  const int second = text.size() > 12 ? number_at(text, 12, 2) : 0;
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  const auto days = std::chrono::sys_days(date).time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(days).count() +
                       hour * 3600L + minute * 60L + second;
  if (seconds <= 0) return std::nullopt;
  result.seconds = static_cast<std::uint64_t>(seconds);
  return result;
}

// "host:port" or "[address]:port", the port a number or '*'; with bare_port also "port".
Result<ForwardingRule> parse_rule(std::string_view text, bool bare_port) {
  std::string rule(text);
  if (bare_port && text.find(':') == std::string_view::npos) rule = "*:" + rule;
  const std::string_view view = rule;
  const std::size_t bracket = view.starts_with('[') ? view.find(']') : 0;
  if (bracket == std::string_view::npos) return fail("missing ']'");
  const std::size_t colon = view.find(':', bracket);
  if (colon == std::string_view::npos || (bracket != 0 && colon != bracket + 1)) {
    return fail("must be host:port");
  }
  const std::string_view host = bracket != 0 ? view.substr(1, bracket - 1) : view.substr(0, colon);
  const std::string_view port = view.substr(colon + 1);
  if ((host.empty() && !bare_port) || host.size() > 1024) return fail("has an unusable host");
  if (host.find_first_of(" /") != std::string_view::npos) return fail("has an unusable host");
  if (port != "*") {
    unsigned number = 0;
    const auto parsed = std::from_chars(port.data(), port.data() + port.size(), number);
    if (!all_digits(port) || parsed.ec != std::errc() || number < 1 || number > 65535) {
      return fail("has an unusable port");
    }
  }
  return ForwardingRule(std::move(rule));
}

class OptionsParser {
 public:
  explicit OptionsParser(std::string_view text) : rest_(text) {}

  Result<KeyOptions> parse() {
    for (;;) {
      TRY(parse_option());
      if (rest_.empty()) break;
      if (rest_.front() != ',') return unknown();
      rest_.remove_prefix(1);
      if (rest_.empty()) return fail("nothing follows the last comma of the options");
    }
    options_.environment = std::move(environment_);
    options_.permit_open = std::move(permit_open_);
    options_.permit_listen = std::move(permit_listen_);
    return std::move(options_);
  }

 private:
  struct Switch {
    std::string_view name;
    bool KeyOptions::*member;
  };
  // Those that "no-" negates.
  static constexpr std::array<Switch, 7> kSwitches = {{
      {"pty", &KeyOptions::pty},
      {"port-forwarding", &KeyOptions::port_forwarding},
      {"agent-forwarding", &KeyOptions::agent_forwarding},
      {"x11-forwarding", &KeyOptions::x11_forwarding},
      {"user-rc", &KeyOptions::user_rc},
      {"touch-required", &KeyOptions::require_touch},
      {"verify-required", &KeyOptions::require_verify},
  }};
  struct Valued {
    std::string_view name;
    Status (OptionsParser::*take)(const std::string& value);
  };
  static const std::array<Valued, 8> kValued;

  [[nodiscard]] Error unknown() const {
    return fail("unknown key option " + quoted(name_.substr(0, 64)));
  }

  Status parse_option() {
    name_ = lower_case(rest_.substr(0, rest_.find_first_of(",=\"")));
    if (name_.empty()) return fail("empty key option");
    rest_.remove_prefix(name_.size());
    if (rest_.starts_with('=')) {
      rest_.remove_prefix(1);
      for (const Valued& valued : kValued) {
        if (name_ != valued.name) continue;
        const std::string value = TRY(take_quoted());
        if (auto taken = (this->*valued.take)(value); !taken.ok()) {
          return fail(name_ + "=" + quoted(value.substr(0, 128)) + ": " + taken.error().message);
        }
        return {};
      }
      return fail("key option " + quoted(name_.substr(0, 64)) + " is unknown or takes no value");
    }
    return take_flag();
  }

  Status take_flag() {
    if (name_ == "restrict") {
      options_.pty = options_.port_forwarding = options_.agent_forwarding = false;
      options_.x11_forwarding = options_.user_rc = false;
      return {};
    }
    if (name_ == "cert-authority") {
      options_.cert_authority = true;
      return {};
    }
    const bool negated = name_.starts_with("no-");
    const std::string_view name = std::string_view(name_).substr(negated ? 3 : 0);
    for (const Switch& entry : kSwitches) {
      if (name != entry.name) continue;
      options_.*entry.member = !negated;
      return {};
    }
    for (const Valued& valued : kValued) {
      if (name_ == valued.name) return fail("key option " + name_ + " needs a value");
    }
    return unknown();
  }

  // A value in quotes, in which \" stands for a quote and nothing else is special.
  Result<std::string> take_quoted() {
    if (!rest_.starts_with('"')) return fail("value of key option " + name_ + " isn't in quotes");
    rest_.remove_prefix(1);
    std::string value;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.starts_with("\\\"")) rest_.remove_prefix(1);
      value += rest_.front();
      rest_.remove_prefix(1);
    }
    if (rest_.empty()) return fail("value of key option " + name_ + " has no closing quote");
    rest_.remove_prefix(1);
    return value;
  }

  static Status once(std::optional<KeyOptionText>& member, const std::string& value) {
    if (member) return fail("given twice");
    member = KeyOptionText(value);
    return {};
  }
  Status take_command(const std::string& value) { return once(options_.command, value); }
  Status take_principals(const std::string& value) { return once(options_.principals, value); }
  Status take_from(const std::string& value) {
    if (auto reason = why_not_address_list(value); !reason.empty()) return fail(reason);
    return once(options_.from, value);
  }

  // The earliest of several counts.
  Status take_expiry(const std::string& value) {
    const auto time = parse_timestamp(value);
    if (!time) return fail("isn't a time of the form YYYYMMDD[HHMM[SS]][Z]");
    auto& member = time->utc ? options_.expires_utc : options_.expires_local;
    member = std::min(member.value_or(time->seconds), time->seconds);
    return {};
  }

  // The first of several with the same name counts.
  Status take_environment(const std::string& value) {
    const std::size_t equals = value.find('=');
    if (equals == std::string::npos) return fail("has no '='");
    const std::string name = value.substr(0, equals);
    const bool word = std::all_of(name.begin(), name.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    });
    if (name.empty() || !word) return fail("has an unusable name");
    if (name.size() > limits::kMaxEnvironmentName ||
        value.size() - equals - 1 > limits::kMaxEnvironmentValue) {
      return fail("is too long");
    }
    for (const EnvironmentEntry& entry : environment_) {
      if (*entry.name == name) return {};
    }
    if (environment_.size() == limits::kMaxEnvironmentEntries) return fail("is one too many");
    environment_.push_back({name, value.substr(equals + 1)});
    return {};
  }

  static Status add_rule(std::vector<ForwardingRule>& rules, const std::string& value,
                         bool bare_port) {
    if (rules.size() == ForwardingRules::kMax) return fail("is one too many");
    rules.push_back(TRY(parse_rule(value, bare_port)));
    return {};
  }
  Status take_permit_open(const std::string& value) { return add_rule(permit_open_, value, false); }
  Status take_permit_listen(const std::string& value) {
    return add_rule(permit_listen_, value, true);
  }

  // Tunnels aren't offered, so that there's nothing to remember.
  // NOLINTNEXTLINE(readability-convert-member-functions-to-static): in a table of members
  Status take_tunnel(const std::string& value) {
    if (value == "any" || (all_digits(value) && value.size() < 10)) return {};
    return fail("isn't a tunnel device number or \"any\"");
  }

  std::string_view rest_;
  std::string name_;
  KeyOptions options_;
  std::vector<EnvironmentEntry> environment_;
  std::vector<ForwardingRule> permit_open_;
  std::vector<ForwardingRule> permit_listen_;
};

const std::array<OptionsParser::Valued, 8> OptionsParser::kValued = {{
    {"command", &OptionsParser::take_command},
    {"principals", &OptionsParser::take_principals},
    {"from", &OptionsParser::take_from},
    {"expiry-time", &OptionsParser::take_expiry},
    {"environment", &OptionsParser::take_environment},
    {"permitopen", &OptionsParser::take_permit_open},
    {"permitlisten", &OptionsParser::take_permit_listen},
    {"tunnel", &OptionsParser::take_tunnel},
}};

}  // namespace

Result<std::size_t> key_options_length(std::string_view text) {
  bool in_quotes = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!in_quotes && (text[i] == ' ' || text[i] == '\t')) return i;
    if (text[i] == '\\' && i + 1 < text.size() && text[i + 1] == '"') {
      ++i;
    } else if (text[i] == '"') {
      in_quotes = !in_quotes;
    }
  }
  if (in_quotes) return fail("options have no closing quote");
  return text.size();
}

Result<KeyOptions> parse_key_options(std::string_view text) { return OptionsParser(text).parse(); }

}  // namespace ssh2incus
