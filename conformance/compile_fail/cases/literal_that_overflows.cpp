// Expect g++: size_literal_does_not_fit_in_64_bits
// Expect clang++: operator""_GiB' is not a constant expression
#include <hybridbuffer/literals.hpp>

#include <cstdint>

using namespace hybridbuffer::literals;

std::uint64_t threshold() { return EITHER(17'179'869'184_GiB, 17'179'869'183_GiB); }
