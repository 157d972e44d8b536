#pragma once

#include <hybridbuffer/backend/redis_options.hpp>
#include <hybridbuffer/error.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <span>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <utility>

/// \file
/// TLS over a non-blocking socket that somebody else owns.

namespace hybridbuffer::inline v0_1::detail {

/// The settings of TLS, read once.
struct RedisTlsContext {
  struct Free {
    void operator()(SSL_CTX* one) const noexcept { ::SSL_CTX_free(one); }
  };
  std::unique_ptr<SSL_CTX, Free> context{};
  bool verify = true;

  /// Errors: `invalid_argument` that names the file.
  [[nodiscard]] static Result<std::shared_ptr<const RedisTlsContext>> make(const RedisTls& options) {
    auto made = std::make_shared<RedisTlsContext>();
    made->verify = options.verify;
    made->context.reset(::SSL_CTX_new(::TLS_client_method()));
    SSL_CTX* const settings = made->context.get();
    if (settings == nullptr) throw std::bad_alloc{};
    ::SSL_CTX_set_min_proto_version(settings, TLS1_2_VERSION);
    ::SSL_CTX_set_mode(settings, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (options.verify) {
      ::SSL_CTX_set_verify(settings, SSL_VERIFY_PEER, nullptr);
      const bool loaded = options.ca_file.empty() ? ::SSL_CTX_set_default_verify_paths(settings) == 1
                                                  : ::SSL_CTX_load_verify_locations(settings, options.ca_file.c_str(), nullptr) == 1;
      ::ERR_clear_error();
      if (!loaded) return failure(errc::invalid_argument, "read the settings of a Redis storage", "tls.ca_file: cannot be read");
    }
    if (!options.certificate_file.empty()) {
      const std::string& key = options.key_file.empty() ? options.certificate_file : options.key_file;
      const bool loaded = ::SSL_CTX_use_certificate_chain_file(settings, options.certificate_file.c_str()) == 1 &&
                          ::SSL_CTX_use_PrivateKey_file(settings, key.c_str(), SSL_FILETYPE_PEM) == 1;
      ::ERR_clear_error();
      if (!loaded) return failure(errc::invalid_argument, "read the settings of a Redis storage", "tls.certificate_file: cannot be read");
    }
    return made;
  }
};

using RedisTlsContextRef = std::shared_ptr<const RedisTlsContext>;

/// One connection's TLS.
class RedisTlsStream {
 public:
  enum class Step : unsigned char { done, waits, ended, failed };

  /// Errors: std::bad_alloc.
  RedisTlsStream(RedisTlsContextRef context, int descriptor, const std::string& host)
      : context_{std::move(context)}, ssl_{::SSL_new(context_->context.get())} {
    BIO* const bio = ::BIO_new(method());
    if (!ssl_ || bio == nullptr) {
      ::BIO_free(bio);
      throw std::bad_alloc{};
    }
    ::BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));  // NOLINT(performance-no-int-to-ptr): OpenSSL's
    ::BIO_set_init(bio, 1);
    ::SSL_set_bio(ssl_.get(), bio, bio);
    ::SSL_set_connect_state(ssl_.get());
    if (::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_.get()), host.c_str()) != 1) {
      // Without the name any certificate of the authority would do.
      const bool is_set = ::SSL_set1_host(ssl_.get(), host.c_str()) == 1 && ::SSL_set_tlsext_host_name(ssl_.get(), host.c_str()) == 1;
      if (!is_set) throw std::bad_alloc{};
    }
    ::ERR_clear_error();
  }
  RedisTlsStream(const RedisTlsStream&) = delete;
  RedisTlsStream& operator=(const RedisTlsStream&) = delete;
  ~RedisTlsStream() = default;  // no farewell: the end of the connection says it all, and a forked child may say nothing

  [[nodiscard]] Step handshake() noexcept {
    ::ERR_clear_error();
    return outcome(::SSL_do_handshake(ssl_.get()));
  }
  [[nodiscard]] Error handshake_error(std::string_view address) const {
    const long verified = ::SSL_get_verify_result(ssl_.get());
    std::string text{address};
    if (context_->verify && verified != X509_V_OK) {
      text.append(": ").append(::X509_verify_cert_error_string(verified));
      return {errc::permission, "verify the certificate of Redis at", text};
    }
    return {errc::unavailable, "begin TLS with Redis at", text};
  }

  [[nodiscard]] std::pair<Step, std::size_t> read_some(std::span<char> bytes) noexcept {
    std::size_t count = 0;
    ::ERR_clear_error();
    const int status = ::SSL_read_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    return {outcome(status), count};
  }
  [[nodiscard]] std::pair<Step, std::size_t> write_some(std::span<const char> bytes) noexcept {
    std::size_t count = 0;
    ::ERR_clear_error();
    const int status = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    return {outcome(status), count};
  }

  /// What the step that waits needs of the socket.
  [[nodiscard]] short events() const noexcept { return events_; }
  /// A read that has to write first, for instance.
  [[nodiscard]] bool has_other_wish() const noexcept { return has_other_wish_; }

 private:
  struct Free {
    void operator()(SSL* ssl) const noexcept { ::SSL_free(ssl); }
  };

  Step outcome(int status) noexcept {
    has_other_wish_ = false;
    if (status == 1) return Step::done;
    switch (::SSL_get_error(ssl_.get(), status)) {
      case SSL_ERROR_WANT_READ: events_ = POLLIN; return Step::waits;
      case SSL_ERROR_WANT_WRITE:
        events_ = POLLIN | POLLOUT;
        has_other_wish_ = true;
        return Step::waits;
      case SSL_ERROR_ZERO_RETURN: return Step::ended;
      default: return Step::failed;
    }
  }

  // OpenSSL's own socket BIO writes without MSG_NOSIGNAL.
  static int descriptor_of(BIO* bio) noexcept { return static_cast<int>(reinterpret_cast<std::intptr_t>(::BIO_get_data(bio))); }
  static int after(BIO* bio, ssize_t count, bool reading) noexcept {
    ::BIO_clear_retry_flags(bio);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
      if (reading) BIO_set_retry_read(bio);
      else BIO_set_retry_write(bio);
    }
    return static_cast<int>(count);
  }
  static const BIO_METHOD* method() noexcept {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* const all = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
      if (all == nullptr) return all;
      ::BIO_meth_set_write(all, [](BIO* bio, const char* bytes, int count) {
        return after(bio, ::send(descriptor_of(bio), bytes, static_cast<std::size_t>(count), MSG_NOSIGNAL), false);
      });
      ::BIO_meth_set_read(all, [](BIO* bio, char* bytes, int count) {
        return after(bio, ::recv(descriptor_of(bio), bytes, static_cast<std::size_t>(count), 0), true);
      });
      ::BIO_meth_set_ctrl(all, [](BIO*, int command, long, void*) -> long { return command == BIO_CTRL_FLUSH ? 1 : 0; });
      return all;
    }();
    return made;
  }

  RedisTlsContextRef context_;
  std::unique_ptr<SSL, Free> ssl_;
  short events_ = POLLIN;
  bool has_other_wish_ = false;
};

}  // namespace hybridbuffer::inline v0_1::detail
