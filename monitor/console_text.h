// What consoles (%list, %rm, %sessions) say: tables and sentences for a person, made from typed
// values; foreign text in them is made safe for a terminal. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/ipc_inventory.h"
#include "common/result.h"
#include "monitor/connection_table.h"

namespace ssh2incus {

// Sorted by project and name.
std::string list_text(std::vector<ipc::ListedInstance> instances);

// What would be deleted: "instance c1 in project default: ...".
std::string removal_text(const std::string& instance, const std::string& project,
                         const ipc::ExamineReply& facts);
inline constexpr std::string_view kDeleteAnswer = "yes";
std::string removal_question(const ipc::ExamineReply& facts);

// own: the id of the connection that asks.
std::string sessions_text(std::vector<ConnectionFacts> connections, const std::string& own,
                          std::int64_t now_unix);

// "end ID": that ID; nothing: none. Anything else is an error.
Result<std::optional<std::string>> parse_sessions_command(std::string_view text);

}  // namespace ssh2incus
