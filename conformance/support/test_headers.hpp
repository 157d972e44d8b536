#pragma once

/// \file
/// What nearly every test program includes, compiled once for all of them. No program counts on it: each includes what it uses, and builds
/// without it (CMAKE_DISABLE_PRECOMPILE_HEADERS).

#include <hybridbuffer/backend/memory.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <memory>
#include <string>
#include <vector>
