// The monitor: one connection's state machine. Serves sessiond's requests by the rules of rules.h,
// asks the attendant for what needs privileges, and policy/ for every decision. sessiond and the
// gateway may be hostile; the attendant is ours.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/ipc_channel.h"
#include "common/ipc_console.h"
#include "common/ipc_gateway.h"
#include "common/ipc_inventory.h"
#include "common/ipc_plain.h"
#include "common/ipc_sessiond.h"
#include "common/log.h"
#include "monitor/attendant_client.h"
#include "monitor/connection_end.h"
#include "monitor/connection_table.h"
#include "monitor/console_state.h"
#include "monitor/host_keys.h"
#include "monitor/ipc_listener.h"
#include "monitor/listening_sockets.h"
#include "monitor/plain_sessions.h"
#include "monitor/remotes.h"
#include "monitor/rules.h"
#include "monitor/server_config.h"
#include "policy/access_policy.h"
#include "policy/attempts.h"
#include "policy/host_access.h"
#include "policy/login_target.h"
#include "policy/offered_key.h"

namespace ssh2incus {

struct ConnectionInfo {
  std::string id;  // random, for the log and $SSH_SESSION
  Endpoint peer;
  Endpoint local;
  int utc_offset_seconds = 0;
  // Whether what a host user could guess counts for nothing now (policy/user_penalties.h).
  std::function<bool(const std::string& user, const std::optional<IpAddress>& source)> held_back =
      [](const std::string&, const std::optional<IpAddress>&) { return false; };
  // The peer is a load balancer, whose PROXY header says who the client is.
  bool proxied = false;
  std::optional<std::string> outage;  // why Incus is known to be unreachable
};

// Why a right guess doesn't count, in the log.
inline constexpr const char* kHeldBack = "too many failures of this user lately";

// What a gateway tells of labels. An error: one that nobody asked for.
Result<Labels> labels_of(const std::vector<std::string>& asked,
                         const BoundedList<ipc::InstanceLabel, limits::kMaxLabels>& told);

class Monitor {
 public:
  struct Channels {
    ipc::IpcChannel sessiond;
    ipc::IpcChannel attendant;
    std::optional<ipc::IpcChannel> listener;        // monitor/ipc_listener.h
    std::function<void()> attendant_ended = [] {};  // its channel has closed: reap it
    ConnectionTable* connections = nullptr;         // in which this connection has its slot
    UniqueFd end_signals{};                         // signalfd(2) for SIGTERM
  };

  Monitor(const ServerConfig& config, const HostKeys& host_keys, ConnectionInfo info, Log log,
          Channels channels);

  // Serves until the connection ends. Doesn't reap children.
  ConnectionEnd run();

  // For tests.
  [[nodiscard]] MonitorState state() const { return state_; }

 private:
  using Clock = std::chrono::steady_clock;
  struct KeyVerdict {
    std::optional<KeyGrant> grant;  // none: not authorised
    std::string refusal;            // why it isn't
    bool not_revoked = false;       // so that others than the host's files may be asked
    std::vector<LogField> details;  // by which line and principal it is
    bool by_instance = false;       // the instance's file, not the host user's
  };
  // A key that has proven something, as the access policy knows it.
  struct ProvenKey {
    std::string fingerprint;              // of the certified key, if it's a certificate
    std::vector<std::string> principals;  // of the certificate; empty for a plain key
  };
  // A method that the client has tried: succeeded with it, if on_proven() is told.
  struct Proof {
    AuthMethod method{};
    std::optional<KeyGrant> grant;  // what it restricts the login to
    std::optional<ProvenKey> key;   // if it was one
    std::vector<LogField> details{};
    bool by_instance = false;  // the instance vouches for its own user: no host user is proven
    // With whose secrets it was compared.
    bool compared_with_host = true;
    bool compared_with_instance = false;
  };

  // monitor.cc: loop and dispatch
  void poll_once();
  void on_timeout();
  void leave_failed_target();
  void serve_sessiond();
  void serve_gateway();
  void end_carrying(const ipc::Packet* last_words);
  void serve_listener();
  void serve_attendant();
  void serve_end_signals();
  void end_after(const Error& error);
  Status dispatch(const ipc::Packet& packet);
  Status handle(ipc::SessionMessage kind, const Bytes& bytes);
  Status handle_after_login(ipc::SessionMessage kind, const Bytes& bytes);
  Status on_crash(const ipc::CrashNotice& notice);
  void end(ConnectionEnd how, const std::string& reason);
  // How a connection ends that hasn't logged in; otherwise: if nothing was tried.
  [[nodiscard]] ConnectionEnd end_of_attempts(ConnectionEnd otherwise) const;
  void move_to(ipc::SessionMessage message, MonitorState next);
  [[nodiscard]] int remaining_ms() const;
  [[nodiscard]] bool gateway_is_opening() const {
    return gateway_ && !plain_ && !console_ && !gateway_carries_;
  }
  [[nodiscard]] bool console_waits() const {
    return console_ && console_->step != ConsoleState::Step::kIdle;
  }
  // The shorter of that limit and what is left of the present deadline.
  [[nodiscard]] int at_most(int limit_ms) const;

  // An error of the attendant is no fault of sessiond's: remembers that for dispatch's caller.
  template <typename T>
  Result<T> from_attendant(Result<T> answer) {
    attendant_failed_ = attendant_failed_ || !answer.ok();
    return answer;
  }

  // monitor_authentication.cc
  Status on_hello(const ipc::HelloRequest& request);
  Status on_sign(const ipc::SignRequest& request);
  Status on_host_key_proof(const ipc::HostKeyProofRequest& request);
  Status on_auth_start(const ipc::AuthStartRequest& request);
  Status on_none(const ipc::NoneAuthRequest& request);
  Status on_unsupported(const ipc::UnsupportedAuthRequest& request);
  [[nodiscard]] bool may_try(AuthMethod method) const;
  // How long a failure by that method, answering `by`, takes at least.
  [[nodiscard]] int failure_floor_ms(ipc::SessionMessage by, std::string_view method);
  // Each answers the request that led to it, of kind `by`, with an AuthReply.
  Status on_proven(ipc::SessionMessage by, const Proof& proof, Clock::time_point started);
  Status fail_attempt(ipc::SessionMessage by, const Proof& proof, const std::string& reason,
                      Clock::time_point started);
  Status refuse(ipc::SessionMessage by, std::string_view method, const std::string& reason,
                Clock::time_point started);
  Status accept(ipc::SessionMessage by, const std::vector<LogField>& fields);
  Result<std::string> why_not_let_in(const Proof& proof);
  // Whether what is guessed of the host user's counts for nothing, and for whose name it is
  // counted.
  [[nodiscard]] bool is_held_back(const std::string& user) const;
  [[nodiscard]] bool host_user_held_back() const;
  [[nodiscard]] std::string guessed_host_user() const;
  void count_guesses(const Proof& proof);
  void wait_for_floor(Clock::time_point started, int floor_ms) const;
  // Whether a host user has proven something, so that the host's rules count.
  [[nodiscard]] bool host_user_counts() const;
  // A listener that has ended need not hear it.
  template <ipc::Message T>
  void tell_listener(const T& message) {
    if (channels_.listener) static_cast<void>(channels_.listener->send(message));
  }
  void tell_phase(Phase phase, Clock::time_point since);
  [[nodiscard]] KeyGrant grant() const { return grant_.value_or(KeyGrant{}); }

  // monitor_source.cc
  Status on_proxy_header(const ipc::ProxyHeaderRequest& request);
  Result<std::string> ask_listener_about(const SourceRequest& source);

  // monitor_pam.cc
  Status on_password(ipc::PasswordAuthRequest request);
  Status on_interactive(const ipc::InteractiveAuthRequest& request);
  Status on_interactive_answers(ipc::InteractiveAnswersRequest request);
  Status start_pam(ipc::SessionMessage by, AuthMethod method, PamStartRequest start);
  Status on_pam_reply(ipc::SessionMessage by, const Proof& proof, const PamReply& reply,
                      Clock::time_point started);
  // A conversation is over as soon as sessiond sends a request that doesn't go on with it.
  Status end_conversation(ipc::SessionMessage by);
  Status abort_conversation();
  [[nodiscard]] std::string why_pam_refused(const PamReply& reply) const;
  BoundedString<limits::kMaxUserMessage> take_text_for_client();

  // monitor_public_key.cc
  Status on_key_query(const ipc::PublicKeyQueryRequest& request);
  Status on_key_verify(const ipc::PublicKeyVerifyRequest& request);
  // offered: what inspect_offered_key() says of the two; an error is looked up all the same, so
  // that it costs the same time.
  Result<KeyVerdict> look_up_key(const std::string& algorithm, const Bytes& blob,
                                 const Result<OfferedKey>& offered);
  Result<KeyVerdict> ask_for_key(const KeysRequest& request);
  [[nodiscard]] bool may_ask_instance_for_key(const KeyVerdict& by_host,
                                              const Result<OfferedKey>& offered) const;
  KeysRequest keys_request(const std::string& algorithm, const Bytes& blob,
                           const Result<OfferedKey>& offered) const;
  // Why the signed request is no proof; empty if it is one.
  Result<std::string> why_not_proven(const ipc::PublicKeyVerifyRequest& request,
                                     const Result<OfferedKey>& offered);

  // monitor_instance.cc
  [[nodiscard]] bool may_ask_instance() const;
  KeyVerdict ask_instance_for_key(const Bytes& key_blob);
  // Why it isn't the instance user's password; empty if it is.
  std::string why_not_instance_password(const Secret& password);
  Status on_instance_password(ipc::SessionMessage by, Proof proof, const Secret& password,
                              const std::string& host_reason, Clock::time_point started);
  [[nodiscard]] BoundedString<limits::kMaxUserName> instance_account() const;
  void start_questions();
  Status begin_questions();
  template <typename Reply, typename Request>
  Result<Reply> ask_gateway(const Request& request);
  void give_questions_up(const Error& error);

  // monitor_plain.cc
  Status on_plain_gateway(ipc::GatewayMessage kind, const ipc::Packet& packet);
  Status on_plain_ready(const ipc::PlainReply& reply);
  Status on_plain_open(ipc::PlainOpenRequest request);
  Status on_plain_status(const ipc::PlainStatusRequest& request);
  Status on_exec_started(const ipc::ExecStartedReply& reply, const std::vector<UniqueFd>& fds);
  Status on_exec_failed(const ipc::ExecFailedReply& reply);
  Status on_exec_ended(const ipc::ExecEndedReply& reply);
  template <typename Request>
  Status send_to_plain_gateway(const Request& request);

  // monitor_console.cc
  [[nodiscard]] bool is_console_login() const;
  Status open_console();
  void begin_explaining();
  Status on_console_open(const ipc::ConsoleOpenRequest& request);
  Status on_console_answer(const ipc::ConsoleAnswerRequest& answer);
  Status on_console_gateway(ipc::GatewayMessage kind, const ipc::Packet& packet);
  Status on_console_failure(const ipc::FailedReply& failed);
  Status on_list(const ipc::ListReply& reply);
  Status on_examined(const ipc::ExamineReply& reply);
  Status ask_for_list();
  Status ask_what_it_is();
  Status explain();
  void on_console_session_closed(std::uint32_t stream);
  void on_console_timeout();
  Status say_to_console(std::string_view text, bool question = false);
  // error: a line for the person, or empty.
  Status end_console(const std::string& error, std::uint32_t exit_status);
  void begin_console_step(ConsoleState::Step step, int limit_ms);
  template <typename Request>
  Status ask_console_gateway(const Request& request, ConsoleState::Step step, int limit_ms);
  [[nodiscard]] std::vector<BoundedString<limits::kMaxLabelName>> label_names() const;

  // monitor_shell.cc
  Result<GuestGrant> shell_grant() const;
  Status open_incus_shell();

  // monitor_sessions.cc
  [[nodiscard]] std::vector<ConnectionFacts> visible_connections() const;
  Status on_sessions_command(const std::string& text);
  Status end_connection(const std::string& id);
  void tell_table();
  void on_end_wanted();

  // monitor_access.cc
  [[nodiscard]] AccessFacts access_facts() const;
  // Whether nothing more must be proven, by the chains and by the access rule that decides.
  bool all_proven();
  [[nodiscard]] std::string next_methods() const;
  [[nodiscard]] std::string why_account_refused() const;
  [[nodiscard]] ipc::SessionPermissions permissions() const;
  [[nodiscard]] std::chrono::seconds idle_limit() const;  // 0: none
  void begin_session_limit();
  void on_session_limit();
  Status refuse_access();
  Status ask_for_labels();
  Status on_labels(const ipc::ResolveReply& reply);

  // monitor_create.cc
  // What may be created; nothing if the login wants nothing created. An error: why not.
  [[nodiscard]] Result<std::optional<CreateGrant>> creation() const;
  Status on_creation(const ipc::CreationNotice& notice);
  [[nodiscard]] Labels labels_of_creation() const;

  // monitor_target.cc
  Status on_session_opened(const ipc::SessionOpenedNotice& notice);
  Status on_session_closed(const ipc::SessionClosedNotice& notice);
  Status on_forward_opened(const ipc::ForwardOpenedNotice& notice);
  Status on_forward_closed(const ipc::ForwardClosedNotice& notice);
  Status open_target();
  Status take_gateway(const std::string& remote);
  void end_attendant();
  Status send_grant();
  // Tells sessiond and the log that there will be no guest.
  Status fail_target(const std::string& text, const std::string& log_reason);
  // An error: it does not fit.
  Result<GuestGrant> guest_grant() const;
  std::string target_text() const;
  // Of an instance: which incusd has it.
  [[nodiscard]] std::string remote_name() const;
  [[nodiscard]] std::string welcome() const;
  Status on_gateway(const ipc::Packet& packet);
  Status on_ready(const ipc::Packet& packet);

  const ServerConfig& config_;
  const Remotes remotes_;
  const HostKeys& host_keys_;
  const std::shared_ptr<const AccessPolicy> policy_;
  ConnectionInfo info_;
  Log log_;
  Channels channels_;
  std::optional<ipc::IpcChannel> gateway_;
  bool gateway_carries_ = false;  // a remote's streams: the target is open, and the gateway stays
  std::optional<ipc::IpcChannel> questions_;  // a gateway before the login (--inauth)
  bool questions_over_ = false;               // it has failed: there is no second one
  bool asked_instance_ = false;               // in this attempt
  std::size_t proofs_by_instance_ = 0;        // among done_methods_

  MonitorState state_ = MonitorState::kStarting;
  RuleBook rules_;
  std::optional<ConnectionEnd> end_;
  bool logged_in_ = false;
  bool attendant_failed_ = false;
  bool attendant_open_ = true;
  bool refused_source_ = false;
  const Clock::time_point started_ = Clock::now();
  Clock::time_point login_deadline_;
  Clock::time_point login_time_;
  Clock::time_point deadline_;  // of the PROXY header, the login, later of the gateway

  Bytes session_id_;
  ipc::SignatureAlgorithm exchange_algorithm_{};  // of the last key exchange
  std::string login_;
  std::optional<LoginTarget> target_;
  std::optional<HostAccount> account_;  // none: no such user
  std::string account_refusal_;         // why this user may not log in; empty: may
  std::optional<AccountReply> account_check_;
  std::map<Bytes, KeyVerdict> keys_;  // looked up so far
  std::set<Bytes> used_keys_;  // that have proven something: a second one, or certificate, counts
                               // if it is another key's
  std::vector<ProvenKey> proven_keys_;    // the same, in order, of methods that succeeded
  std::vector<AuthMethod> done_methods_;  // in the order in which they succeeded
  std::optional<KeyGrant> grant_;         // of all that was proven so far; none: nothing restricts
  AccessFacts facts_;                     // that access_ was decided on
  AccessVerdict access_;                  // once the chains are complete
  bool proven_enough_ = false;            // by the method that was judged last
  bool labels_asked_ = false;             // and not answered
  bool decided_on_missing_ = false;       // the labels were those of an instance that isn't there
  bool creating_ = false;                 // Incus is at work
  std::optional<Clock::time_point> session_end_;
  bool told_to_end_ = false;
  std::optional<PlainSessions> plain_;   // no guest: the gateway stays
  std::optional<ConsoleState> console_;  // no instance
  AccessFacts explained_;                // of %explain: the facts of the other login
  AccessVerdict access_of_explained_;
  std::int64_t logged_in_unix_ = 0;
  bool target_failed_ = false;  // deadline_ is when a client that stays is told to leave
  AuthAttempts attempts_;
  std::optional<std::size_t> open_prompts_;  // of a conversation that waits for answers
  std::string text_for_client_;              // goes with the next AuthReply
  std::string disconnect_reason_;

  struct OpenSession {
    Clock::time_point opened;
    std::string kind;
  };
  std::map<std::uint32_t, OpenSession> sessions_;
  std::map<std::uint32_t, OpenSession> forwards_;
};

}  // namespace ssh2incus
