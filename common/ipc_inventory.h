// What a gateway does for %list and %rm, instead of opening an instance: any number of these
// requests, each answered as it says, or by FailedReply, which isn't the end. Part of the boundary
// of common/ipc_gateway.h.
#pragma once

#include <cstdint>
#include <tuple>

#include "common/ipc_gateway.h"

namespace ssh2incus::ipc {

// Every instance of every project, with these labels (user.* keys, without "user."). Answered by
// ListReplies, up to the one that is the last.
struct ListRequest {
  static constexpr auto kKind = GatewayMessage::kListRequest;
  static constexpr bool kSecret = true;
  IncusEndpoint endpoint;
  BoundedList<BoundedString<limits::kMaxLabelName>, limits::kMaxLabels> label_names;
  auto fields() { return std::tie(endpoint, label_names); }
};

struct ListedInstance {
  BoundedString<limits::kMaxProjectName> project;
  BoundedString<limits::kMaxInstanceName> instance;
  BoundedString<32> state;  // as Incus calls it
  bool virtual_machine = false;
  BoundedList<BoundedString<64>, limits::kMaxListedAddresses> addresses;  // global ones
  BoundedList<InstanceLabel, limits::kMaxLabels> labels;                  // that are set
  auto fields() { return std::tie(project, instance, state, virtual_machine, addresses, labels); }
};

struct ListReply {
  static constexpr auto kKind = GatewayMessage::kListReply;
  BoundedList<ListedInstance, 1024> instances;
  bool last = false;
  auto fields() { return std::tie(instances, last); }
};

// What is that instance? Answered by ExamineReply.
struct ExamineRequest {
  static constexpr auto kKind = GatewayMessage::kExamineRequest;
  static constexpr bool kSecret = true;
  IncusEndpoint endpoint;
  BoundedString<limits::kMaxProjectName> project;
  BoundedString<limits::kMaxInstanceName> instance;
  BoundedList<BoundedString<limits::kMaxLabelName>, limits::kMaxLabels> label_names;
  auto fields() { return std::tie(endpoint, project, instance, label_names); }
};

struct ExamineReply {
  static constexpr auto kKind = GatewayMessage::kExamineReply;
  BoundedString<32> state;
  bool virtual_machine = false;
  bool ephemeral = false;
  bool is_protected = false;       // security.protection.delete
  BoundedString<64> created;       // as Incus writes times; empty: it doesn't say
  BoundedString<256> description;  // of the administrator's
  std::uint32_t snapshots = 0;
  BoundedList<InstanceLabel, limits::kMaxLabels> labels;
  auto fields() {
    return std::tie(state, virtual_machine, ephemeral, is_protected, created, description,
                    snapshots, labels);
  }
};

// Deletes what was examined last, if it is still the same; stops it first. Answered by DeleteReply.
struct DeleteRequest {
  static constexpr auto kKind = GatewayMessage::kDeleteRequest;
  auto fields() { return std::tie(); }
};

struct DeleteReply {
  static constexpr auto kKind = GatewayMessage::kDeleteReply;
  auto fields() { return std::tie(); }
};

}  // namespace ssh2incus::ipc
