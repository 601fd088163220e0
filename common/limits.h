// Every bound in one place: what a peer may send, how long anything may take, how many of it there
// may be. Sizes are bytes, times are milliseconds unless the name says otherwise.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ssh2incus::limits {

// IPC between our own processes.
inline constexpr std::size_t kMaxIpcMessage = 128UL * 1024;
inline constexpr std::size_t kMaxIpcFds = 4;

// Login names and what they are made of.
inline constexpr std::size_t kMaxLoginName = 1024;   // as sent by the client
inline constexpr std::size_t kMaxInstanceName = 63;  // Incus: a DNS label
inline constexpr std::size_t kMaxProjectName = 64;
inline constexpr std::size_t kMaxRemoteName = 64;
inline constexpr std::size_t kMaxRemoteHost = 253;  // a DNS name
inline constexpr std::size_t kMaxPem = 8UL * 1024;  // a remote's certificate, chain or key
inline constexpr std::size_t kMaxUserName = 64;
inline constexpr std::size_t kMaxImageName = 256;
inline constexpr std::size_t kMaxPath = 4096;
inline constexpr std::size_t kMaxProfileName = 64;     // of create-config.yaml
inline constexpr std::size_t kMaxCreateProfiles = 16;  // of one login
inline constexpr std::size_t kMaxLabels = 32;          // user.* keys that access rules may ask for
inline constexpr std::size_t kMaxLabelName = 128;
inline constexpr std::size_t kMaxLabelValue = 1024;

// Instances that a login creates. The whole grant fits into a message beside the guest's.
inline constexpr std::size_t kMaxCreateGrant = 40UL * 1024;  // encoded
inline constexpr std::size_t kMaxConfigKey = 255;
inline constexpr std::size_t kMaxConfigValue = 32UL * 1024;  // cloud-init's data
inline constexpr std::size_t kMaxCreateConfig = 128;         // keys
inline constexpr std::size_t kMaxCreateDevices = 64;
inline constexpr std::size_t kMaxDeviceName = 64;
inline constexpr std::size_t kMaxDeviceKeys = 64;
inline constexpr std::size_t kMaxUrl = 1024;
inline constexpr std::size_t kMaxImageCertificate = 16UL * 1024;

// Authentication.
inline constexpr std::size_t kMaxPublicKeyBlob =
    8UL * 1024;  // RSA 16384 with room for certificates
inline constexpr std::size_t kMaxSignatureBlob = 4UL * 1024;
inline constexpr std::size_t kMaxExchangeHash = 64;
inline constexpr std::size_t kMaxAlgorithmName = 64;
inline constexpr std::size_t kMaxAlgorithmList = 2048;
inline constexpr std::size_t kMaxAuthorizedKeysFile = 1024UL * 1024;
inline constexpr std::size_t kMaxAuthorizedKeysLine = 16UL * 1024;
inline constexpr std::size_t kMaxPrincipals = 256;  // of a certificate, as with OpenSSH
inline constexpr std::size_t kMaxTrustedKeysFile = 1024UL * 1024;
inline constexpr std::size_t kMaxRevokedKeysFile = 16UL * 1024 * 1024;
inline constexpr std::size_t kMaxGroups = 1024;
inline constexpr std::size_t kMaxKeyGrant = 64UL * 1024;        // encoded
inline constexpr std::size_t kMaxInstancePassword = 511;        // libxcrypt's longest
inline constexpr std::size_t kMaxInstanceFile = 1024UL * 1024;  // passwd, shadow
inline constexpr std::uint32_t kMaxSignaturesPerConnection =
    100'000;  // rekeying every GiB for 100 TiB
inline constexpr std::size_t kMaxHostKeys = 8;
inline constexpr std::uint32_t kMaxHostKeyProofs = 64;  // hostkeys-prove-00, per connection
inline constexpr std::uint32_t kMaxKeyQueries = 64;     // of distinct keys, per connection

// Passwords and conversations (PAM).
inline constexpr std::size_t kMaxAnswer = 1024;         // a password, or what answers a prompt
inline constexpr std::size_t kMaxPrompt = 512;          // one question
inline constexpr std::size_t kMaxPromptsPerRound = 32;  // PAM_MAX_NUM_MSG
inline constexpr std::uint32_t kMaxRounds = 32;         // of one conversation
inline constexpr std::uint32_t kMaxConversations = 64;  // per connection

// Sessions.
inline constexpr std::size_t kMaxCommand = 96UL * 1024;
inline constexpr std::size_t kMaxEnvironmentName = 128;
inline constexpr std::size_t kMaxEnvironmentValue = 4096;
inline constexpr std::size_t kMaxEnvironmentEntries = 128;
inline constexpr std::size_t kMaxTerminalModes = 1024;
inline constexpr std::size_t kMaxTerminalName = 128;
inline constexpr std::size_t kMaxLogText = 1024;
inline constexpr std::size_t kMaxUserMessage = 1024;
inline constexpr std::size_t kMaxBanner = 8UL * 1024;           // banner and welcome, filled in
inline constexpr std::uint32_t kMaxSessionsPerConnection = 10;  // OpenSSH's MaxSessions

// Consoles: commands of ours instead of an instance.
inline constexpr std::size_t kMaxConsoleLine = 256;            // of what the person types
inline constexpr std::size_t kMaxConsoleOutput = 32UL * 1024;  // of one message
inline constexpr std::uint32_t kMaxConsoleSessions = 1000;     // and answers, per connection
inline constexpr std::size_t kMaxListedInstances = 20'000;
inline constexpr std::size_t kMaxListedAddresses = 8;  // of one instance

inline constexpr std::uint32_t kMaxPlainSessions = 100;  // at once, where no guest runs

// Forwarding.
inline constexpr std::size_t kMaxForwardHost = 255;              // a DNS name
inline constexpr std::size_t kMaxSocketPath = 107;               // sun_path without its NUL
inline constexpr std::uint32_t kMaxForwardedConnections = 1000;  // at once, per connection
inline constexpr std::uint32_t kMaxListeners = 64;               // the same

// The stream between sessiond and the guest.
inline constexpr std::size_t kMaxGuestFrame = 256UL * 1024;  // payload of one frame
inline constexpr std::uint32_t kGuestWindow =
    1024U * 1024;  // initial credit per stream and direction
inline constexpr std::uint32_t kMaxGuestWindow = 8U * 1024 * 1024;  // of the guest's bulk data
inline constexpr std::size_t kMaxGuestGrant = 64UL * 1024;
inline constexpr std::size_t kMaxWebsocketFrame = 1024UL * 1024;

// Times.
inline constexpr int kLoginGraceSeconds = 120;   // OpenSSH's LoginGraceTime
inline constexpr int kProxyHeaderMs = 5'000;     // from the connection on
inline constexpr int kListenerAnswerMs = 5'000;  // to a monitor
inline constexpr int kAccountCheckMs = 30'000;
inline constexpr int kKeyLookupMs = 10'000;
inline constexpr int kKeyCommandMs = 10'000;
inline constexpr int kGatewayOpenMs = 60'000;    // resolve, start, push, hello
inline constexpr int kCreateMs = 900'000;        // the same where an image is downloaded first
inline constexpr int kUserWaitMs = 300'000;      // for cloud-init to make a user
inline constexpr int kUndoCreationMs = 300'000;  // after the monitor has gone, too
inline constexpr int kIncusRequestMs = 30'000;
inline constexpr int kRemoteConnectMs = 5'000;  // an https remote: connection and handshake
inline constexpr int kEndpointCheckMs = 8'000;  // whether an incusd answers at all
inline constexpr int kInstanceStartMs = 45'000;
inline constexpr int kSendToSessiondMs = 5'000;
inline constexpr int kAfterRefusedTargetMs =
    30'000;  // for a client that stays although nothing is to be had
inline constexpr int kConsoleAnswerMs = 120'000;  // a person reads and decides
inline constexpr int kListMs = 60'000;
inline constexpr int kRemoveMs = 90'000;
inline constexpr int kGuestHelloMs = 10'000;
inline constexpr int kPlainExecMs = 15'000;      // one exec, up to its streams
inline constexpr int kMinimumFailureMs = 8;      // floor for a refused attempt
inline constexpr int kSignatureFailureMs = 50;   // the same where the account was asked about, too
inline constexpr int kMaximumFailureMs = 5000;   // that took longer by itself is not drawn out
inline constexpr int kPamRoundMs = 90'000;       // a module waits for somebody's telephone
inline constexpr int kPasswordFailureMs = 2000;  // the same where PAM was asked
inline constexpr int kNextQuestionMs = 250;      // floor between an answer and the next question
inline constexpr int kInstanceAuthMs = 15'000;   // account and key files, one hash
inline constexpr int kInstanceFailureMs = 300;   // floor where an instance was asked

}  // namespace ssh2incus::limits
