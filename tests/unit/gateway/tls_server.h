// An https server on loopback, with a certificate of its own, that does with each connection what a
// test tells it to; and certificates for both sides.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <csignal>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <thread>

#include "common/ipc_endpoint.h"
#include "common/unique_fd.h"
#include "gateway/network_address.h"

namespace ssh2incus::test {

// Self-signed, for 127.0.0.1.
class TestCertificate {
 public:
  TestCertificate()
      : key_(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), EVP_PKEY_free),
        certificate_(X509_new(), X509_free) {
    X509* x509 = certificate_.get();
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
    X509_gmtime_adj(X509_getm_notBefore(x509), -60);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_set_pubkey(x509, key_.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_EXTENSION* names =
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
    X509_add_ext(x509, names, -1);
    X509_EXTENSION_free(names);
    X509_sign(x509, key_.get(), EVP_sha256());
  }
  [[nodiscard]] X509* x509() const { return certificate_.get(); }
  [[nodiscard]] EVP_PKEY* key() const { return key_.get(); }
  [[nodiscard]] std::string pem() const {
    return written([this](BIO* bio) { PEM_write_bio_X509(bio, certificate_.get()); });
  }
  [[nodiscard]] BoundedSecret<limits::kMaxPem> key_pem() const {
    const std::string text = written([this](BIO* bio) {
      PEM_write_bio_PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
    return BoundedSecret<limits::kMaxPem>(Secret::copy_of(Bytes(text.begin(), text.end())));
  }

 private:
  static std::string written(const std::function<void(BIO*)>& write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    write(bio.get());
    char* data = nullptr;
    const long size = BIO_ctrl(bio.get(), BIO_CTRL_INFO, 0, &data);
    return {data, static_cast<std::size_t>(size)};
  }
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_;
};

// The raw TCP side: for servers that speak no TLS at all.
class TcpServer {
 public:
  using Handler = std::function<void(int fd)>;
  explicit TcpServer(Handler handler)
      : handler_(std::move(handler)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    std::signal(SIGPIPE, SIG_IGN);
    sockaddr_in address{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(listen(listener_.get(), 16), 0);
    getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] {
      for (;;) {
        UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!fd.valid()) return;
        threads_.emplace_back([this, fd = std::move(fd)] { handler_(fd.get()); });
      }
    });
  }
  ~TcpServer() {
    shutdown(listener_.get(), SHUT_RDWR);
    acceptor_.join();
    for (std::thread& thread : threads_) thread.join();
  }
  [[nodiscard]] NetworkServer server() const { return look_up_server("127.0.0.1", port_); }

 private:
  Handler handler_;
  UniqueFd listener_;
  std::uint16_t port_ = 0;
  std::list<std::thread> threads_;
  std::thread acceptor_;
};

class TlsServer {
 public:
  using Handler = std::function<void(SSL* connection)>;
  explicit TlsServer(Handler handler)
      : context_(SSL_CTX_new(TLS_server_method()), SSL_CTX_free),
        tcp_([this, handler = std::move(handler)](int fd) {
          const std::unique_ptr<SSL, decltype(&SSL_free)> connection(SSL_new(context_.get()),
                                                                     SSL_free);
          SSL_set_fd(connection.get(), fd);
          if (SSL_accept(connection.get()) == 1) handler(connection.get());
        }) {
    SSL_CTX_use_certificate(context_.get(), certificate_.x509());
    SSL_CTX_use_PrivateKey(context_.get(), certificate_.key());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, [](int, X509_STORE_CTX*) { return 1; });
  }
  [[nodiscard]] NetworkServer server() const { return tcp_.server(); }
  [[nodiscard]] const TestCertificate& certificate() const { return certificate_; }
  // Of a client that knows this server and has a certificate itself.
  [[nodiscard]] ipc::IncusEndpoint endpoint() const {
    ipc::IncusEndpoint endpoint;
    endpoint.host = std::string("127.0.0.1");
    endpoint.port = server().port;
    endpoint.server_certificate = certificate_.pem();
    endpoint.client_certificate = client_.pem();
    endpoint.client_key = client_.key_pem();
    return endpoint;
  }
  [[nodiscard]] const TestCertificate& client() const { return client_; }

 private:
  TestCertificate certificate_;
  TestCertificate client_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  TcpServer tcp_;
};

}  // namespace ssh2incus::test
