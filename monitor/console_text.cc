// See console_text.h.
#include "monitor/console_text.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "common/escape.h"

namespace ssh2incus {
namespace {

using Row = std::vector<std::string>;

// Columns as wide as their widest text, two spaces between them.
std::string table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string type_name(bool virtual_machine) {
  return virtual_machine ? "virtual machine" : "container";
}

// As in a login.
std::string login_of(const ipc::ListedInstance& instance) {
  const bool is_default = *instance.project == "default";
  return *instance.instance + (is_default ? "" : "." + *instance.project);
}

std::string plural(std::uint32_t count, const std::string& what) {
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

// The two greatest units.
std::string time_between(std::int64_t from, std::int64_t now) {
  constexpr std::int64_t kMinute = 60;
  constexpr std::int64_t kHour = 60 * kMinute;
  constexpr std::int64_t kDay = 24 * kHour;
  const std::int64_t seconds = std::max<std::int64_t>(now - from, 0);
  const auto both = [seconds](std::int64_t unit, const char* name, std::int64_t part,
                              const char* part_name) {
    return std::to_string(seconds / unit) + name + " " + std::to_string(seconds % unit / part) +
           part_name;
  };
  if (seconds >= kDay) return both(kDay, "d", kHour, "h");
  if (seconds >= kHour) return both(kHour, "h", kMinute, "m");
  if (seconds >= kMinute) return both(kMinute, "m", 1, "s");
  return std::to_string(seconds) + "s";
}

}  // namespace

std::string list_text(std::vector<ipc::ListedInstance> instances) {
  std::ranges::sort(instances, {}, [](const ipc::ListedInstance& instance) {
    return std::tuple(*instance.project != "default", *instance.project, *instance.instance);
  });
  std::vector<Row> rows = {{"LOGIN", "STATE", "TYPE", "ADDRESSES"}};
  for (const auto& instance : instances) {
    std::string addresses;
    for (const auto& address : instance.addresses)
      addresses += (addresses.empty() ? "" : " ") + escaped(*address);
    rows.push_back({escaped(login_of(instance)), escaped(*instance.state),
                    type_name(instance.virtual_machine), addresses});
  }
  return table(rows);
}

std::string removal_text(const std::string& instance, const std::string& project,
                         const ipc::ExamineReply& facts) {
  std::string out = "instance " + instance + " in project " + project + ": " +
                    (facts.ephemeral ? "ephemeral " : "") + type_name(facts.virtual_machine) +
                    ", " + escaped(*facts.state);
  if (!facts.created.empty()) out += ", created " + escaped(*facts.created);
  if (facts.snapshots > 0) out += ", " + plural(facts.snapshots, "snapshot");
  out += "\n";
  if (!facts.description.empty()) out += "description: " + escaped(*facts.description) + "\n";
  return out;
}

std::string removal_question(const ipc::ExamineReply& facts) {
  const bool stopped = *facts.state == "Stopped";
  return std::string("Delete it") + (facts.snapshots > 0 ? " with its snapshots" : "") +
         (stopped ? "" : ", stopping it first") + "? (yes/no) ";
}

std::string sessions_text(std::vector<ConnectionFacts> connections, const std::string& own,
                          std::int64_t now_unix) {
  std::ranges::sort(connections, {}, [](const ConnectionFacts& facts) {
    return std::tuple(facts.since_unix, facts.id);
  });
  std::vector<Row> rows = {{"ID", "HOST USER", "TARGET", "FROM", "FOR", "SESSIONS"}};
  for (const ConnectionFacts& facts : connections) {
    rows.push_back({escaped(facts.id), facts.host_user.empty() ? "-" : escaped(facts.host_user),
                    escaped(facts.target), escaped(facts.source),
                    time_between(facts.since_unix, now_unix),
                    std::to_string(facts.sessions) + (facts.id == own ? " (this one)" : "")});
  }
  return table(rows);
}

Result<std::optional<std::string>> parse_sessions_command(std::string_view text) {
  constexpr std::string_view kEnd = "end ";
  constexpr std::size_t kIdLength = 16;
  if (text.empty() || text == "list") return std::optional<std::string>();
  if (!text.starts_with(kEnd)) return fail("there are: list, end ID");
  const std::string_view id = text.substr(kEnd.size());
  const bool is_id = id.size() == kIdLength && std::ranges::all_of(id, [](char c) {
                       return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
                     });
  if (!is_id) return fail("no such connection: " + quoted(id.substr(0, 64)));
  return std::optional(std::string(id));
}

}  // namespace ssh2incus
