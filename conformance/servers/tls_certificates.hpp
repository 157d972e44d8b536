#pragma once

#include "workspace.hpp"

#include <string>

namespace hybridbuffer::servers {

/// What is wrong with a certificate.
enum class CertificateFlaw {
  none,         // for localhost and 127.0.0.1, signed by the authority, valid for a day
  wrong_host,   // for other.invalid and 192.0.2.1
  expired,      // yesterday
  self_signed,  // by its own key, with nobody's trust
};

/// Paths of PEM files, in the workspace.
struct Certificates {
  std::string authority;    // authority.pem: what a client trusts
  std::string certificate;  // server.pem: of the server
  std::string key;          // server.key: private, readable by this user only
  std::string both;         // server-both.pem: certificate and key in one file
};

/// Makes an authority, or finds the one that an earlier call made in this workspace, and a certificate for a server that it signs.
/// Elliptic curve keys: a millisecond or two.
///
/// `flaw` other than none: the names of the server's files begin with its name instead of "server".
/// Throws: ServerFailure.
Certificates make_certificates(const Workspace& workspace, CertificateFlaw flaw = CertificateFlaw::none);

}  // namespace hybridbuffer::servers
