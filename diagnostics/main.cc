// ssh2incus-diagnostics EMPTY-ROOT UID GID: metrics and health over HTTP. fd 3 leads to the
// listener, fd 4 is the listening socket. The launcher has closed all others.
#include <charconv>
#include <cstdio>
#include <cstring>

#include "diagnostics/responder.h"
#include "diagnostics/sandbox.h"

namespace {

using namespace ssh2incus;

constexpr int kListenerFd = 3;
constexpr int kSocketFd = 4;

Result<unsigned> parse_id(const char* text) {
  unsigned id = 0;
  const char* end = text + std::strlen(text);
  const auto [at, error] = std::from_chars(text, end, id);
  if (error != std::errc() || at != end || id == 0) return fail("not an unprivileged id");
  return id;
}

Status serve(char** arguments) {
  ipc::IpcChannel listener{UniqueFd(kListenerFd)};
  UniqueFd socket(kSocketFd);
  const unsigned uid = TRY(parse_id(arguments[2]));
  const unsigned gid = TRY(parse_id(arguments[3]));
  TRY(enter_diagnostics_sandbox(arguments[1], uid, gid, kListenerFd));
  return Responder(std::move(listener), std::move(socket)).run();
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 4) {
    std::fputs("ssh2incus-diagnostics is started by ssh2incus\n", stderr);
    return 2;
  }
  return serve(arguments).ok() ? 0 : 1;
}
