// See name_lookup.h. resolve() and what it calls may block: they run in the child.
#include "guest/name_lookup.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "guest/account.h"
#include "guest/getent.h"
#include "guest/name_answers.h"

namespace ssh2incus::guest {
namespace {

constexpr std::size_t kMaxFile = 1024UL * 1024;
constexpr std::size_t kMaxAnswer = 8UL * 1024;
constexpr std::uint16_t kDnsPort = 53;
constexpr int kDnsMs = 2'000;
constexpr int kDnsRounds = 2;
constexpr unsigned kChildSeconds = 25;
constexpr std::string_view kLastResort = "127.0.0.1 localhost\n::1 localhost\n";
constexpr int kGetentHostsMs = 20'000;

std::optional<DnsAnswer> ask(const NetworkAddress& server, const std::string& name, DnsType type) {
  const UniqueFd socket(::socket(server.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const SocketName peer = server.with_port(kDnsPort);
  if (!socket.valid() || connect(socket.get(), peer.get(), peer.length) != 0) return std::nullopt;
  std::uint16_t id = 0;
  if (getrandom(&id, sizeof(id), 0) != static_cast<ssize_t>(sizeof(id))) return std::nullopt;
  const Bytes query = dns_query(id, name, type);
  if (send(socket.get(), query.data(), query.size(), 0) < 0) return std::nullopt;
  for (int tries = 0; tries < 4; ++tries) {  // what isn't an answer is passed over
    pollfd waiting{socket.get(), POLLIN, 0};
    if (poll(&waiting, 1, kDnsMs) <= 0) return std::nullopt;
    std::array<std::uint8_t, 4096> buffer;
    const ssize_t count = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (count < 0) return std::nullopt;
    const auto message = std::span<const std::uint8_t>(buffer).first(static_cast<size_t>(count));
    if (auto answer = parse_dns_answer(message, query)) return answer;
  }
  return std::nullopt;
}

// Both kinds of address from the first server that knows.
std::vector<NetworkAddress> ask_servers(const ResolverSettings& settings, const std::string& name) {
  for (int round = 0; round < kDnsRounds; ++round) {
    for (const auto& server : settings.servers) {
      const auto v4 = ask(server, name, DnsType::kA);
      if (!v4 || v4->failed) continue;
      auto addresses = v4->addresses;
      if (const auto v6 = ask(server, name, DnsType::kAaaa)) {
        addresses.insert(addresses.end(), v6->addresses.begin(), v6->addresses.end());
      }
      return addresses;
    }
  }
  return {};
}

std::vector<NetworkAddress> resolve_here(const std::string& name) {
  auto addresses = find_in_hosts(read_small_file("/etc/hosts", kMaxFile).value_or(""), name);
  if (!addresses.empty()) return addresses;
  const auto settings =
      parse_resolv_conf(read_small_file("/etc/resolv.conf", kMaxFile).value_or(""));
  const bool has_dot = name.find('.') != std::string::npos;
  if (has_dot) addresses = ask_servers(settings, name);
  if (name.ends_with('.')) return addresses;
  for (const auto& domain : settings.search) {
    if (!addresses.empty()) break;
    const std::string longer = name + "." + domain;
    if (is_host_name(longer)) addresses = ask_servers(settings, longer);
  }
  if (addresses.empty() && !has_dot) addresses = ask_servers(settings, name);
  return addresses;
}

std::vector<NetworkAddress> resolve(const std::string& name) {
  const auto output = run_getent("ahosts", name, kGetentHostsMs);
  auto addresses = output ? parse_ahosts(*output) : resolve_here(name);
  if (addresses.empty()) addresses = find_in_hosts(kLastResort, name);
  return addresses;
}

[[noreturn]] void run_child(const std::string& name, int output) {
  setpgid(0, 0);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  alarm(kChildSeconds);
  dup2(output, STDOUT_FILENO);
  close_range(3, ~0U, 0);
  std::string lines;
  for (const auto& address : resolve(name)) {
    lines += address.text();
    lines += '\n';
  }
  const ssize_t written = write(STDOUT_FILENO, lines.data(), lines.size());
  _exit(written < 0 ? 1 : 0);
}

}  // namespace

Result<NameLookup> NameLookup::start(const std::string& name) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return system_error("cannot make a pipe");
  UniqueFd reading(ends[0]);
  const UniqueFd writing(ends[1]);
  const pid_t child = fork();
  if (child < 0) return system_error("cannot start a process");
  if (child == 0) run_child(name, writing.get());
  setpgid(child, child);
  return NameLookup(std::move(reading), child);
}

NameLookup::~NameLookup() {
  if (fd_.valid()) kill(-pid_, SIGKILL);
}

bool NameLookup::read() {
  std::array<char, 4096> buffer;
  const ssize_t count = ::read(fd_.get(), buffer.data(), buffer.size());
  if (count < 0) return errno != EAGAIN && errno != EINTR;
  if (count == 0 || answer_.size() > kMaxAnswer) return true;
  answer_.append(buffer.data(), static_cast<std::size_t>(count));
  return false;
}

std::vector<NetworkAddress> NameLookup::addresses() const { return parse_ahosts(answer_); }

}  // namespace ssh2incus::guest
