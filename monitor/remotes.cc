// Follows incus's shared/cliconfig: names of files, and which of two configurations counts.
#include "monitor/remotes.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "common/escape.h"
#include "monitor/strict_modes.h"

namespace ssh2incus {
namespace {

constexpr const char* kUrlRemote = "url";  // what --url is called in logins and rules

std::string variable(const char* name, const std::string& otherwise) {
  const char* value = std::getenv(name);
  return value == nullptr || *value == '\0' ? otherwise : value;
}

std::string to_text(const std::string& path, const ConfigProblem& problem) {
  if (problem.where.line == 0) return path + ": " + problem.message;
  return path + ":" + std::to_string(problem.where.line) + ":" +
         std::to_string(problem.where.column) + ": " + problem.message;
}

// Nothing if there is no such file.
Result<std::optional<UniqueFd>> open_file(const std::string& path) {
  auto file = open_trusted_file({path, 0, {}});
  if (!file.ok()) return fail(path + ": " + file.error().message);
  return std::move(*file);
}

Result<ClientConfig> read_config(const std::string& directory) {
  const std::string path = directory + "/config.yml";
  const auto file = TRY(open_file(path));
  if (!file) return ClientConfig();
  auto text = read_bounded(*file, kMaxConfigFile);
  if (!text.ok()) return fail(path + ": " + text.error().message);
  ParsedClientConfig parsed = parse_client_config(*text);
  std::string problems;
  for (const ConfigProblem& problem : parsed.problems)
    problems += (problems.empty() ? "" : "; ") + to_text(path, problem);
  if (!problems.empty()) return fail(problems);
  return std::move(parsed.config);
}

// Empty if there is no such file.
Result<std::string> read_pem(const std::string& path) {
  const auto file = TRY(open_file(path));
  if (!file) return std::string();
  auto text = read_bounded(*file, limits::kMaxPem);
  if (!text.ok()) return fail(path + ": " + text.error().message);
  if (text->find("-----BEGIN ") == std::string::npos) return fail(path + " is no PEM");
  return text;
}

Result<Secret> read_key(const std::string& path) {
  const auto file = TRY(open_file(path));
  if (!file) return fail(path + ": no such file");
  struct stat status {};
  if (fstat(file->get(), &status) != 0) return system_error(path);
  if ((status.st_mode & 077) != 0)
    return fail(path + ": others than its owner have access to this key (chmod 600 helps)");
  auto key = read_secret(*file, limits::kMaxPem);
  if (!key.ok()) return fail(path + ": " + key.error().message);
  if (key->text().find("-----BEGIN ") == std::string_view::npos) return fail(path + " is no PEM");
  if (key->text().find("ENCRYPTED") != std::string_view::npos)
    return fail(path + " is protected by a passphrase, and nobody is there to type it");
  return key;
}

// The remote's own client certificate, or the one for all.
Status read_client_certificate(RemoteCredentials& out, const std::string& base) {
  out.client_certificate = TRY(read_pem(base + ".crt"));
  if (out.client_certificate.empty()) return {};
  out.client_key = TRY(read_key(base + ".key"));
  out.authorities = TRY(read_pem(base + ".ca"));
  return {};
}

Result<RemoteCredentials> read_credentials(const std::string& name, const std::string& own,
                                           const std::string& server_directory) {
  RemoteCredentials credentials;
  TRY(read_client_certificate(credentials, own + "/clientcerts/" + name));
  if (credentials.client_certificate.empty())
    TRY(read_client_certificate(credentials, own + "/client"));
  if (credentials.client_certificate.empty())
    return fail("there is no client certificate (" + own + "/client.crt)");
  credentials.server_certificate =
      TRY(read_pem(server_directory + "/servercerts/" + name + ".crt"));
  return credentials;
}

void add(RemoteTable& table, const std::string& name, Remote remote,
         Result<RemoteCredentials> credentials) {
  if (remote.refusal.empty() && !credentials.ok()) remote.refusal = credentials.error().message;
  if (remote.refusal.empty() && remote.is_network())
    table.credentials.insert_or_assign(name, std::move(*credentials));
  table.remotes.by_name.insert_or_assign(name, std::move(remote));
}

// own: where client certificates are; directory: where this configuration is.
Status add_configuration(RemoteTable& table, const std::string& socket, const std::string& own,
                         const std::string& directory) {
  const ClientConfig config = TRY(read_config(directory));
  for (const RemoteEntry& entry : config.remotes) {
    if (!why_not_remote_name(entry.name).empty()) continue;  // no login can name it
    Remote remote = remote_of(entry, socket);
    if (entry.name == kLocalRemote) {
      // Always this host's; its project may be set.
      Remote& local = table.remotes.by_name[kLocalRemote];
      local.project = remote.project;
      continue;
    }
    const bool reachable = remote.refusal.empty();
    const bool network = reachable && remote.is_network();
    auto credentials = network ? read_credentials(entry.name, own, directory)
                               : Result<RemoteCredentials>(RemoteCredentials());
    if (!is_image_server(entry) && !(reachable && credentials.ok())) {
      table.problems.push_back("remote " + quoted(entry.name) + ": " +
                               (reachable ? credentials.error().message : remote.refusal));
    }
    add(table, entry.name, std::move(remote), std::move(credentials));
  }
  if (!config.default_remote.empty()) table.remotes.default_name = config.default_remote;
  return {};
}

Status add_url(RemoteTable& table, const ServerConfig& config, const std::string& own) {
  const auto url = TRY(parse_https_url(config.remote_url, kIncusPort));
  RemoteCredentials credentials;
  if (config.remote_client_certificate.empty()) {
    TRY(read_client_certificate(credentials, own + "/client"));
  } else {
    credentials.client_certificate = TRY(read_pem(config.remote_client_certificate));
    credentials.client_key = TRY(read_key(config.remote_client_key));
  }
  if (credentials.client_certificate.empty()) return fail("--url: there is no client certificate");
  if (!config.remote_server_certificate.empty()) {
    credentials.server_certificate = TRY(read_pem(config.remote_server_certificate));
    if (credentials.server_certificate.empty())
      return fail("--server-cert: " + config.remote_server_certificate + ": no such file");
  }
  Remote remote;
  remote.host = url.host;
  remote.port = url.port;
  add(table, kUrlRemote, std::move(remote), std::move(credentials));
  table.remotes.default_name = kUrlRemote;
  return {};
}

void choose_default(RemoteTable& table, const ServerConfig& config) {
  if (!config.remote.empty()) {
    table.remotes.default_name = config.remote;
  } else if (config.socket_is_default_remote) {
    table.remotes.default_name = kLocalRemote;
  } else {
    table.remotes.default_name = variable("INCUS_REMOTE", table.remotes.default_name);
  }
}

Remotes local_alone(const std::string& socket) {
  Remotes remotes;
  Remote& local = remotes.by_name[kLocalRemote];
  local.socket_path = socket;
  if (socket.empty()) local.refusal = "it is switched off (--socket none)";
  return remotes;
}

}  // namespace

void RemoteTable::wipe() {
  for (auto& [name, each] : credentials) each.client_key.wipe();
}

Result<ClientDirectories> client_directories() {
  std::string own = variable("INCUS_CONF", {});
  if (own.empty()) {
    const passwd* root = getpwuid(0);
    if (root == nullptr) return fail("there is no user root");
    own = std::string(root->pw_dir) + "/.config/incus";
  }
  return ClientDirectories{own, variable("INCUS_GLOBAL_CONF", "/etc/incus")};
}

Result<std::shared_ptr<RemoteTable>> open_remotes(const ServerConfig& config,
                                                  const ClientDirectories& directories) {
  auto table = std::make_shared<RemoteTable>();
  table->remotes = local_alone(config.incus_socket);
  TRY(add_configuration(*table, config.incus_socket, directories.own, directories.global));
  TRY(add_configuration(*table, config.incus_socket, directories.own, directories.own));
  choose_default(*table, config);
  if (!config.remote_url.empty()) TRY(add_url(*table, config, directories.own));
  const std::string& name = table->remotes.default_name;
  const Remote* remote = table->remotes.find(name);
  if (remote == nullptr) return fail("the default remote " + quoted(name) + " doesn't exist");
  if (!remote->refusal.empty())
    return fail("the default remote " + quoted(name) + " can't be used: " + remote->refusal);
  return table;
}

Result<std::shared_ptr<RemoteTable>> open_remotes(const ServerConfig& config) {
  return open_remotes(config, TRY(client_directories()));
}

Remotes remotes_of(const ServerConfig& config) {
  if (config.remotes) return config.remotes->remotes;
  Remotes remotes;
  remotes.by_name[kLocalRemote].socket_path = config.incus_socket;
  return remotes;
}

ipc::IncusEndpoint endpoint_of(const ServerConfig& config, const std::string& name) {
  ipc::IncusEndpoint endpoint;
  const Remotes remotes = remotes_of(config);
  const Remote* remote = remotes.find(name);
  if (remote == nullptr || !remote->is_network()) {
    endpoint.socket_path = remote == nullptr ? config.incus_socket : remote->socket_path;
    return endpoint;
  }
  const RemoteCredentials& credentials = config.remotes->credentials.at(name);
  endpoint.host = remote->host;
  endpoint.port = remote->port;
  endpoint.server_certificate = credentials.server_certificate;
  endpoint.authorities = credentials.authorities;
  endpoint.client_certificate = credentials.client_certificate;
  endpoint.client_key =
      BoundedSecret<limits::kMaxPem>(Secret::copy_of(credentials.client_key.bytes()));
  return endpoint;
}

std::map<std::string, GatewayIdentity> gateways_of(const ServerConfig& config,
                                                   const GatewayIdentity& identity) {
  std::map<std::string, GatewayIdentity> gateways;
  for (const auto& [name, remote] : remotes_of(config).by_name) {
    if (!remote.refusal.empty()) continue;
    GatewayIdentity gateway = identity;
    gateway.host = remote.host;
    gateway.port = remote.port;
    struct stat status {};
    const bool other_socket = !remote.is_network() && remote.socket_path != config.incus_socket;
    if (other_socket && stat(remote.socket_path.c_str(), &status) == 0 && status.st_gid != 0)
      gateway.supplementary_gid = status.st_gid;
    gateways.emplace(name, std::move(gateway));
  }
  return gateways;
}

}  // namespace ssh2incus
