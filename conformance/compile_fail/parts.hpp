#pragma once

#include <hybridbuffer/storage.hpp>

#include <cstddef>
#include <span>

/// \file
/// Sound handles for the cases, which are only ever parsed: nothing here is defined.
/// In a case, EITHER(wrong, legal) is `wrong` in the program that must not compile and `legal` in its twin that must.

struct Writer {
  hybridbuffer::Result<void> write(std::span<const std::byte> bytes);
  hybridbuffer::Result<void> close();
};

struct Reader {
  hybridbuffer::Result<std::size_t> read(std::span<std::byte> bytes);
};
