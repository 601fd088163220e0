// A confined SFTP session in a directory of its own: whatever the client sends, it ends in answers
// or in the end of the session, and nothing outside of the directory is read or changed.
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

#include "guest/sftp/server.h"

namespace {

namespace fs = std::filesystem;
using ssh2incus::guest::sftp::Server;
using ssh2incus::guest::sftp::Tree;

constexpr std::string_view kSecret = "what nobody may read";

// home/ is what the client sees, beside a file that it must not.
struct World {
  World() {
    std::string name = "/tmp/fuzz-sftp-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) __builtin_trap();
    folder = name;
    // Holes could be copied for ever.
    const rlimit limit{1 << 20, 1 << 20};
    setrlimit(RLIMIT_FSIZE, &limit);
    signal(SIGXFSZ, SIG_IGN);
    std::ofstream(folder / "secret") << kSecret;
  }
  ~World() { fs::remove_all(folder); }

  void renew() const {
    std::error_code ignored;
    fs::permissions(folder / "home", fs::perms::owner_all, ignored);
    fs::remove_all(folder / "home");
    fs::create_directories(folder / "home" / "d");
    std::ofstream(folder / "home" / "f") << "content";
    fs::create_symlink("../secret", folder / "home" / "up");
    fs::create_symlink(folder / "secret", folder / "home" / "out");
  }
  [[nodiscard]] bool is_untouched() const {
    std::string text;
    std::getline(std::ifstream(folder / "secret"), text);
    return text == kSecret && std::distance(fs::directory_iterator(folder), {}) == 2;
  }

  fs::path folder;
};

// Each packet's length (one byte), and the packet; so that lengths need not be guessed right.
std::string packets_of(std::string_view data) {
  std::string packets("\0\0\0\5\1\0\0\0\3", 9);
  while (!data.empty()) {
    const auto length = std::min<std::size_t>(static_cast<unsigned char>(data[0]), data.size() - 1);
    packets += std::string(3, '\0');
    packets += static_cast<char>(length);
    packets += data.substr(1, length);
    data.remove_prefix(1 + length);
  }
  return packets;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World world;
  world.renew();
  auto tree = Tree::below((world.folder / "home").string());
  if (!tree.ok()) __builtin_trap();
  ssh2incus::Account account;
  account.name = "fuzz";
  account.home = (world.folder / "home").string();
  Server server(std::move(*tree), account, {});
  const std::string packets = packets_of({reinterpret_cast<const char*>(data), size});
  std::span<const std::uint8_t> rest(reinterpret_cast<const std::uint8_t*>(packets.data()),
                                     packets.size());
  while (true) {
    const auto used = server.process(rest);
    if (!used.ok()) break;
    const auto answers = server.replies().unsent();
    const std::string_view text(reinterpret_cast<const char*>(answers.data()), answers.size());
    if (text.find(kSecret) != std::string_view::npos) __builtin_trap();
    server.replies().sent(answers.size());
    if (*used == 0) break;
    rest = rest.subspan(*used);
  }
  if (!world.is_untouched()) __builtin_trap();
  return 0;
}
