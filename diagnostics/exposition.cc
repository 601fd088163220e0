// Labels come from the listener's own words; they are escaped all the same.
#include "diagnostics/exposition.h"

#include <array>
#include <cstdio>
#include <string_view>

namespace ssh2incus {
namespace {

std::string label_value(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '\n') {
      out += "\\n";
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string seconds(std::uint64_t milliseconds) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%llu.%03llu",
                static_cast<unsigned long long>(milliseconds / 1000),
                static_cast<unsigned long long>(milliseconds % 1000));
  return text.data();
}

void family(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out.append("# HELP ssh2incus_").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE ssh2incus_").append(name).append(" ").append(type).append("\n");
}

void sample(std::string& out, std::string_view name, std::string_view labels,
            std::string_view value) {
  out.append("ssh2incus_").append(name);
  if (!labels.empty()) out.append("{").append(labels).append("}");
  out.append(" ").append(value).append("\n");
}

void single(std::string& out, std::string_view name, std::string_view type, std::string_view help,
            std::uint64_t value) {
  family(out, name, type, help);
  sample(out, name, "", std::to_string(value));
}

void by_label(std::string& out, std::string_view name, std::string_view type, std::string_view help,
              const std::string& label, const ipc::LabelledCounts& counts) {
  family(out, name, type, help);
  for (const auto& count : counts) {
    sample(out, name, label + "=" + label_value(*count.label), std::to_string(count.value));
  }
}

void histogram(std::string& out, const std::string& name, std::string_view help,
               const ipc::Histogram& values) {
  family(out, name, "histogram", help);
  std::uint64_t count = 0;
  std::size_t place = 0;
  for (const std::uint64_t in_bucket : values.buckets) {
    count += in_bucket;
    if (place == std::size(ipc::kBucketBoundsMs)) break;
    sample(out, name + "_bucket", "le=\"" + seconds(ipc::kBucketBoundsMs[place++]) + "\"",
           std::to_string(count));
  }
  sample(out, name + "_bucket", "le=\"+Inf\"", std::to_string(count));
  sample(out, name + "_sum", "", seconds(values.sum_ms));
  sample(out, name + "_count", "", std::to_string(count));
}

void logins(std::string& out, const ipc::SnapshotReply& snapshot) {
  family(out, "logins_total", "counter", "Authentication attempts by method and result.");
  for (const auto& count : snapshot.logins) {
    sample(out, "logins_total",
           "method=" + label_value(*count.method) + ",result=" + label_value(*count.result),
           std::to_string(count.value));
  }
}

}  // namespace

std::string exposition(const ipc::SnapshotReply& snapshot) {
  std::string out;
  family(out, "build_info", "gauge", "The version that runs.");
  sample(out, "build_info", "version=" + label_value(*snapshot.version), "1");
  single(out, "start_time_seconds", "gauge", "When the listener started, in Unix time.",
         snapshot.started_unix);
  by_label(out, "connections", "gauge", "Connections now, by state.", "state",
           snapshot.connections);
  single(out, "connections_accepted_total", "counter", "Connections that got a monitor.",
         snapshot.accepted);
  by_label(out, "connections_refused_total", "counter", "Connections that were refused.", "reason",
           snapshot.refused);
  by_label(out, "penalties_total", "counter", "Penalties of sources.", "reason",
           snapshot.penalties);
  single(out, "penalised_sources", "gauge", "Sources whose penalties are remembered.",
         snapshot.penalised_sources);
  logins(out, snapshot);
  histogram(out, "handshake_seconds", "From the connection to the end of the first key exchange.",
            snapshot.handshake);
  histogram(out, "exec_seconds", "From the login to a program that runs in the instance.",
            snapshot.target);
  family(out, "transferred_bytes_total", "counter", "Bytes of streams that have ended.");
  sample(out, "transferred_bytes_total", "direction=\"in\"", std::to_string(snapshot.bytes_in));
  sample(out, "transferred_bytes_total", "direction=\"out\"", std::to_string(snapshot.bytes_out));
  single(out, "streams_closed_total", "counter",
         "Sessions and forwarded connections that have ended.", snapshot.closed_streams);
  by_label(out, "resident_memory_bytes", "gauge", "Resident memory of processes, by kind.",
           "process", snapshot.resident_bytes);
  if (snapshot.incus != ipc::IncusState::kUnknown) {
    single(out, "incus_up", "gauge", "Whether Incus has answered the latest check.",
           snapshot.incus == ipc::IncusState::kReachable ? 1 : 0);
  }
  return out;
}

}  // namespace ssh2incus
