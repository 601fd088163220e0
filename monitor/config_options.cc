// Asks CLI11 for what options there are and what they take.
#include "monitor/config_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "common/escape.h"

namespace ssh2incus {
namespace {

using Shape = ConfigSetting::Shape;

constexpr const char* kMapType = "NAME:VALUE";  // the type_name() of options that take maps

const CLI::Option* option_named(CLI::App& app, const std::string& name) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->check_lname(name)) return option;
  }
  return nullptr;
}

bool is_flag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }
bool takes_several(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

// As CLI11 writes it: lists as "[a,b]".
std::string default_of(FlagParser& fresh, const std::string& name) {
  return fresh.app().get_option("--" + name)->capture_default_str()->get_default_str();
}

std::vector<std::string> keys_of(CLI::App& app) {
  std::vector<std::string> keys;
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_configurable() && !option->get_lnames().empty())
      keys.push_back(option->get_lnames().front());
  }
  return keys;
}

std::string why_no_key(CLI::App& app, const std::string& name) {
  if (const CLI::Option* option = option_named(app, name); option != nullptr) {
    if (option->get_configurable()) return {};
    return "'" + name + "' can be given on the command line only";
  }
  const std::string nearest = nearest_name(name, keys_of(app));
  return "unknown key '" + escaped(name.substr(0, 100)) + "'" +
         (nearest.empty() ? "" : "; did you mean '" + nearest + "'?");
}

std::string why_not_type(const CLI::Option& option, const ConfigSetting& setting) {
  const std::string name = "'" + setting.key + "' takes ";
  if (is_flag(option)) {
    const bool fits =
        setting.shape == Shape::kScalar && !setting.values.front().quoted &&
        (setting.values.front().text == "true" || setting.values.front().text == "false");
    return fits ? "" : name + "true or false";
  }
  if (setting.shape == Shape::kMap && option.get_type_name() != kMapType) {
    return name + (takes_several(option) ? "a value or a list of values" : "one value");
  }
  if (setting.shape != Shape::kScalar && !takes_several(option)) return name + "one value";
  return {};
}

std::vector<std::string> value_arguments(const ConfigSetting& setting) {
  std::vector<std::string> arguments;
  for (const ConfigValue& value : setting.values)
    arguments.push_back("--" + setting.key + "=" + value.text);
  return arguments;
}

// An empty list is said by nothing where it's the default.
std::vector<std::string> arguments_of(const ConfigSetting& setting, FlagParser& fresh) {
  std::vector<std::string> arguments = value_arguments(setting);
  if (arguments.empty() && default_of(fresh, setting.key) != "[]")
    arguments.push_back("--" + setting.key + "=" + kEmptyList);
  return arguments;
}

// Without the flag's name, which the problem begins with anyway.
std::string reason_in(const ExitNow& exit_now, const std::string& key) {
  std::string text = reason_of(exit_now);
  const std::string name = "--" + key + ": ";
  return text.starts_with(name) ? text.substr(name.size()) : text;
}

// Together; if that fails, each value by itself, to know which one it is.
void try_values(const ConfigSetting& setting, std::vector<ConfigProblem>& problems) {
  FlagParser together;
  const auto wrong = together.read(value_arguments(setting));
  if (!wrong) return;
  const std::size_t known = problems.size();
  for (const ConfigValue& value : setting.values) {
    if (problems.size() >= kMaxConfigProblems) return;
    FlagParser parser;
    if (auto refused = parser.read({"--" + setting.key + "=" + value.text})) {
      problems.push_back(
          {value.where, "'" + setting.key + "': " + reason_in(*refused, setting.key)});
    }
  }
  if (problems.size() == known)
    problems.push_back({setting.where, "'" + setting.key + "': " + reason_in(*wrong, setting.key)});
}

// Whether there is nothing to find, the usual case, by one reading.
bool all_fit(const std::vector<ConfigSetting>& settings, FlagParser& parser) {
  std::vector<std::string> all;
  for (const ConfigSetting& setting : settings) {
    if (!why_no_key(parser.app(), setting.key).empty()) return false;
    if (!why_not_type(*option_named(parser.app(), setting.key), setting).empty()) return false;
    for (std::string& argument : value_arguments(setting)) all.push_back(std::move(argument));
  }
  FlagParser together;
  return !together.read(all);
}

std::string as_scalar(const std::string& text) {
  constexpr const char* kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./@+-";
  const bool starts_plain =
      !text.empty() && (std::isalnum(static_cast<unsigned char>(text[0])) != 0 || text[0] == '/');
  const bool is_plain = starts_plain && text.find_first_not_of(kPlain) == std::string::npos;
  const bool is_word = text == "null" || text == "Null" || text == "NULL";
  if (is_plain && !is_word) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// "[a,b]", as CLI11 writes the default of a list.
std::vector<std::string> list_of_default(std::string text) {
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  std::vector<std::string> items;
  for (std::size_t start = 0; !text.empty() && start <= text.size();) {
    const std::size_t comma = std::min(text.find(',', start), text.size());
    items.push_back(text.substr(start, comma - start));
    start = comma + 1;
  }
  return items;
}

std::string dump_list(std::vector<std::string> items) {
  if (items == std::vector<std::string>{kEmptyList}) items.clear();
  std::string out = "[";
  for (const std::string& item : items) out += (out.size() > 1 ? ", " : "") + as_scalar(item);
  return out + "]";
}

std::string dump_option(const CLI::Option& option, const std::string& default_text) {
  const std::string& name = option.get_lnames().front();
  const bool given = option.count() > 0;
  if (is_flag(option)) {
    return name + ": " + (given && option.as<bool>() ? "true" : "false") + "\n";
  }
  if (takes_several(option)) {
    return name + ": " + dump_list(given ? option.results() : list_of_default(default_text)) + "\n";
  }
  const std::string value = given ? option.results().back() : default_text;
  return value.empty() ? "# " + name + ": not set\n" : name + ": " + as_scalar(value) + "\n";
}

}  // namespace

std::vector<ConfigProblem> check_settings(const std::vector<ConfigSetting>& settings) {
  std::vector<ConfigProblem> problems;
  FlagParser parser;
  if (all_fit(settings, parser)) return problems;
  for (const ConfigSetting& setting : settings) {
    if (problems.size() >= kMaxConfigProblems) break;
    if (auto wrong = why_no_key(parser.app(), setting.key); !wrong.empty()) {
      problems.push_back({setting.where, std::move(wrong)});
      continue;
    }
    if (auto wrong = why_not_type(*option_named(parser.app(), setting.key), setting);
        !wrong.empty()) {
      const bool scalar = setting.shape == Shape::kScalar;
      problems.push_back({scalar ? setting.values.front().where : setting.where, std::move(wrong)});
      continue;
    }
    try_values(setting, problems);
  }
  return problems;
}

std::vector<std::string> arguments_from(const std::vector<ConfigSetting>& settings,
                                        FlagParser& command_line) {
  std::vector<std::string> arguments;
  FlagParser fresh;
  for (const ConfigSetting& setting : settings) {
    const CLI::Option* option = option_named(command_line.app(), setting.key);
    if (option == nullptr || option->count() > 0) continue;
    for (std::string& argument : arguments_of(setting, fresh))
      arguments.push_back(std::move(argument));
  }
  return arguments;
}

std::optional<ConfigPosition> position_of_message(const std::string& message,
                                                  const std::vector<ConfigSetting>& settings,
                                                  FlagParser& command_line) {
  // Short forms may come first: "-s,--long: reason".
  const std::size_t start = message.find("--");
  if (start == std::string::npos || !message.starts_with('-')) return std::nullopt;
  const std::string name =
      message.substr(start + 2, message.find_first_of(": ,", start) - start - 2);
  for (const ConfigSetting& setting : settings) {
    if (setting.key != name) continue;
    const CLI::Option* option = option_named(command_line.app(), name);
    if (option == nullptr || option->count() > 0) return std::nullopt;
    const auto quoted_value = std::ranges::find_if(setting.values, [&](const ConfigValue& value) {
      return message.find("'" + value.text + "'") != std::string::npos;
    });
    if (quoted_value != setting.values.end()) return quoted_value->where;
    return setting.values.empty() ? setting.where : setting.values.front().where;
  }
  return std::nullopt;
}

std::string dump_options(FlagParser& parser) {
  FlagParser fresh;
  std::string out;
  for (const CLI::Option* option : parser.app().get_options()) {
    if (!option->get_configurable() || option->get_lnames().empty()) continue;
    if (option->get_description().ends_with(kNotInThisVersion)) continue;
    out += dump_option(*option, default_of(fresh, option->get_lnames().front()));
  }
  return out;
}

}  // namespace ssh2incus
