// Requests to incusd over its socket, or to an https remote, by libcurl; and connections for what
// libcurl doesn't do. The answers are capped here and interpreted in gateway/incus_answer.h.
#pragma once

#include <curl/curl.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/ipc_endpoint.h"
#include "gateway/exec_socket.h"
#include "gateway/network_address.h"
#include "gateway/outcome.h"
#include "gateway/patience.h"
#include "gateway/tls_settings.h"

namespace ssh2incus {

struct HttpReply {
  long status = 0;
  std::string head;  // header lines, each with its end of line
  std::string body;
  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
};

// A request target, built from pieces that are escaped one by one.
class ApiPath {
 public:
  // Starts with "/1.0".
  ApiPath();
  // Appends "/segment".
  ApiPath& part(std::string_view segment);
  ApiPath& query(const char* name, std::string_view value);
  [[nodiscard]] const std::string& str() const { return text_; }

 private:
  std::string text_;
  bool has_query_ = false;
};

inline constexpr std::size_t kMaxAnswer = 1024UL * 1024;

struct HttpRequest {
  const char* method = "GET";  // HEAD: an answer without a body
  ApiPath path{};
  const char* content_type = "application/json";
  std::string_view body{};             // must outlive the request
  std::vector<std::string> headers{};  // "Name: value"
  std::size_t max_answer = kMaxAnswer;
};

class IncusClient {
 public:
  // Once per process, before the system call filter: libraries open files and sockets in it.
  // server: the https remote that the gateway was started for; none: local sockets only.
  static Result<IncusClient> create(std::optional<NetworkServer> server = {});

  // What requests and connections go to from now on: a socket, or the server that create() got.
  Outcome<Done> use(const ipc::IncusEndpoint& endpoint);
  void use_socket(const std::string& path);
  [[nodiscard]] bool is_remote() const { return server_.has_value(); }
  // For messages: the socket's path or the server's URL.
  [[nodiscard]] std::string place() const;

  // A connection of our own.
  Outcome<ByteStream> connect(const Patience& patience) const;
  // What carries those that were given away.
  [[nodiscard]] TlsPump& pump() { return *pump_; }

  // An answer of any status; failures are those of the transport.
  Outcome<HttpReply> request(const HttpRequest& request, const Patience& patience);

 private:
  struct ReleaseEasy {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct ReleaseMulti {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
  };
  struct Transfer;

  IncusClient() = default;
  void prepare(const HttpRequest& request, Transfer& transfer);
  void prepare_place(Transfer& transfer);
  Outcome<Done> perform(const Patience& patience);
  [[nodiscard]] Failure transport_failure(CURLcode code) const;
  [[nodiscard]] Failure remote_failure(CURLcode code) const;

  // The multi handle is cleaned up last: it owns the connection.
  std::unique_ptr<CURLM, ReleaseMulti> multi_;
  std::unique_ptr<CURL, ReleaseEasy> easy_;
  std::string socket_path_;
  std::optional<NetworkServer> server_;
  std::unique_ptr<TlsSettings> tls_;
  // libcurl's words about what went wrong with the server.
  std::unique_ptr<std::array<char, CURL_ERROR_SIZE>> error_text_;
  std::unique_ptr<TlsPump> pump_ = std::make_unique<TlsPump>();
};

}  // namespace ssh2incus
