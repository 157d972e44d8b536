// Expect: is not a constant expression
#include <hybridbuffer/error.hpp>

hybridbuffer::Error error_of([[maybe_unused]] const char* operation) { return {hybridbuffer::errc::io, EITHER(operation, "read")}; }
