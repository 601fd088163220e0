// Finds a key, or the CA of a certificate, in a user's authorized_keys files and in the
// administrator's. The work is done by a child that has become that
// user, without capabilities and with a filter that leaves it reading and answering; its answer is
// decoded like any peer's, since the files' author may have taken it over.
#pragma once

#include <sys/types.h>

#include "common/ipc_channel.h"
#include "common/result.h"
#include "monitor/host_lookup.h"
#include "monitor/ipc_attendant.h"
#include "monitor/key_sources.h"

namespace ssh2incus {

// Forks the child and waits for its answer, at most limits::kKeyLookupMs. An error is ours; a key
// that isn't accepted is a KeysReply without a line. The child opens the administrator's files
// before it becomes the user; a revoked key is refused before any file of the user's is looked at.
Result<KeysReply> read_keys_as_user(const HostUserRecord& user, const KeySources& sources,
                                    const KeysRequest& request);

// The same for a text that is no file of the user's: what an authorized-keys-command printed. The
// child becomes reader; where is what the text is called in the answer.
Result<KeysReply> find_key_in_text_as(const HostUserRecord& reader, const HostUserRecord& user,
                                      const std::string& text, const std::string& where,
                                      const KeysRequest& request);

// What the child does, without the walls.
KeysReply find_key(const HostUserRecord& user, const KeySources& sources,
                   const AdministratorFiles& files, const KeysRequest& request);
KeysReply find_key_in_text(const HostUserRecord& user, const std::string& text,
                           const std::string& where, const KeysRequest& request);

// The child's walls: becomes the user, sheds everything, loads the filter. For tests of the walls.
Status enter_key_reader_sandbox(const HostUserRecord& user, pid_t parent);

}  // namespace ssh2incus
