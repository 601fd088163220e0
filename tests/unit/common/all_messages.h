// Every message and structure that crosses a process boundary, for tests that hold for all of them.
#pragma once

#include <tuple>
#include <utility>

#include "common/guest_protocol.h"
#include "common/ipc_console.h"
#include "common/ipc_gateway.h"
#include "common/ipc_inventory.h"
#include "common/ipc_plain.h"
#include "common/ipc_sessiond.h"
#include "common/plain_program.h"

namespace ssh2incus::test {

using SessionMessages =
    std::tuple<ipc::HelloRequest, ipc::HelloReply, ipc::SignRequest, ipc::SignReply,
               ipc::AuthStartRequest, ipc::AuthStartReply, ipc::PublicKeyQueryRequest,
               ipc::PublicKeyQueryReply, ipc::PublicKeyVerifyRequest, ipc::NoneAuthRequest,
               ipc::UnsupportedAuthRequest, ipc::PasswordAuthRequest, ipc::InteractiveAuthRequest,
               ipc::InteractiveAnswersRequest, ipc::AuthReply, ipc::TargetProgressNotice,
               ipc::TargetReadyNotice, ipc::TargetFailedNotice, ipc::ShutdownNotice,
               ipc::SessionOpenedNotice, ipc::SessionClosedNotice, ipc::ForwardOpenedNotice,
               ipc::ForwardClosedNotice, ipc::DisconnectNotice, ipc::LogNotice, ipc::CrashNotice,
               ipc::PlainReadyNotice, ipc::PlainOpenRequest, ipc::PlainOpenedNotice,
               ipc::PlainFailedNotice, ipc::PlainStatusRequest, ipc::PlainExitedNotice,
               ipc::ConsoleReadyNotice, ipc::ConsoleOpenRequest, ipc::ConsoleOutputNotice,
               ipc::ConsoleAnswerRequest, ipc::ConsoleEndNotice, ipc::HostKeyProofRequest,
               ipc::ProxyHeaderRequest, ipc::ProxyHeaderReply>;
using GatewayMessages =
    std::tuple<ipc::OpenRequest, ipc::GatewayProgress, ipc::ReadyReply, ipc::FailedReply,
               ipc::GatewayLog, ipc::GatewayCrash, ipc::AuthGrant, ipc::InstanceKeyRequest,
               ipc::InstanceKeyReply, ipc::InstancePasswordRequest, ipc::InstancePasswordReply,
               ipc::ResolveRequest, ipc::ResolveReply, ipc::PlainReply, ipc::ExecRequest,
               ipc::ExecStartedReply, ipc::ExecFailedReply, ipc::ExecStatusRequest,
               ipc::ExecEndedReply, ipc::ListRequest, ipc::ListReply, ipc::ExamineRequest,
               ipc::ExamineReply, ipc::DeleteRequest, ipc::DeleteReply, ipc::CreationNotice,
               ipc::CheckRequest, ipc::CheckReply>;
using GuestStructures =
    std::tuple<ipc::InstanceLabel, ipc::ListedInstance, CreateGrant, GuestGrant, GuestHello,
               FrameHeader, TerminalSize, PtyRequest, OpenSession, WindowChange, SignalRequest,
               Opened, OpenFailed, Exited, WindowAdjust, PlainTerminal, PlainProgram>;

// Calls visit(T{}) for each type of the list.
template <typename List, typename Visit>
void for_each_type(Visit&& visit) {
  std::apply([&](auto&&... value) { (visit(std::move(value)), ...); }, List());
}

}  // namespace ssh2incus::test
