#pragma once

#include "options.hpp"
#include "outcome.hpp"
#include "output_file.hpp"
#include "report.hpp"

#include <hybridbuffer/backend/any.hpp>

#include <expected>
#include <optional>

namespace spool {

/// Where the options want the data that memory cannot hold: what `--storage` names, else a directory, that of `file` where none is given.
///
/// A place that cannot be used is an error now, not after gigabytes. One that is full now is none: memory may be enough, and room may be
/// made. What works and is probably not meant is told on the console.
[[nodiscard]] std::expected<hybridbuffer::AnyStorage, Outcome> find_place(const Options& options, const std::optional<OutputFile>& file,
                                                                          Console& console);

}  // namespace spool
