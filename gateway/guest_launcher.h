// Starts the guest in an instance by one Incus exec: at once if a former connection has left it
// there, else after pushing it. What the instance answers is hostile.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/guest_protocol.h"
#include "common/unique_fd.h"
#include "gateway/exec_socket.h"
#include "gateway/guest_program.h"
#include "gateway/incus_client.h"
#include "gateway/launch_verdict.h"
#include "gateway/outcome.h"
#include "gateway/patience.h"
#include "gateway/target.h"

namespace ssh2incus {

// The websockets of the exec, as sessiond gets them.
struct GuestStreams {
  UniqueFd input;
  UniqueFd output;
  UniqueFd errors;
  UniqueFd control;
};

// How an attempt to start the guest went, if nothing went wrong between us and Incus.
struct LaunchAttempt {
  enum class Kind : std::uint8_t {
    kReady,      // streams and hello are there
    kRefused,    // Incus runs no command in the instance: text says why
    kNoHello,    // the command ended without a hello: text is what it wrote to stderr
    kCannotRun,  // for good: text says why
  };
  Kind kind{};
  GuestStreams streams;
  GuestHello hello;
  std::string text;
  std::string directory;           // where the guest is, with kReady
  std::optional<int> exit_status;  // with kNoHello, if it is known
};

class GuestLauncher {
 public:
  // What is passed by reference must outlive the launcher.
  GuestLauncher(IncusClient& client, const Target& target, const GuestProgram& program,
                const GuestGrant& grant);

  // The outcome in a hello may still be a refusal.
  // What a former connection has left there: kReady, kRefused, or kNoHello if there is nothing.
  Outcome<LaunchAttempt> start_stored(const Patience& patience);
  // kReady, kRefused or kCannotRun.
  Outcome<LaunchAttempt> store_and_start(const Patience& patience);

 private:
  Outcome<LaunchAttempt> run(const std::vector<std::string>& command, const Patience& patience);
  Outcome<LaunchAttempt> push_and_run(const std::string& directory, LaunchTrial& trial,
                                      const Patience& patience);
  Outcome<LaunchAttempt> greet(std::vector<ExecSocket> sockets, const Patience& patience);
  Outcome<HttpReply> file_request(const char* method, const std::string& path,
                                  std::vector<std::string> headers, std::string_view content,
                                  const Patience& patience);

  IncusClient& client_;
  const Target& target_;
  const GuestProgram& program_;
  Bytes preface_;
};

}  // namespace ssh2incus
