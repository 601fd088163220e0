// libcurl's multi interface with one transfer at a time, because that is how the monitor's end can
// be watched meanwhile. No resolver, no proxies, no redirects, no signals, no threads. Of TLS,
// libcurl gets what gateway/tls_settings.h says.
#include "gateway/incus_client.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

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

bool has_event(int fd) {
  pollfd entry{fd, POLLIN, 0};
  return poll(&entry, 1, 0) > 0;
}

CURLcode set_up_tls(CURL*, void* context, void* settings) {
  const auto applied =
      static_cast<const TlsSettings*>(settings)->apply(static_cast<SSL_CTX*>(context));
  return applied.ok() ? CURLE_OK : CURLE_SSL_CERTPROBLEM;
}

// "HOST:PORT:ADDRESS,ADDRESS", so that nothing is looked up.
std::string known_addresses(const NetworkServer& server) {
  std::string line = server.host + ":" + std::to_string(server.port) + ":";
  for (const NetworkAddress& address : server.addresses) {
    if (&address != &server.addresses.front()) line += ',';
    const bool is_ipv6 = address.text.find(':') != std::string::npos;
    line += is_ipv6 ? "[" + address.text + "]" : address.text;
  }
  return line;
}

}  // namespace

struct IncusClient::Transfer {
  std::string url;
  BoundedText head{{}, kMaxHead};
  BoundedText body{};
  std::unique_ptr<curl_slist, FreeList> headers;
  std::unique_ptr<curl_slist, FreeList> addresses;

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

Result<IncusClient> IncusClient::create(std::optional<NetworkServer> server) {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return fail("libcurl can't start");
  IncusClient client;
  client.multi_.reset(curl_multi_init());
  client.easy_.reset(curl_easy_init());
  if (!client.multi_ || !client.easy_) return fail("libcurl can't start");
  if (server) {
    // What loads configuration and providers must do it now.
    if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, nullptr) != 1)
      return fail("OpenSSL can't start");
    TRY(TlsSettings::create({}));
    if (curl_easy_setopt(client.easy_.get(), CURLOPT_SSL_CTX_FUNCTION, set_up_tls) != CURLE_OK)
      return fail("libcurl isn't built with OpenSSL");
  }
  client.server_ = std::move(server);
  return client;
}

void IncusClient::use_socket(const std::string& path) { socket_path_ = path; }

Outcome<Done> IncusClient::use(const ipc::IncusEndpoint& endpoint) {
  const Failure other{TargetFailure::kIncusError, "the gateway was started for another remote"};
  if (!endpoint.socket_path.empty()) {
    if (server_) return other;
    use_socket(*endpoint.socket_path);
    return Done{};
  }
  if (!server_ || server_->host != *endpoint.host || server_->port != endpoint.port) return other;
  if (!server_->failure.empty()) {
    return Failure{TargetFailure::kIncusUnreachable,
                   "can't find the address of " + place() + ": " + server_->failure};
  }
  if (tls_) return Done{};
  auto settings = TlsSettings::create(endpoint);
  if (!settings.ok()) {
    return Failure{TargetFailure::kIncusError,
                   "a certificate for " + place() + " can't be used: " + settings.error().message};
  }
  tls_ = std::make_unique<TlsSettings>(std::move(*settings));
  return Done{};
}

std::string IncusClient::place() const {
  return server_ ? url_of(*server_) : cut_text(socket_path_);
}

Outcome<ByteStream> IncusClient::connect(const Patience& patience) const {
  if (!server_) return ByteStream(TRY_OUTCOME(LocalStream::connect(socket_path_, patience)));
  return ByteStream(TRY_OUTCOME(TlsStream::connect(*server_, *tls_, patience)));
}

void IncusClient::prepare_place(Transfer& transfer) {
  CURL* easy = easy_.get();
  const auto set = [easy](CURLoption option, auto value) {
    CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
  };
  if (!server_) {
    set(CURLOPT_UNIX_SOCKET_PATH, socket_path_.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http");
    return;
  }
  set(CURLOPT_PROTOCOLS_STR, "https");
  transfer.addresses.reset(curl_slist_append(nullptr, known_addresses(*server_).c_str()));
  set(CURLOPT_RESOLVE, transfer.addresses.get());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits::kRemoteConnectMs));
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  // Who vouches for the server is said by the settings alone.
  set(CURLOPT_CAINFO, static_cast<const char*>(nullptr));
  set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, tls_->is_pinned() ? 0L : 2L);
  set(CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
  set(CURLOPT_SSL_CTX_DATA, tls_.get());
  error_text_ = std::make_unique<std::array<char, CURL_ERROR_SIZE>>();
  set(CURLOPT_ERRORBUFFER, error_text_->data());
}

void IncusClient::prepare(const HttpRequest& request, Transfer& transfer) {
  CURL* easy = easy_.get();
  curl_easy_reset(easy);
  const auto set = [easy](CURLoption option, auto value) {
    CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
  };
  transfer.url = (server_ ? url_of(*server_) : kOrigin) + request.path.str();
  transfer.body.limit = request.max_answer;
  transfer.add_header("Expect:");
  for (const std::string& line : request.headers) transfer.add_header(line);
  set(CURLOPT_URL, transfer.url.c_str());
  prepare_place(transfer);
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
    std::vector<pollfd> beside = {{patience.monitor_fd(), POLLIN, 0}};
    if (patience.meanwhile() != nullptr) patience.meanwhile()->watch(beside);
    std::vector<curl_waitfd> waited;
    for (const pollfd& entry : beside) {
      if (entry.fd >= 0) waited.push_back({entry.fd, entry.events, 0});
    }
    if (curl_multi_poll(multi_.get(), waited.data(), static_cast<unsigned>(waited.size()),
                        patience.slice_ms(), nullptr) != CURLM_OK) {
      return transport_failure(CURLE_FAILED_INIT);
    }
    if (patience.meanwhile() != nullptr) {
      // What has happened is asked again: libcurl tells less than poll() does.
      poll(beside.data(), beside.size(), 0);
      patience.meanwhile()->serve(std::span(beside).subspan(1));
    }
    if (patience.monitor_fd() >= 0 ? has_event(patience.monitor_fd())
                                   : patience.monitor_has_ended()) {
      return Patience::monitor_gone();
    }
  }
}

Failure IncusClient::transport_failure(CURLcode code) const {
  if (server_) return remote_failure(code);
  const std::string where = "Incus at " + place();
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

Failure IncusClient::remote_failure(CURLcode code) const {
  const std::string where = "Incus at " + place();
  const auto unreachable = [&](const std::string& why) {
    return Failure{TargetFailure::kIncusUnreachable, "can't reach " + where + ": " + why};
  };
  long reason = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &reason);
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      if (reason == 0) return unreachable("it doesn't answer");
      return unreachable(std::strerror(static_cast<int>(reason)));
    case CURLE_OPERATION_TIMEDOUT: return unreachable("it doesn't answer");
    case CURLE_PEER_FAILED_VERIFICATION:
      if (tls_ && tls_->is_pinned())
        return unreachable("its certificate isn't the one that this remote is known by");
      return unreachable("its certificate isn't trusted: " + cut_text(error_text_->data()));
    case CURLE_SSL_CONNECT_ERROR: return unreachable("no TLS: " + cut_text(error_text_->data()));
    case CURLE_WRITE_ERROR: return {TargetFailure::kIncusError, where + " sent an endless answer"};
    default: break;
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
