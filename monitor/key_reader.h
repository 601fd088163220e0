// Finds a key in a user's authorized_keys files. The work is done by a child that has become that
// user, without capabilities and with a filter that leaves it reading and answering; its answer is
// decoded like any peer's, since the files' author may have taken it over.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "common/ipc_channel.h"
#include "common/result.h"
#include "monitor/host_lookup.h"
#include "monitor/ipc_attendant.h"

namespace ssh2incus {

// "%h" is the user's home, "%u" the name.
std::vector<std::string> default_authorized_keys_files();

// Forks the child and waits for its answer, at most limits::kKeyLookupMs. An error is ours; a key
// that isn't accepted is a KeysReply without a line.
Result<KeysReply> read_keys_as_user(const HostUserRecord& user,
                                    const std::vector<std::string>& files,
                                    const KeysRequest& request);

// The same for a text that is no file of the user's: what an authorized-keys-command printed. The
// child becomes reader; where is what the text is called in the answer.
Result<KeysReply> find_key_in_text_as(const HostUserRecord& reader, const std::string& text,
                                      const std::string& where, const KeysRequest& request);

// What the child does, without the walls.
KeysReply find_key(const HostUserRecord& user, const std::vector<std::string>& files,
                   const KeysRequest& request);
KeysReply find_key_in_text(const std::string& text, const std::string& where,
                           const KeysRequest& request);

// The child's walls: becomes the user, sheds everything, loads the filter. For tests of the walls.
Status enter_key_reader_sandbox(const HostUserRecord& user, pid_t parent);

}  // namespace ssh2incus
