#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

/// \file
/// Whole objects in a location of any store, for the tests of the remote backends.

namespace hybridbuffer::testing {

using Bytes = std::vector<std::byte>;

template <writer Writer>
Result<void> finish(Result<Writer> writer, std::span<const std::byte> bytes) {
  if (!writer) return std::unexpected{writer.error()};
  if (auto written = writer->write(bytes); !written) return written;
  return writer->close();
}
template <storage_backend Backend>
Result<void> store(Backend& backend, std::span<const std::byte> bytes) {
  return finish(backend.create(), bytes);
}

template <storage_backend Backend>
Result<Bytes> read_all(const Backend& backend) {
  auto reader = backend.open();
  if (!reader) return std::unexpected{reader.error()};
  Bytes all;
  Bytes piece(10'000);
  for (;;) {
    auto count = reader->read(piece);
    if (!count) return std::unexpected{count.error()};
    if (*count == 0) return all;
    all.insert(all.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(*count));
  }
}
template <storage_backend Backend>
bool holds(const Backend& backend, std::span<const std::byte> bytes) {
  const auto all = read_all(backend);
  return all && std::ranges::equal(*all, bytes);
}

}  // namespace hybridbuffer::testing
