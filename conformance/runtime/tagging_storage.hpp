#pragma once

#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/error.hpp>
#include <hybridbuffer/storage.hpp>

#include "declared_backend.hpp"

#include <cstddef>
#include <span>
#include <string>
#include <utility>

/// \file
/// A transform whose order shows in the bytes: it puts its tag behind each piece that is written, so that the store of "x" behind the
/// transforms a and b sees "xab" or "xba". What it reads is not taken apart again.

namespace hybridbuffer::testing {

class TaggingBackend {
 public:
  TaggingBackend(AnyBackend inner, std::string tag) : inner_{std::move(inner)}, tag_{std::move(tag)} {}

  class Writer {
   public:
    Writer(AnyWriter inner, std::string tag) : inner_{std::move(inner)}, tag_{std::move(tag)} {}
    Result<void> write(std::span<const std::byte> bytes) { return inner_.write(bytes_of(text_of(bytes) + tag_)); }
    Result<void> close() { return inner_.close(); }

   private:
    AnyWriter inner_;
    std::string tag_;
  };

  Result<Writer> create() {
    auto writer = inner_.create();
    if (!writer) return std::unexpected{std::move(writer).error()};
    return Writer{*std::move(writer), tag_};
  }
  [[nodiscard]] Result<AnyReader> open() const { return inner_.open(); }
  Result<void> remove() { return inner_.remove(); }

 private:
  AnyBackend inner_;
  std::string tag_;
};

struct TaggingStorage {
  AnyStorage inner;
  std::string tag;
  [[nodiscard]] Result<TaggingBackend> create_backend() const {
    auto backend = inner.create_backend();
    if (!backend) return std::unexpected{std::move(backend).error()};
    return TaggingBackend{*std::move(backend), tag};
  }
};

/// A place whose backends write down what reaches them.
struct NotingStorage {
  [[nodiscard]] Result<DeclaredBackend<>> create_backend() const { return DeclaredBackend<>{}; }
};

/// What the store sees when "x" is written to a location of `place`.
[[nodiscard]] inline std::string stored_for_x(const AnyStorage& place) {
  calls().clear();
  auto backend = place.create_backend();
  auto writer = backend->create();
  static_cast<void>(writer->write(bytes_of("x")));
  const std::string last = calls().empty() ? "" : calls().back();
  return last.starts_with("write ") ? last.substr(6) : "nothing: " + last;
}

}  // namespace hybridbuffer::testing
