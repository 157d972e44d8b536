#pragma once

/// \file
/// The version of these headers, for the preprocessor. It is written here and nowhere else: the build reads it from here.
///
///     #if HYBRIDBUFFER_VERSION >= 200    // 0.2.0 or later
///
/// Semantic Versioning 2.0.0; before 1.0.0 a change of the minor number may break what was written for the one before.

// NOLINTBEGIN(modernize-macro-to-enum): an enumerator means nothing to the preprocessor
/// Changes when what was written for an earlier version may stop compiling or behave otherwise.
#define HYBRIDBUFFER_VERSION_MAJOR 0
/// Changes when something is added; before 1.0.0 also in place of the major number.
#define HYBRIDBUFFER_VERSION_MINOR 1
/// Changes when something is mended.
#define HYBRIDBUFFER_VERSION_PATCH 0
// NOLINTEND(modernize-macro-to-enum)

/// The three as one number that can be compared: 10000 × major + 100 × minor + patch.
#define HYBRIDBUFFER_VERSION (HYBRIDBUFFER_VERSION_MAJOR * 10000 + HYBRIDBUFFER_VERSION_MINOR * 100 + HYBRIDBUFFER_VERSION_PATCH)
