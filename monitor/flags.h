// The command line: the reference's flags with their names, short forms and defaults, and ours.
// A flag whose feature isn't there yet
// is an error that says so, never silently ignored.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "monitor/flags_access.h"
#include "monitor/server_config.h"

namespace CLI {
class App;
}

namespace ssh2incus {

// The program is done without serving: print text (to stderr if exit_code isn't 0) and exit.
struct ExitNow {
  int exit_code = 0;
  std::string text;
};

// The reason alone, as one line for a log.
std::string reason_of(const ExitNow& exit_now);

// Ends the help text of a flag that is known and refused.
inline constexpr const char* kNotInThisVersion = " (not in this version)";

// The value of a list flag that is given no values at all (CLI11 has no way to say that).
inline constexpr const char* kEmptyList = "{}";

struct StartupFlags {
  std::string config_file;  // empty: the default one, if it's there
  bool check = false;       // validate everything and exit
  bool take_over = false;   // from the server that runs with this run directory
  bool dump = false;        // print the configuration in force and exit
};

// One reading of a command line. Whoever adds a flag adds it in flags.cc only: its long name is a
// key of config.yaml then too (monitor/config_options.h), unless it is ->configurable(false).
class FlagParser {
 public:
  FlagParser();
  FlagParser(const FlagParser&) = delete;
  FlagParser& operator=(const FlagParser&) = delete;
  ~FlagParser();

  [[nodiscard]] CLI::App& app();
  // The arguments come without the program's name. Only names and types are looked at.
  [[nodiscard]] std::optional<ExitNow> read(const std::vector<std::string>& arguments);
  // What was read, checked: the configuration, or "--flag: reason".
  [[nodiscard]] std::variant<ServerConfig, std::string> checked();
  // What the command line alone decides, known after read().
  [[nodiscard]] const StartupFlags& startup() const;
  [[nodiscard]] const ExplainFlags& explain() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The command line alone, without a configuration file.
std::variant<ServerConfig, ExitNow> parse_flags(int argc, const char* const* argv);

}  // namespace ssh2incus
