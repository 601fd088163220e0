// See tmux_push.h. A login waits for this: it has a few seconds.
#include "gateway/tmux_push.h"

#include "gateway/guest_program.h"
#include "gateway/incus_answer.h"

namespace ssh2incus {
namespace {

constexpr int kPushMs = 10'000;

HttpRequest about_file(const Target& target, const char* method, const std::string& path) {
  HttpRequest request{.method = method,
                      .path = target.path().part("files"),
                      .content_type = "application/octet-stream"};
  request.path.query("project", target.project.str()).query("path", path);
  return request;
}

// With any size, if none is said.
bool is_there(IncusClient& client, const Target& target, const std::string& path,
              std::optional<std::uint64_t> size, const Patience& patience) {
  auto reply = client.request(about_file(target, "HEAD", path), patience);
  if (!reply.ok() || !reply->ok()) return false;
  const auto facts = interpret_file_head(reply->head);
  return facts.ok() && (!size || facts->size == size);
}

}  // namespace

void push_tmux_if_missing(IncusClient& client, const Target& target, const std::string& directory,
                          const std::string& tmux_path, const Patience& patience) {
  const Patience shorter = patience.at_most(kPushMs);
  if (is_there(client, target, "/usr/bin/tmux", std::nullopt, shorter)) return;
  const auto program = read_tmux_program(tmux_path);
  if (!program.ok()) return;  // a build without it
  const std::string path = directory + "/" + program->name;
  if (is_there(client, target, path, program->content.size(), shorter)) return;
  HttpRequest request = about_file(target, "POST", path);
  request.headers = {"X-Incus-type: file", "X-Incus-write: overwrite", "X-Incus-mode: 0755",
                     "X-Incus-uid: 0", "X-Incus-gid: 0"};
  request.body = program->content;
  static_cast<void>(client.request(request, shorter));
}

}  // namespace ssh2incus
