#pragma once

#include <hybridbuffer/error.hpp>

#include <new>

namespace hybridbuffer::inline v0_1::detail {

/// For calls whose failure is survived: an exception is one more way to fail.
template <class Call>
[[nodiscard]] Result<void> without_exceptions(OperationName operation, Call&& call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return failure(errc::no_space, operation, "out of memory");
  } catch (...) {
    return failure(errc::io, operation, "the backend threw an exception");
  }
}

}  // namespace hybridbuffer::inline v0_1::detail
