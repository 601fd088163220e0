// Requests to incusd over its socket, by libcurl. The answers are capped here and interpreted in
// gateway/incus_answer.h.
#pragma once

#include <curl/curl.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway/outcome.h"
#include "gateway/patience.h"

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
  static Result<IncusClient> create();

  void use_socket(const std::string& path);
  [[nodiscard]] const std::string& socket_path() const { return socket_path_; }

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
  Outcome<Done> perform(const Patience& patience);
  [[nodiscard]] Failure transport_failure(CURLcode code) const;

  // The multi handle is cleaned up last: it owns the connection.
  std::unique_ptr<CURLM, ReleaseMulti> multi_;
  std::unique_ptr<CURL, ReleaseEasy> easy_;
  std::string socket_path_;
};

}  // namespace ssh2incus
