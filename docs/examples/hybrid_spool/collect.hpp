#pragma once

#include "input.hpp"
#include "outcome.hpp"
#include "output.hpp"
#include "output_file.hpp"
#include "report.hpp"
#include "spool_buffer.hpp"

namespace spool {

/// Reads everything, then writes everything.
[[nodiscard]] Outcome soak(Input& input, Output& output, const BufferSource& buffers, Counters& counters);

/// Reads everything, then gives it its name.
[[nodiscard]] Outcome collect_into(const OutputFile& file, Input& input, const BufferSource& buffers, Counters& counters);

}  // namespace spool
