// How TLS to one https remote is spoken, the same for libcurl's connections and our own: TLS 1.2 or
// later, our client certificate, and the server's certificate either exactly the pinned one, or
// valid by the authorities and for the host. Made from what the monitor has sent.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>
#include <vector>

#include "common/ipc_endpoint.h"
#include "common/result.h"

namespace ssh2incus {

class TlsSettings {
 public:
  static Result<TlsSettings> create(const ipc::IncusEndpoint& endpoint);

  // Puts the settings into a fresh context. They must outlive it.
  Status apply(SSL_CTX* context) const;
  // Of our own connections.
  [[nodiscard]] SSL_CTX* context() const { return context_.get(); }
  // Of one of them, before its handshake: the name that is asked for and that a certificate which
  // isn't pinned must be valid for.
  [[nodiscard]] Status name_server(SSL* connection) const;
  [[nodiscard]] bool is_pinned() const { return pinned_->certificate != nullptr; }
  // Whether the last certificate wasn't the pinned one.
  [[nodiscard]] bool was_another() const { return pinned_->was_another; }

 private:
  struct FreeCertificate {
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  struct FreeKey {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  };
  struct FreeContext {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  using Certificate = std::unique_ptr<X509, FreeCertificate>;
  struct Pinned {
    Certificate certificate;
    bool was_another = false;
  };

  TlsSettings() = default;
  static Result<std::vector<Certificate>> read_certificates(const std::string& pem,
                                                            const char* what);
  static int verify_pinned(X509_STORE_CTX* store, void* pinned);
  Status use_client_certificate(SSL_CTX* context) const;
  Status use_authorities(SSL_CTX* context) const;

  std::string host_;
  std::unique_ptr<Pinned> pinned_ = std::make_unique<Pinned>();
  std::vector<Certificate> authorities_;
  std::vector<Certificate> client_chain_;
  std::unique_ptr<EVP_PKEY, FreeKey> client_key_;
  std::unique_ptr<SSL_CTX, FreeContext> context_;
};

}  // namespace ssh2incus
