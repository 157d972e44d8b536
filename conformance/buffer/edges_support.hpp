#pragma once

#include "model_streams.hpp"

#include <span>

namespace hybridbuffer::testing {

/// Whether all of `buffer` reads as `content`.
template <class Buffer>
[[nodiscard]] bool holds(const Buffer& buffer, const Bytes& content) {
  Bytes all(content.size() + 1);
  const auto count = buffer.read_at(buffer.first_offset(), all);
  return count && *count == content.size() && same(std::span{all}.first(*count), content);
}

}  // namespace hybridbuffer::testing
