#include "tls_certificates.hpp"

#include <cstdio>
#include <memory>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace hybridbuffer::servers {
namespace {

template <auto Free>
struct Freeing {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freeing<::EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freeing<::X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freeing<::X509_EXTENSION_free>>;
using Stream = std::unique_ptr<std::FILE, Freeing<std::fclose>>;

constexpr long day = 24L * 60 * 60;

void check(bool succeeded, const char* what) {
  if (!succeeded) throw ServerFailure{std::string{"no certificate: "} + what};
}

struct Identity {
  Key key;
  Certificate certificate;
};

void add_extension(X509* certificate, X509* issuer, int identifier, const char* value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension{::X509V3_EXT_conf_nid(nullptr, &context, identifier, value)};
  check(extension != nullptr && ::X509_add_ext(certificate, extension.get(), -1) == 1, value);
}

// `issuer` null: signed by itself. `names` null: an authority.
Identity make(const char* name, const char* names, const Identity* issuer, long valid_from, long valid_until) {
  Identity made{Key{EVP_EC_gen("P-256")}, Certificate{::X509_new()}};
  check(made.key != nullptr && made.certificate != nullptr, "no key");
  X509* certificate = made.certificate.get();
  const Identity& signer = issuer != nullptr ? *issuer : made;
  ::X509_set_version(certificate, X509_VERSION_3);
  static long serial = ::getpid() * 1'000L;
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), ++serial);
  ::X509_gmtime_adj(X509_getm_notBefore(certificate), valid_from);
  ::X509_gmtime_adj(X509_getm_notAfter(certificate), valid_until);
  ::X509_set_pubkey(certificate, made.key.get());
  ::X509_NAME_add_entry_by_txt(::X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, reinterpret_cast<const unsigned char*>(name), -1,
                               -1, 0);
  ::X509_set_issuer_name(certificate, ::X509_get_subject_name(signer.certificate.get()));
  if (names == nullptr) {
    add_extension(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign");
  } else {
    add_extension(certificate, signer.certificate.get(), NID_subject_alt_name, names);
  }
  check(::X509_sign(certificate, signer.key.get(), ::EVP_sha256()) != 0, "not signed");
  return made;
}

Stream open(const std::string& path, const char* mode) {
  Stream file{std::fopen(path.c_str(), mode)};
  check(file != nullptr, path.c_str());
  ::fchmod(::fileno(file.get()), S_IRUSR | S_IWUSR);
  return file;
}
void write_certificate(const Identity& identity, std::FILE* file) {
  check(::PEM_write_X509(file, identity.certificate.get()) == 1, "not written");
}
void write_key(const Identity& identity, std::FILE* file) {
  check(::PEM_write_PrivateKey(file, identity.key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1, "not written");
}

Identity authority_in(const Workspace& workspace) {
  const std::string certificate = workspace.path("authority.pem");
  const std::string key = workspace.path("authority.key");
  if (::access(key.c_str(), R_OK) == 0) {
    return {Key{::PEM_read_PrivateKey(open(key, "r").get(), nullptr, nullptr, nullptr)},
            Certificate{::PEM_read_X509(open(certificate, "r").get(), nullptr, nullptr, nullptr)}};
  }
  Identity made = make("authority of a test", nullptr, nullptr, -2 * day, day);
  write_certificate(made, open(certificate, "w").get());
  write_key(made, open(key, "w").get());
  return made;
}

struct Wanted {
  const char* file;
  const char* names;
  bool is_signed_by_authority;
  long valid_until;
};
Wanted wanted(CertificateFlaw flaw) {
  // libcurl leads *.localhost to this machine, and takes a wildcard only before two names.
  constexpr const char* own = "DNS:localhost,DNS:s3.localhost,DNS:*.s3.localhost,IP:127.0.0.1";
  switch (flaw) {
    case CertificateFlaw::none: return {"server", own, true, day};
    case CertificateFlaw::wrong_host: return {"wrong_host", "DNS:other.invalid,IP:192.0.2.1", true, day};
    case CertificateFlaw::expired: return {"expired", own, true, -day};
    case CertificateFlaw::self_signed: return {"self_signed", own, false, day};
  }
  throw ServerFailure{"no such flaw"};
}

}  // namespace

Certificates make_certificates(const Workspace& workspace, CertificateFlaw flaw) {
  const Wanted want = wanted(flaw);
  const Identity authority = authority_in(workspace);
  const Identity server = make("localhost", want.names, want.is_signed_by_authority ? &authority : nullptr, -2 * day, want.valid_until);
  const std::string base = workspace.path(want.file);
  Certificates paths{workspace.path("authority.pem"), base + ".pem", base + ".key", base + "-both.pem"};
  write_certificate(server, open(paths.certificate, "w").get());
  write_key(server, open(paths.key, "w").get());
  const Stream both = open(paths.both, "w");
  write_certificate(server, both.get());
  write_key(server, both.get());
  return paths;
}

}  // namespace hybridbuffer::servers
