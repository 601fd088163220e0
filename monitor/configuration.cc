// Opens the file as strictly as a key file, parses it in policy/, and lets the flags judge the
// values.
#include "monitor/configuration.h"

#include <unistd.h>

#include <array>

#include "monitor/config_options.h"
#include "monitor/strict_modes.h"
#include "policy/config_settings.h"

namespace ssh2incus {
namespace {

std::string absolute(const std::string& path) {
  if (path.starts_with('/')) return path;
  std::array<char, limits::kMaxPath> directory{};
  if (getcwd(directory.data(), directory.size()) == nullptr) return path;
  return std::string(directory.data()) + "/" + path;
}

void add_problems(LoadedConfiguration& loaded, const std::vector<ConfigProblem>& problems) {
  for (const ConfigProblem& problem : problems) {
    loaded.problems.push_back(
        {loaded.file, problem.where.line, problem.where.column, problem.message});
  }
}

// The file's text; nothing if the default file isn't there.
Result<std::optional<std::string>> read_file(const std::string& path, bool must_exist) {
  const auto file = TRY(open_trusted_file({absolute(path), 0, {}}));
  if (!file && must_exist) return fail("no such file");
  if (!file) return std::optional<std::string>();
  return std::optional<std::string>(TRY(read_bounded(*file, kMaxConfigFile)));
}

std::vector<ConfigSetting> read_settings(LoadedConfiguration& loaded,
                                         const std::string& default_file) {
  const bool named = !loaded.startup.config_file.empty();
  loaded.file = named ? loaded.startup.config_file : default_file;
  auto text = read_file(loaded.file, named);
  if (!text.ok()) {
    loaded.problems.push_back({loaded.file, 0, 0, text.error().message});
    return {};
  }
  if (!text->has_value()) {
    loaded.file.clear();
    return {};
  }
  ConfigSettings parsed = parse_config_settings(**text);
  add_problems(loaded, parsed.problems);
  if (loaded.problems.empty()) add_problems(loaded, check_settings(parsed.settings));
  return std::move(parsed.settings);
}

// From a message of the flags: a problem of the file, or of the command line.
void add_message(LoadedConfiguration& loaded, const std::string& message,
                 const std::vector<ConfigSetting>& settings, FlagParser& command_line) {
  if (auto where = position_of_message(message, settings, command_line)) {
    loaded.problems.push_back(
        {loaded.file, where->line, where->column, message.substr(message.find("--") + 2)});
  } else {
    loaded.exit_now = ExitNow{2, "ssh2incus: " + message + "\n"};
  }
}

}  // namespace

std::string to_text(const FileProblem& problem) {
  std::string text = problem.file;
  if (problem.line != 0)
    text += ":" + std::to_string(problem.line) + ":" + std::to_string(problem.column);
  return text + ": " + problem.message;
}

LoadedConfiguration load_configuration(const std::vector<std::string>& arguments,
                                       const std::string& default_file) {
  LoadedConfiguration loaded;
  FlagParser command_line;
  loaded.exit_now = command_line.read(arguments);
  if (loaded.exit_now) return loaded;
  loaded.startup = command_line.startup();
  loaded.explain = command_line.explain();
  const std::vector<ConfigSetting> settings = read_settings(loaded, default_file);
  if (!loaded.problems.empty()) return loaded;
  std::vector<std::string> all = arguments_from(settings, command_line);
  all.insert(all.end(), arguments.begin(), arguments.end());
  FlagParser together;
  loaded.exit_now = together.read(all);
  if (loaded.exit_now) return loaded;
  loaded.dump = dump_options(together);
  auto checked = together.checked();
  if (const auto* wrong = std::get_if<std::string>(&checked)) {
    add_message(loaded, *wrong, settings, command_line);
  } else {
    loaded.config = std::get<ServerConfig>(std::move(checked));
  }
  return loaded;
}

}  // namespace ssh2incus
