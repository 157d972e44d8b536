#pragma once

#include "load.hpp"
#include "workload.hpp"

#include <cstdint>

namespace tune {

/// The load as a C programmer would write it by hand for just this: small pieces staged in 256 KiB and given to write(2), read(2) and
/// pread(2) after that; in one block of memory when `volume` fits into what the load may hold there.
[[nodiscard]] hybridbuffer::Result<Figures> run_limit(const Load& load, std::uint64_t volume);

}  // namespace tune
