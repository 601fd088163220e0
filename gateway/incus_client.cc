// libcurl's multi interface with one transfer at a time, because that is how the monitor's end can
// be watched meanwhile. No resolver, no proxies, no redirects, no signals, no threads.
#include "gateway/incus_client.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "common/check.h"
#include "gateway/text.h"

namespace ssh2incus {
namespace {

constexpr std::size_t kMaxHead = 16UL * 1024;
constexpr const char* kOrigin = "http://incus";

struct FreeList {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::string url_escaped(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  CHECK(text.size() <= 4096);
  if (text.find_first_not_of(kPlain) == std::string_view::npos) return std::string(text);
  char* escaped_text = curl_easy_escape(nullptr, text.data(), static_cast<int>(text.size()));
  CHECK(escaped_text != nullptr);
  std::string result = escaped_text;
  curl_free(escaped_text);
  return result;
}

struct BoundedText {
  std::string text;
  std::size_t limit = 0;
};

std::size_t collect(char* data, std::size_t, std::size_t size, void* target) {
  auto& bounded = *static_cast<BoundedText*>(target);
  if (size > bounded.limit - bounded.text.size()) return CURL_WRITEFUNC_ERROR;
  bounded.text.append(data, size);
  return size;
}

}  // namespace

struct IncusClient::Transfer {
  std::string url;
  BoundedText head{{}, kMaxHead};
  BoundedText body{};
  std::unique_ptr<curl_slist, FreeList> headers;

  void add_header(const std::string& line) {
    curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
    CHECK(longer != nullptr);
    [[maybe_unused]] const auto* same = headers.release();
    headers.reset(longer);
  }
};

ApiPath::ApiPath() : text_("/1.0") {}

ApiPath& ApiPath::part(std::string_view segment) {
  CHECK(!has_query_);
  text_.append("/").append(url_escaped(segment));
  return *this;
}

ApiPath& ApiPath::query(const char* name, std::string_view value) {
  text_.append(has_query_ ? "&" : "?").append(name).append("=").append(url_escaped(value));
  has_query_ = true;
  return *this;
}

Result<IncusClient> IncusClient::create() {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail("libcurl can't start");
  IncusClient client;
  client.multi_.reset(curl_multi_init());
  client.easy_.reset(curl_easy_init());
  if (!client.multi_ || !client.easy_) return fail("libcurl can't start");
  return client;
}

void IncusClient::use_socket(const std::string& path) { socket_path_ = path; }

void IncusClient::prepare(const HttpRequest& request, Transfer& transfer) {
  CURL* easy = easy_.get();
  curl_easy_reset(easy);
  const auto set = [easy](CURLoption option, auto value) {
    CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
  };
  transfer.url = kOrigin + request.path.str();
  transfer.body.limit = request.max_answer;
  transfer.add_header("Expect:");
  for (const std::string& line : request.headers) transfer.add_header(line);
  set(CURLOPT_URL, transfer.url.c_str());
  set(CURLOPT_UNIX_SOCKET_PATH, socket_path_.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_CUSTOMREQUEST, request.method);
  set(CURLOPT_WRITEFUNCTION, collect);
  set(CURLOPT_WRITEDATA, &transfer.body);
  set(CURLOPT_HEADERFUNCTION, collect);
  set(CURLOPT_HEADERDATA, &transfer.head);
  if (std::strcmp(request.method, "HEAD") == 0) {
    set(CURLOPT_NOBODY, 1L);
  } else if (std::strcmp(request.method, "GET") != 0) {
    transfer.add_header(std::string("Content-Type: ") + request.content_type);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.empty() ? "" : request.body.data());
  }
  set(CURLOPT_HTTPHEADER, transfer.headers.get());
}

Outcome<Done> IncusClient::perform(const Patience& patience) {
  for (;;) {
    int running = 0;
    if (curl_multi_perform(multi_.get(), &running) != CURLM_OK) {
      return transport_failure(CURLE_FAILED_INIT);
    }
    int queued = 0;
    if (const CURLMsg* message = curl_multi_info_read(multi_.get(), &queued)) {
      if (message->data.result != CURLE_OK) return transport_failure(message->data.result);
      return Done{};
    }
    if (patience.left_ms() == 0) return Patience::timed_out("Incus");
    curl_waitfd monitor{patience.monitor_fd(), CURL_WAIT_POLLIN, 0};
    const unsigned extra = monitor.fd >= 0 ? 1 : 0;
    if (curl_multi_poll(multi_.get(), &monitor, extra, patience.slice_ms(), nullptr) != CURLM_OK) {
      return transport_failure(CURLE_FAILED_INIT);
    }
    if (extra == 1 ? monitor.revents != 0 : patience.monitor_has_ended()) {
      return Patience::monitor_gone();
    }
  }
}

Failure IncusClient::transport_failure(CURLcode code) const {
  const std::string where = "Incus at " + cut_text(socket_path_);
  if (code == CURLE_COULDNT_CONNECT) {
    long reason = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &reason);
    return {TargetFailure::kIncusUnreachable,
            "can't reach " + where + ": " + std::strerror(static_cast<int>(reason))};
  }
  if (code == CURLE_WRITE_ERROR) {
    return {TargetFailure::kIncusError, where + " sent an endless answer"};
  }
  return {TargetFailure::kIncusError,
          where + " gave no proper answer: " + curl_easy_strerror(code)};
}

Outcome<HttpReply> IncusClient::request(const HttpRequest& request, const Patience& patience) {
  Transfer transfer;
  prepare(request, transfer);
  if (curl_multi_add_handle(multi_.get(), easy_.get()) != CURLM_OK) {
    return transport_failure(CURLE_FAILED_INIT);
  }
  auto performed = perform(patience.at_most(limits::kIncusRequestMs));
  HttpReply reply;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &reply.status);
  curl_multi_remove_handle(multi_.get(), easy_.get());
  if (!performed.ok()) return performed.failure();
  reply.head = std::move(transfer.head.text);
  reply.body = std::move(transfer.body.text);
  return reply;
}

}  // namespace ssh2incus
