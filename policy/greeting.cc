// One pass over the text; what is put in is never read again.
#include "policy/greeting.h"

#include <algorithm>
#include <array>
#include <vector>

#include "common/escape.h"
#include "common/limits.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxShownName = 128;
constexpr std::string_view kLineEnd = "\r\n";

struct Variable {
  std::string_view name;
  std::string GreetingNames::*value;
};
constexpr std::array<Variable, 5> kVariables = {{{"[INSTANCE_USER]", &GreetingNames::instance_user},
                                                 {"[INSTANCE]", &GreetingNames::instance},
                                                 {"[PROJECT]", &GreetingNames::project},
                                                 {"[REMOTE]", &GreetingNames::remote},
                                                 {"[HOSTNAME]", &GreetingNames::hostname}}};

std::string shown(const std::string& name) {
  return escaped(std::string_view(name).substr(0, kMaxShownName));
}

const Variable* variable_at(std::string_view text) {
  const auto found = std::ranges::find_if(
      kVariables, [&](const Variable& variable) { return text.starts_with(variable.name); });
  return found == kVariables.end() ? nullptr : &*found;
}

// Not in the middle of a character of UTF-8.
void cut(std::string& text, std::size_t most) {
  if (text.size() <= most) return;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  text.resize(most);
}

}  // namespace

const std::string_view kBuiltInWelcome =
    "You are [INSTANCE_USER] in instance [INSTANCE] of project [PROJECT] on [HOSTNAME].\n\n";

GreetingNames greeting_names(const LoginTarget& target, std::string_view hostname) {
  GreetingNames names;
  const bool is_instance = target.kind == LoginTarget::Kind::kInstance;
  names.instance_user = is_instance ? target.user.str() : target.host_user.str();
  names.instance = target.instance ? target.instance->str() : "%shell";
  names.project = target.project ? target.project->str() : "default";
  names.remote = target.remote ? target.remote->str() : "local";
  names.hostname = hostname;
  return names;
}

std::string built_in_banner(const GreetingNames& names) {
  std::string where = shown(names.instance) + "." + shown(names.project);
  if (names.remote != "local") where = shown(names.remote) + ":" + where;
  const std::array<std::string, 5> lines = {
      "ssh2incus", "", "user      " + shown(names.instance_user), "instance  " + where,
      "host      " + shown(names.hostname)};
  const std::size_t width =
      std::ranges::max(lines, {}, [](const std::string& line) { return line.size(); }).size();
  const std::string edge = "+" + std::string(width + 4, '-') + "+\r\n";
  std::string box = edge;
  for (const std::string& line : lines) {
    box += "|  " + line + std::string(width - line.size(), ' ') + "  |\r\n";
  }
  return box + edge;
}

std::string filled_in(std::string_view text, const GreetingNames& names) {
  std::string out;
  while (!text.empty() && out.size() < limits::kMaxBanner) {
    if (const Variable* variable = variable_at(text)) {
      out += shown(names.*variable->value);
      text.remove_prefix(variable->name.size());
    } else if (text.starts_with(kLineEnd) || text.front() == '\n') {
      out += kLineEnd;
      text.remove_prefix(text.front() == '\n' ? 1 : kLineEnd.size());
    } else {
      out += text.front();
      text.remove_prefix(1);
    }
  }
  if (!out.empty() && !out.ends_with('\n')) out += kLineEnd;
  if (out.size() > limits::kMaxBanner) {
    cut(out, limits::kMaxBanner - kLineEnd.size());
    out += kLineEnd;
  }
  return out;
}

std::string why_not_greeting(std::string_view text) {
  if (text.size() > limits::kMaxBanner / 2)
    return "it is longer than " + std::to_string(limits::kMaxBanner / 2) + " bytes";
  if (text.find('\0') != std::string_view::npos) return "it has a NUL byte";
  return {};
}

}  // namespace ssh2incus
