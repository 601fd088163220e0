// Sessions of a connection to an instance where no guest can run: each an Incus exec of its own,
// within the grant, which nobody else enforces there. Requests come from sessiond by way of the
// monitor; what Incus and the instance answer is hostile.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/account_files.h"
#include "common/guest_protocol.h"
#include "common/plain_program.h"
#include "gateway/exec.h"
#include "gateway/incus_client.h"
#include "gateway/outcome.h"
#include "gateway/patience.h"
#include "gateway/target.h"

namespace ssh2incus {

// The instance user, from the instance's /etc/passwd: by then nobody in the instance can be asked.
Outcome<Account> read_instance_account(IncusClient& client, const Target& target,
                                       const std::string& user, const Patience& patience);

class PlainExec {
 public:
  PlainExec(IncusClient& client, Target target, GuestGrant grant, Account account)
      : client_(client),
        target_(std::move(target)),
        grant_(std::move(grant)),
        account_(std::move(account)) {}

  // The program's websockets, in the order of common/plain_program.h.
  Outcome<std::vector<UniqueFd>> open(std::uint32_t stream, const PlainProgram& program,
                                      const Patience& patience);
  // What carries those of a remote.
  [[nodiscard]] TlsPump& pump() const { return client_.pump(); }
  [[nodiscard]] bool is_known(std::uint32_t stream) const { return programs_.contains(stream); }
  // Forgets the program once it has told that it has ended. It must be known.
  Outcome<ExecState> state(std::uint32_t stream, const Patience& patience);

 private:
  struct Program {
    std::string operation;
    ExecState state;  // as far as it's known
  };

  Outcome<Done> make_room(const Patience& patience);
  Outcome<Done> look(Program& program, const Patience& patience);
  [[nodiscard]] std::size_t running() const;
  void forget_surplus();

  IncusClient& client_;
  Target target_;
  GuestGrant grant_;
  Account account_;
  std::map<std::uint32_t, Program> programs_;  // whose end nobody has been told
};

}  // namespace ssh2incus
