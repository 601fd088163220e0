// The command line: every flag of the reference, defaults, mistakes, flags of later versions.
#include "monitor/flags.h"

#include <gtest/gtest.h>

#include <vector>

namespace ssh2incus {
namespace {

std::variant<ServerConfig, ExitNow> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "ssh2incus");
  return parse_flags(static_cast<int>(arguments.size()), arguments.data());
}

ServerConfig config_of(const std::vector<const char*>& arguments) {
  auto parsed = parse(arguments);
  if (const auto* exit_now = std::get_if<ExitNow>(&parsed)) {
    ADD_FAILURE() << exit_now->text;
    return {};
  }
  return std::get<ServerConfig>(parsed);
}

ExitNow exit_of(const std::vector<const char*>& arguments) {
  auto parsed = parse(arguments);
  if (auto* exit_now = std::get_if<ExitNow>(&parsed)) return *exit_now;
  ADD_FAILURE() << "accepted: " << arguments.front();
  return {};
}

TEST(Flags, HaveTheDefaultsOfTheReference) {
  const ServerConfig config = config_of({});
  EXPECT_EQ(config.listen, std::vector<std::string>{":2222"});
  EXPECT_EQ(config.allowed_groups, (std::vector<std::string>{"incus", "incus-admin"}));
  EXPECT_FALSE(config.debug);
  EXPECT_FALSE(config.master);
  EXPECT_EQ(config.login_grace_seconds, 120);
  EXPECT_EQ(config.max_auth_tries, 6U);
  EXPECT_EQ(config.max_startups, (MaxStartups{10, 30, 100}));
}

TEST(Flags, AreTakenInShortAndLongForm) {
  for (const auto& arguments : std::vector<std::vector<const char*>>{
           {"-d", "-m", "-l", "127.0.0.1:22", "-g", "a,b", "-s", "/s"},
           {"--debug", "--master", "--listen", "127.0.0.1:22", "--groups", "a,b", "--socket", "/s"},
           {"--debug", "--master", "--listen=127.0.0.1:22", "--groups=a,b", "--socket=/s"}}) {
    const ServerConfig config = config_of(arguments);
    EXPECT_TRUE(config.debug);
    EXPECT_TRUE(config.master);
    EXPECT_EQ(config.listen, std::vector<std::string>{"127.0.0.1:22"});
    EXPECT_EQ(config.allowed_groups, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(config.incus_socket, "/s");
  }
}

TEST(Flags, KeyCommandNeedsAUserAndAnAbsolutePath) {
  const ServerConfig config = config_of({"--authorized-keys-command", "/usr/bin/keys '%u x' %k",
                                         "--authorized-keys-command-user", "keys"});
  EXPECT_EQ(config.authorized_keys_command, "/usr/bin/keys '%u x' %k");
  EXPECT_EQ(config.authorized_keys_command_user, "keys");
  for (const auto& [command, user] : std::vector<std::pair<const char*, const char*>>{
           {"/usr/bin/keys", ""}, {"", "keys"}, {"keys", "keys"}, {"/k %y", "k"}, {"/k", "k/k"}}) {
    EXPECT_EQ(
        exit_of({"--authorized-keys-command", command, "--authorized-keys-command-user", user})
            .exit_code,
        2)
        << command;
  }
}

TEST(Flags, AllowCreation) {
  EXPECT_FALSE(config_of({}).allow_create);
  EXPECT_TRUE(config_of({"-C"}).allow_create);
  EXPECT_TRUE(config_of({"--allow-create"}).allow_create);
  EXPECT_EQ(config_of({"--create-config", "/etc/c.yaml"}).create_config_file, "/etc/c.yaml");
  EXPECT_EQ(exit_of({"--create-config", "c.yaml"}).exit_code, 2);
}

TEST(Flags, OfDiagnosticsListenOnThisHostOnly) {
  EXPECT_TRUE(config_of({}).diagnostics_listen.empty());
  EXPECT_FALSE(config_of({}).health_check);
  EXPECT_EQ(config_of({"--pprof"}).diagnostics_listen, "127.0.0.1:6060");
  EXPECT_EQ(config_of({"--pprof"}).health_check, std::chrono::seconds(30));
  for (const char* listen : {"127.0.0.1:1", "[::1]:1", "unix:/run/x"}) {
    EXPECT_EQ(config_of({"--pprof-listen", listen}).diagnostics_listen, listen);
  }
  for (const char* listen : {":6060", "0.0.0.0:1", "localhost:1", "192.0.2.1:1", "6060"}) {
    EXPECT_EQ(exit_of({"--pprof", "--pprof-listen", listen}).exit_code, 2) << listen;
  }
  EXPECT_EQ(config_of({"-H", "5m", "--pprof"}).health_check, std::chrono::minutes(5));
  for (const char* interval : {"0", "-1", "5x"}) {
    EXPECT_EQ(exit_of({"-H", interval}).exit_code, 2) << interval;
  }
}

TEST(Flags, NameTheBalancers) {
  const ServerConfig config =
      config_of({"--proxy-protocol-from", "192.0.2.1,10.0.0.0/8", "--proxy-protocol-from", "unix"});
  EXPECT_TRUE(config.balancers.include(IpAddress::parse("10.1.1.1")));
  EXPECT_TRUE(config.balancers.include(std::nullopt));
  EXPECT_FALSE(config.balancers.include(IpAddress::parse("192.0.2.2")));
  EXPECT_EQ(exit_of({"--proxy-protocol-from", "balancer.example/8"}).exit_code, 2);
}

TEST(Flags, SayWhichIncusIsMeant) {
  const ServerConfig none = config_of({});
  EXPECT_TRUE(none.remote.empty() && none.remote_url.empty());
  EXPECT_FALSE(none.socket_is_default_remote);
  EXPECT_TRUE(config_of({"-s", "/s"}).socket_is_default_remote);
  EXPECT_EQ(config_of({"-s", "none"}).incus_socket, "");
  EXPECT_EQ(config_of({"-r", "prod"}).remote, "prod");
  const ServerConfig url = config_of({"-u", "https://h", "-c", "/c", "-k", "/k", "-t", "/t"});
  EXPECT_EQ(url.remote_url, "https://h");
  EXPECT_EQ(url.remote_client_certificate, "/c");
  EXPECT_EQ(url.remote_client_key, "/k");
  EXPECT_EQ(url.remote_server_certificate, "/t");
  for (const std::vector<const char*>& wrong :
       std::vector<std::vector<const char*>>{{"-r", "a:b"},
                                             {"-r", "a", "-u", "https://h"},
                                             {"-u", "http://h"},
                                             {"-u", "https://h/x"},
                                             {"-c", "/c"},
                                             {"-t", "/t"},
                                             {"-u", "https://h", "-c", "/c"},
                                             {"-u", "https://h", "-k", "/k"},
                                             {"-u", "https://h", "-t", "relative"},
                                             {"-s", "relative"}}) {
    EXPECT_EQ(exit_of(wrong).exit_code, 2) << wrong[1];
  }
}

TEST(Flags, SayWhatSessionsLookLike) {
  const ServerConfig none = config_of({});
  EXPECT_FALSE(none.banner || none.welcome);
  EXPECT_EQ(none.shell_mode, ShellMode::kUserShell);
  EXPECT_EQ(none.session_keeper, SessionKeeper::kTmux);
  const ServerConfig short_form = config_of({"-b", "-w", "-S", "su", "-T", "screen"});
  EXPECT_TRUE(short_form.banner && short_form.welcome);
  EXPECT_EQ(short_form.shell_mode, ShellMode::kSu);
  EXPECT_EQ(short_form.session_keeper, SessionKeeper::kScreen);
  const ServerConfig files =
      config_of({"--banner", "--banner-file", "/b", "--welcome", "--welcome-file", "/w", "--shell",
                 "login", "--term-mux", "builtin"});
  EXPECT_EQ(files.banner_file, "/b");
  EXPECT_EQ(files.welcome_file, "/w");
  EXPECT_EQ(files.shell_mode, ShellMode::kLogin);
  EXPECT_EQ(files.session_keeper, SessionKeeper::kBuiltin);
  EXPECT_EQ(config_of({"-S", "sush"}).shell_mode, ShellMode::kSush);
}

TEST(Flags, OfSessionsAreCheckedByValue) {
  for (const auto& [arguments, reason] :
       std::vector<std::pair<std::vector<const char*>, const char*>>{
           {{"-S", "sudo"}, "--shell: 'sudo'"},
           {{"-T", "byobu"}, "--term-mux: 'byobu'"},
           {{"-T", ""}, "--term-mux: ''"},
           {{"--banner-file", "/b"}, "only with --banner"},
           {{"--welcome-file", "/w"}, "only with --welcome"},
           {{"-b", "--banner-file", "b"}, "'b' is no absolute path"}}) {
    EXPECT_NE(exit_of(arguments).text.find(reason), std::string::npos) << reason;
  }
}

TEST(Flags, EnablePasswordsByNameOrByChain) {
  EXPECT_FALSE(config_of({}).password_authentication());
  for (const char* flag : {"-P", "--password-auth"}) {
    const ServerConfig config = config_of({flag});
    EXPECT_EQ(config.auth_chains.next_names({}), "publickey,password,keyboard-interactive");
    EXPECT_TRUE(config.password_authentication());
  }
  const ServerConfig chain = config_of({"--auth-methods", "publickey,keyboard-interactive:pam"});
  EXPECT_TRUE(chain.password_authentication());
  EXPECT_EQ(chain.auth_chains.next_names({}), "publickey");
  EXPECT_FALSE(config_of({"--auth-methods", "publickey"}).password_authentication());
  // No chain has them then, but an access rule may demand them.
  EXPECT_TRUE(config_of({"-P", "--auth-methods", "publickey"}).password_authentication());
  EXPECT_EQ(config_of({"-P", "--auth-methods", "any"}).auth_chains, config_of({"-P"}).auth_chains);
  EXPECT_EQ(config_of({"--pam-service", "login"}).pam_service, "login");
}

TEST(Flags, ThatAreUnknownOrWrongAreErrors) {
  const std::vector<std::vector<const char*>> all = {{"--nonsense"},
                                                     {"extra"},
                                                     {"-l"},
                                                     {"--max-startups", "10:30"},
                                                     {"--max-startups", "100:30:10"},
                                                     {"--max-auth-tries", "0"},
                                                     {"--login-grace-time", "soon"},
                                                     {"--socket", "relative"},
                                                     {"--groups", "a b"},
                                                     {"--accept-env", "A=B"},
                                                     {"--pam-service", "../login"},
                                                     {"--pam-service", ""},
                                                     {"--password-failure-time", "0"},
                                                     {"--penalty-exempt", "10.0.0.0/99"},
                                                     {"--penalties", "refuseconnection:1"},
                                                     {"--user-failures", "-1"},
                                                     {"--user-failures", "120"},
                                                     {"--user-failures-max", "30"},
                                                     {"--user-failures-max", "0"},
                                                     {"--idle-timeout", "5x"},
                                                     {"--access", "relative.yaml"}};
  for (const auto& arguments : all) EXPECT_NE(exit_of(arguments).exit_code, 0) << arguments[0];
}

TEST(Flags, NameFilesOfCertificatesAndRevokedKeys) {
  const ServerConfig config = config_of({"--trusted-user-ca-keys", "/etc/cas", "--revoked-keys",
                                         "/etc/revoked", "--authorized-principals-file", "/p/%u"});
  EXPECT_EQ(config.trusted_user_ca_keys, "/etc/cas");
  EXPECT_EQ(config.revoked_keys, "/etc/revoked");
  EXPECT_EQ(config.authorized_principals_file, "/p/%u");
  for (const char* pattern : {"~/.ssh/p", ".ssh/p", "%h/.ssh/p"}) {
    EXPECT_EQ(config_of({"--authorized-principals-file", pattern}).authorized_principals_file,
              "%h/.ssh/p");
  }
  for (const auto& wrong :
       std::vector<std::vector<const char*>>{{"--trusted-user-ca-keys", "cas"},
                                             {"--revoked-keys", "revoked"},
                                             {"--authorized-principals-file", "/p/%x"},
                                             {"--authorized-principals-file", "/p/%"}}) {
    EXPECT_NE(exit_of(wrong).exit_code, 0) << wrong[1];
  }
}

TEST(Flags, OpenTheServerOnlyOnLoopbackOrKnowingly) {
  for (const auto& arguments : std::vector<std::vector<const char*>>{
           {"--noauth", "-l", "127.0.0.1:22"},
           {"--noauth", "-l", "127.3.2.1:22"},
           {"--noauth", "-l", "[::1]:22"},
           {"--noauth", "--i-know-this-is-open"},
           {"--noauth", "--i-know-this-is-open", "-l", "192.0.2.1:22"}}) {
    const ServerConfig config = config_of(arguments);
    EXPECT_TRUE(config.no_authentication);
    EXPECT_EQ(config.auth_chains.methods(), std::vector{AuthMethod::kNone});
  }
  for (const auto& arguments : std::vector<std::vector<const char*>>{
           {"--noauth"},
           {"--noauth", "-l", ":22"},
           {"--noauth", "-l", "0.0.0.0:22"},
           {"--noauth", "-l", "[::]:22"},
           {"--noauth", "-l", "192.0.2.1:22"},
           {"--noauth", "-l", "localhost:22"},
           {"--noauth", "-l", "127.0.0.1.example:22"},
           {"--noauth", "-l", "127.0.0.1:22", "--inauth"},
           {"--noauth", "-l", "127.0.0.1:22", "--auth-methods", "publickey"},
           {"--i-know-this-is-open"}}) {
    EXPECT_EQ(exit_of(arguments).exit_code, 2);
  }
  EXPECT_FALSE(config_of({}).no_authentication);
}

TEST(Flags, AskInstancesOnlyIfToldTo) {
  EXPECT_FALSE(config_of({}).instance_authentication);
  EXPECT_TRUE(config_of({"-I"}).instance_authentication);
  EXPECT_TRUE(config_of({"--inauth"}).instance_authentication);
}

TEST(Flags, PrintHelpAndVersion) {
  for (const char* flag : {"-h", "--help"}) {
    const ExitNow help = exit_of({flag});
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_NE(help.text.find("--groups"), std::string::npos);
    EXPECT_NE(help.text.find("--idle-timeout"), std::string::npos);
  }
  for (const char* flag : {"-v", "--version"}) {
    EXPECT_EQ(exit_of({flag}).exit_code, 0);
    EXPECT_EQ(exit_of({flag}).text, "ssh2incus " SSH2INCUS_VERSION "\n");
  }
}

}  // namespace
}  // namespace ssh2incus
