// Between config.yaml and the command line's flags: a key is a flag's long name, and its value goes
// the flag's way, so what a flag accepts and says is the same in both places. A flag that is
// ->configurable(false) can't be a key. Fed by the administrator.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "monitor/flags.h"
#include "policy/config_settings.h"

namespace ssh2incus {

// What is wrong with each setting by itself: no such flag, wrong type, a value that CLI11 refuses.
std::vector<ConfigProblem> check_settings(const std::vector<ConfigSetting>& settings);

// As arguments: the settings whose flags the command line doesn't have. Only after
// check_settings().
std::vector<std::string> arguments_from(const std::vector<ConfigSetting>& settings,
                                        FlagParser& command_line);

// Where a message that begins with "--flag" comes from, if it's a setting that was used; the value
// itself, if the message quotes it.
std::optional<ConfigPosition> position_of_message(const std::string& message,
                                                  const std::vector<ConfigSetting>& settings,
                                                  FlagParser& command_line);

// All that is in force, as a config.yaml. parser has read it.
std::string dump_options(FlagParser& parser);

}  // namespace ssh2incus
