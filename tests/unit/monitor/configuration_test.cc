// config.yaml and the command line together. What holds for every flag is tested for every flag
// that there is: the list is CLI11's own.
#include "monitor/configuration.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <map>

#include "monitor/config_options.h"
#include "monitor/reload.h"

namespace ssh2incus {
namespace {

using Words = std::vector<std::string>;

std::vector<const CLI::Option*> settable_options(FlagParser& parser) {
  std::vector<const CLI::Option*> options;
  for (const CLI::Option* option : parser.app().get_options()) {
    if (option->get_configurable() && !option->get_description().ends_with(kNotInThisVersion))
      options.push_back(option);
  }
  return options;
}

// Values to try; a new flag that takes none of them adds one.
Words candidates_for(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return {"true", "false"};
  return {"/some/file", "7",          "publickey", "127.0.0.1", "127.0.0.1:7", "10:20:30", "24:48",
          "crash:12",   "aes256-ctr", "5m",        "incus",     "yes",         "login",    "tmux"};
}

// What is in force with that file and that command line; nothing if either is refused.
std::string in_force(const std::string& file, const Words& arguments) {
  const ConfigSettings parsed = parse_config_settings(file);
  FlagParser command_line;
  if (!parsed.problems.empty() || !check_settings(parsed.settings).empty()) return {};
  if (command_line.read(arguments)) return {};
  Words all = arguments_from(parsed.settings, command_line);
  all.insert(all.end(), arguments.begin(), arguments.end());
  FlagParser together;
  return together.read(all) ? std::string() : dump_options(together);
}

// The values that the flag takes on the command line.
const Words& accepted_values(const CLI::Option& option) {
  static std::map<std::string, Words> known;
  const auto [entry, is_new] = known.try_emplace(option.get_lnames().front());
  Words& accepted = entry->second;
  if (!is_new) return accepted;
  for (const std::string& value : candidates_for(option)) {
    FlagParser parser;
    if (!parser.read({"--" + option.get_lnames().front() + "=" + value})) accepted.push_back(value);
  }
  return accepted;
}

TEST(Configuration, SetsEveryFlagAsTheCommandLineDoes) {
  FlagParser parser;
  const auto options = settable_options(parser);
  ASSERT_GT(options.size(), 20U);
  for (const CLI::Option* option : options) {
    ASSERT_FALSE(option->get_lnames().empty()) << option->get_name() << " has no long name";
    const std::string& name = option->get_lnames().front();
    const Words values = accepted_values(*option);
    ASSERT_FALSE(values.empty()) << name << " takes none of the values that this test knows";
    for (const std::string& value : {values.front(), values.back()}) {
      const std::string by_flag = in_force("", {"--" + name + "=" + value});
      EXPECT_EQ(in_force(name + ": " + value + "\n", {}), by_flag) << name << "=" << value;
    }
  }
}

TEST(Configuration, IsOverruledByTheCommandLineForEveryFlag) {
  FlagParser parser;
  for (const CLI::Option* option : settable_options(parser)) {
    const std::string& name = option->get_lnames().front();
    const Words values = accepted_values(*option);
    const Words by_flag = {"--" + name + "=" + values.front()};
    EXPECT_EQ(in_force(name + ": " + values.back() + "\n", by_flag), in_force("", by_flag)) << name;
  }
}

TEST(Configuration, IsTheSameAfterBeingPrintedAndRead) {
  FlagParser parser;
  for (const CLI::Option* option : settable_options(parser)) {
    const std::string& name = option->get_lnames().front();
    const std::string value = accepted_values(*option).back();
    const std::string printed = in_force("", {"--" + name + "=" + value});
    EXPECT_EQ(in_force(printed, {}), printed) << name << "=" << value;
  }
  const std::string odd = in_force("", {"--pid-file=/a \"b\" \\ # c: null", "--socket=null"});
  EXPECT_EQ(in_force(odd, {}), odd);
}

TEST(Configuration, PrintsEveryKeyOnce) {
  FlagParser parser;
  const std::string printed = "\n" + in_force("", {});
  for (const CLI::Option* option : settable_options(parser)) {
    const std::string& name = option->get_lnames().front();
    EXPECT_TRUE(printed.find("\n" + name + ": ") != std::string::npos ||
                printed.find("\n# " + name + ": ") != std::string::npos)
        << name;
  }
}

// A file of root that nobody else can write, in such a directory.
class ConfigurationFile : public testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can make a file of root";
    ASSERT_NE(mkdtemp(directory_.data()), nullptr);
    path_ = directory_ + "/config.yaml";
  }
  void TearDown() override {
    unlink(path_.c_str());
    rmdir(directory_.c_str());
  }

  LoadedConfiguration load(const std::string& text, Words arguments = {}) {
    std::ofstream(path_) << text;
    arguments.insert(arguments.end(), {"--config", path_});
    return load_configuration(arguments);
  }
  std::string first_problem(const std::string& text, Words arguments = {}) {
    const LoadedConfiguration loaded = load(text, std::move(arguments));
    if (loaded.exit_now) return loaded.exit_now->text;
    return loaded.problems.empty() ? "none"
                                   : to_text(loaded.problems[0]).substr(directory_.size() + 1);
  }

  std::string directory_ = "/run/ssh2incus-test-XXXXXX";
  std::string path_;
};

TEST_F(ConfigurationFile, IsRead) {
  const LoadedConfiguration loaded = load(
      "groups: [incus, ops]\n"
      "listen: [\"127.0.0.1:1\", \"[::1]:1\"]\n"
      "max-startups: 1:2:3\n"
      "penalties: {crash: 10m, min: 1}\n"
      "user-failures: 5\n"
      "user-failures-max: 7\n"
      "accept-env: []\n"
      "ciphers: aes256-ctr,aes128-ctr\n"
      "per-source-net-block-size: 24:56\n",
      {"-d"});
  ASSERT_TRUE(loaded.problems.empty());
  ASSERT_FALSE(loaded.exit_now);
  EXPECT_EQ(loaded.file, path_);
  const ServerConfig& config = loaded.config;
  EXPECT_TRUE(config.debug);
  EXPECT_EQ(config.allowed_groups, (Words{"incus", "ops"}));
  EXPECT_EQ(config.listen, (Words{"127.0.0.1:1", "[::1]:1"}));
  EXPECT_EQ(config.max_startups, (MaxStartups{1, 2, 3}));
  EXPECT_EQ(config.penalty_settings.crash, std::chrono::minutes(10));
  EXPECT_EQ(config.penalty_settings.ipv6_bits, 56U);
  EXPECT_EQ(config.user_penalty_settings.failures, 5U);
  EXPECT_EQ(config.user_penalty_settings.maximum, 7U);
  EXPECT_TRUE(config.accepted_environment.empty());
  EXPECT_EQ(config.ciphers, "aes256-ctr,aes128-ctr");
  EXPECT_EQ(config.source_ipv4_bits, 24U);
}

TEST_F(ConfigurationFile, IsRefusedWithThePlaceOfTheMistake) {
  struct Case {
    const char* text;
    const char* problem;
  };
  for (const Case& test : std::vector<Case>{
           {"gruops: x\n", "config.yaml:1:1: unknown key 'gruops'; did you mean 'groups'?"},
           {"\nsauce: x\n", "config.yaml:2:1: unknown key 'sauce'"},
           {"d: true\n", "config.yaml:1:1: unknown key 'd'"},
           {"config: /x\n", "config.yaml:1:1: 'config' can be given on the command line only"},
           {"check: true\n", "config.yaml:1:1: 'check' can be given on the command line only"},
           {"help: true\n", "config.yaml:1:1: 'help' can be given on the command line only"},
           {"debug: yes\n", "config.yaml:1:8: 'debug' takes true or false"},
           {"debug: \"true\"\n", "config.yaml:1:8: 'debug' takes true or false"},
           {"debug: [true]\n", "config.yaml:1:1: 'debug' takes true or false"},
           {"socket: [/a]\n", "config.yaml:1:1: 'socket' takes one value"},
           {"socket: {a: b}\n", "config.yaml:1:1: 'socket' takes one value"},
           {"groups: {a: b}\n", "config.yaml:1:1: 'groups' takes a value or a list of values"},
           {"max-auth-tries: 0\n",
            "config.yaml:1:17: 'max-auth-tries': Value 0 not in range 1 to 60"},
           {"max-auth-tries: six\n",
            "config.yaml:1:17: 'max-auth-tries': Value six not in range 1 to 60"},
           {"groups: [incus, 'a b']\n", "config.yaml:1:17: groups: 'a b': "},
           {"listen: [':1', nonsense]\n", "config.yaml:1:16: listen: 'nonsense' is not "},
           {"max-startups: 10:30\n", "config.yaml:1:15: max-startups: 10:30 isn't "},
           {"penalties:\n  crash: 1\n  sauce: 2\n",
            "config.yaml:3:10: penalties: 'sauce:2' names no reason"},
           {"macs: [hmac-md5]\n", "config.yaml:1:8: macs: 'hmac-md5' isn't one of hmac-sha2-256"},
           {"pprof-listen: \":6060\"\n",
            "config.yaml:1:15: pprof-listen: ':6060' can be reached by others"},
           {"a: [\n", "config.yaml:2:1: not YAML: "}}) {
    EXPECT_TRUE(first_problem(test.text).starts_with(test.problem))
        << test.text << first_problem(test.text);
  }
}

TEST_F(ConfigurationFile, HasAllItsMistakesListed) {
  EXPECT_EQ(load("sauce: 1\ndebug: 1\nmax-auth-tries: 0\nlisten: [a, b]\n").problems.size(), 3U);
}

TEST_F(ConfigurationFile, IsntBlamedForTheCommandLine) {
  EXPECT_EQ(first_problem("groups: incus\n", {"--groups", "a b"}).substr(0, 20),
            "ssh2incus: --groups:");
}

TEST_F(ConfigurationFile, MustExistIfItIsNamed) {
  EXPECT_EQ(to_text(load_configuration({"--config", path_}).problems.at(0)),
            path_ + ": no such file");
  const LoadedConfiguration loaded = load_configuration({}, path_);
  EXPECT_TRUE(loaded.problems.empty());
  EXPECT_TRUE(loaded.file.empty());
}

TEST_F(ConfigurationFile, MustBelongToRootAlone) {
  ASSERT_EQ(first_problem("debug: true\n"), "none");
  ASSERT_EQ(chmod(path_.c_str(), 0664), 0);
  EXPECT_NE(first_problem("debug: true\n").find("can be written by others"), std::string::npos);
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  ASSERT_EQ(chown(path_.c_str(), 65534, 0), 0);
  EXPECT_NE(first_problem("debug: true\n").find("belong to root"), std::string::npos);
  ASSERT_EQ(chown(path_.c_str(), 0, 0), 0);
  ASSERT_EQ(chmod(directory_.c_str(), 0777), 0);
  EXPECT_NE(first_problem("debug: true\n").find("can be written by others"), std::string::npos);
}

TEST(ShippedExample, IsUnderstoodAndHasEveryKeyOnce) {
  std::ifstream stream(SSH2INCUS_SOURCE "/packaging/config/config.yaml");
  std::string as_shipped((std::istreambuf_iterator<char>(stream)), {});
  ASSERT_FALSE(as_shipped.empty());
  EXPECT_TRUE(parse_config_settings(as_shipped).settings.empty()) << "all is commented out";
  // "#key: value" is a setting, "# text" is an explanation.
  std::string uncommented;
  for (std::size_t i = 0; i < as_shipped.size(); ++i) {
    const bool starts_line = i == 0 || as_shipped[i - 1] == '\n';
    const bool is_setting = starts_line && as_shipped[i] == '#' && i + 1 < as_shipped.size() &&
                            as_shipped[i + 1] != ' ' && as_shipped[i + 1] != '\n';
    if (!is_setting) uncommented += as_shipped[i];
  }
  const ConfigSettings parsed = parse_config_settings(uncommented);
  for (const ConfigProblem& problem : parsed.problems) ADD_FAILURE() << problem.message;
  for (const ConfigProblem& problem : check_settings(parsed.settings))
    ADD_FAILURE() << problem.where.line << ": " << problem.message;
  FlagParser parser;
  for (const CLI::Option* option : settable_options(parser)) {
    EXPECT_EQ(
        std::ranges::count(parsed.settings, option->get_lnames().front(), &ConfigSetting::key), 1)
        << option->get_lnames().front();
  }
}

TEST(Reload, OpensNoServerThatAuthenticates) {
  ServerConfig current;
  ServerConfig next;
  next.no_authentication = true;
  next.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kNone});
  EXPECT_FALSE(keep_until_restart(current, next).empty());
  EXPECT_FALSE(next.no_authentication);
  EXPECT_EQ(next.auth_chains, current.auth_chains);
  current.no_authentication = true;
  EXPECT_TRUE(keep_until_restart(current, next).empty()) << "closing it needs no restart";
}

TEST(Reload, KeepsWhatNeedsARestartAndSaysSo) {
  ServerConfig current;
  ServerConfig next;
  EXPECT_TRUE(keep_until_restart(current, next).empty());
  next.listen = {":1"};
  next.run_dir = "/elsewhere";
  next.max_auth_tries = 3;
  EXPECT_EQ(keep_until_restart(current, next), (Words{"listen", "run-dir"}));
  EXPECT_EQ(next.listen, current.listen);
  EXPECT_EQ(next.run_dir, current.run_dir);
  EXPECT_EQ(next.max_auth_tries, 3U);
}

TEST(Reload, ChangesAndEndsAKeyCommandButDoesNotBeginOne) {
  ServerConfig current;
  ServerConfig next;
  next.authorized_keys_command = "/bin/keys";
  next.authorized_keys_command_user = "nobody";
  EXPECT_EQ(keep_until_restart(current, next), Words{"authorized-keys-command"});
  EXPECT_TRUE(next.authorized_keys_command.empty());
  EXPECT_TRUE(next.authorized_keys_command_user.empty());
  current.authorized_keys_command = "/bin/keys";
  next.authorized_keys_command = "/bin/other";
  EXPECT_TRUE(keep_until_restart(current, next).empty());
  EXPECT_EQ(next.authorized_keys_command, "/bin/other");
}

TEST(Reload, DoesNotKeepOpenWhatIsClosedInFavourOfPasswords) {
  ServerConfig open;
  open.no_authentication = true;
  open.auth_chains = AuthenticationChains::any_of(std::array{AuthMethod::kNone});
  open.enabled_methods = {AuthMethod::kNone};
  ServerConfig next;
  next.auth_chains = AuthenticationChains::parse("publickey,password", {}).value();
  EXPECT_EQ(keep_until_restart(open, next), (Words{"auth-methods"}));
  EXPECT_EQ(next.auth_chains.methods(), std::vector{AuthMethod::kPublicKey});
  EXPECT_FALSE(next.auth_chains.may_try({}, AuthMethod::kNone));
  EXPECT_EQ(next.enabled_methods, std::vector{AuthMethod::kPublicKey});
}

TEST(Reload, TakesPasswordsAwayButDoesNotBringThem) {
  const auto chains = [](const char* text) {
    return AuthenticationChains::parse(text, {}).value();
  };
  ServerConfig keys;
  ServerConfig passwords;
  passwords.auth_chains = chains("publickey password");
  ServerConfig next = passwords;
  EXPECT_EQ(keep_until_restart(keys, next), (Words{"auth-methods"}));
  EXPECT_FALSE(next.password_authentication());
  next = keys;
  EXPECT_TRUE(keep_until_restart(passwords, next).empty());
  EXPECT_FALSE(next.password_authentication());
}

}  // namespace
}  // namespace ssh2incus
