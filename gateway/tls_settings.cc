// PEM is the administrator's; the server's certificate is whoever's that answers there.
#include "gateway/tls_settings.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <array>
#include <utility>

namespace ssh2incus {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

std::unique_ptr<BIO, FreeBio> reading(std::string_view text) {
  return std::unique_ptr<BIO, FreeBio>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

int refuse_passphrase(char* /*buffer*/, int /*size*/, int /*rwflag*/, void* /*data*/) { return -1; }

bool is_address(const std::string& host) {
  std::array<unsigned char, 16> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

}  // namespace

Result<std::vector<TlsSettings::Certificate>> TlsSettings::read_certificates(const std::string& pem,
                                                                             const char* what) {
  std::vector<Certificate> certificates;
  if (pem.empty()) return certificates;
  const auto text = reading(pem);
  for (;;) {
    Certificate next(PEM_read_bio_X509(text.get(), nullptr, refuse_passphrase, nullptr));
    if (!next) break;
    certificates.push_back(std::move(next));
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (certificates.empty() || !at_end) return fail(std::string(what) + " is no certificate in PEM");
  return certificates;
}

Result<TlsSettings> TlsSettings::create(const ipc::IncusEndpoint& endpoint) {
  TlsSettings self;
  self.host_ = *endpoint.host;
  auto pinned = TRY(read_certificates(*endpoint.server_certificate, "the server's"));
  if (!pinned.empty()) self.pinned_->certificate = std::move(pinned.front());
  self.authorities_ = TRY(read_certificates(*endpoint.authorities, "that of the authority"));
  self.client_chain_ = TRY(read_certificates(*endpoint.client_certificate, "the client's"));
  if (!self.client_chain_.empty()) {
    const auto text = reading(endpoint.client_key->text());
    self.client_key_.reset(
        PEM_read_bio_PrivateKey(text.get(), nullptr, refuse_passphrase, nullptr));
    ERR_clear_error();
    if (!self.client_key_) return fail("the client's key is no private key in PEM");
    if (X509_check_private_key(self.client_chain_.front().get(), self.client_key_.get()) != 1) {
      ERR_clear_error();
      return fail("the client's key isn't that of its certificate");
    }
  }
  self.context_.reset(SSL_CTX_new(TLS_client_method()));
  if (!self.context_) return fail("OpenSSL has no TLS");
  TRY(self.apply(self.context_.get()));
  SSL_CTX_set_verify(self.context_.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(self.context_.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  constexpr std::size_t kReadBuffer = 64UL * 1024;
  SSL_CTX_set_read_ahead(self.context_.get(), 1);
  SSL_CTX_set_default_read_buffer_len(self.context_.get(), kReadBuffer);
  return self;
}

int TlsSettings::verify_pinned(X509_STORE_CTX* store, void* pinned) {
  auto& wanted = *static_cast<Pinned*>(pinned);
  X509* certificate = X509_STORE_CTX_get0_cert(store);
  wanted.was_another =
      certificate == nullptr || X509_cmp(certificate, wanted.certificate.get()) != 0;
  X509_STORE_CTX_set_error(store, wanted.was_another ? X509_V_ERR_CERT_REJECTED : X509_V_OK);
  return wanted.was_another ? 0 : 1;
}

Status TlsSettings::use_client_certificate(SSL_CTX* context) const {
  if (client_chain_.empty()) return {};
  bool used = SSL_CTX_use_certificate(context, client_chain_.front().get()) == 1 &&
              SSL_CTX_use_PrivateKey(context, client_key_.get()) == 1;
  for (std::size_t i = 1; used && i < client_chain_.size(); ++i) {
    used = SSL_CTX_add1_chain_cert(context, client_chain_[i].get()) == 1;
  }
  ERR_clear_error();
  if (!used) return fail("OpenSSL doesn't take the client's certificate");
  return {};
}

Status TlsSettings::use_authorities(SSL_CTX* context) const {
  if (is_pinned()) {
    SSL_CTX_set_cert_verify_callback(context, verify_pinned, pinned_.get());
    return {};
  }
  if (authorities_.empty()) {
    // File and directory only: what OpenSSL 3 also does by default lists directories.
    if (SSL_CTX_set_default_verify_dir(context) == 1 &&
        SSL_CTX_set_default_verify_file(context) == 1) {
      return {};
    }
    return fail("the system has no certificates of authorities");
  }
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  for (const Certificate& authority : authorities_) {
    if (X509_STORE_add_cert(store, authority.get()) != 1)
      return fail("OpenSSL doesn't take the authority's certificate");
  }
  return {};
}

Status TlsSettings::apply(SSL_CTX* context) const {
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1)
    return fail("OpenSSL has no TLS 1.2");
  TRY(use_client_certificate(context));
  return use_authorities(context);
}

Status TlsSettings::name_server(SSL* connection) const {
  const bool address = is_address(host_);
  // What the macro SSL_set_tlsext_host_name() says, without its cast.
  std::string name = host_;
  bool named = address || SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME,
                                   TLSEXT_NAMETYPE_host_name, name.data()) == 1;
  if (!is_pinned()) {
    X509_VERIFY_PARAM* parameters = SSL_get0_param(connection);
    named = named && (address ? X509_VERIFY_PARAM_set1_ip_asc(parameters, host_.c_str())
                              : SSL_set1_host(connection, host_.c_str())) == 1;
  }
  if (!named) return fail("OpenSSL doesn't take the server's name");
  return {};
}

}  // namespace ssh2incus
