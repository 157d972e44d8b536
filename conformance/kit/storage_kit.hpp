#pragma once

#include <hybridbuffer/conformance/kit.hpp>
#include <hybridbuffer/conformance/program.hpp>

namespace hybridbuffer::conformance {

/// The clauses of storage backends on one backend.
[[nodiscard]] Kit storage_kit(const MakeSubject& make_subject);

}  // namespace hybridbuffer::conformance
