#pragma once

#include <hybridbuffer/handle_state.hpp>
#include <hybridbuffer/storage.hpp>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace hybridbuffer::examples {

// [minimal_backend]
/// A complete backend: create, open, remove. LocationState, WriterState and ReaderState bring the rules that every handle owes.
class VectorBackend {
  using Object = std::shared_ptr<const std::vector<std::byte>>;  // what was committed; null before that

 public:
  struct Writer {
    Result<void> write(std::span<const std::byte> bytes) {
      return state.write([&] { return pending.insert(pending.end(), bytes.begin(), bytes.end()), Result<void>{}; });
    }
    Result<void> close() {
      return state.close([&](Object& object) {
        object = std::make_shared<const std::vector<std::byte>>(std::move(pending));
        return Result<void>{};
      });
    }
    WriterState<Object> state;
    std::vector<std::byte> pending;
  };

  struct Reader {
    Result<std::size_t> read(std::span<std::byte> bytes) {
      if (auto usable = state.check("read"); !usable) return std::unexpected{usable.error()};
      const std::size_t count = std::min(bytes.size(), object->size() - position);
      std::copy_n(object->data() + position, count, bytes.data());
      position += count;
      return count;
    }
    ReaderState state;
    Object object;
    std::size_t position = 0;
  };

  Result<Writer> create() {
    auto state = location_.start_writer("create an object");
    if (!state) return std::unexpected{state.error()};
    return Writer{.state = std::move(*state), .pending = {}};
  }
  [[nodiscard]] Result<Reader> open() const {
    return location_.read("open an object", [](const Object& object) -> Result<Reader> {
      if (object == nullptr) return failure(errc::not_found, "open an object");
      return Reader{.state = {}, .object = object};
    });
  }
  Result<void> remove() {
    return location_.remove("remove an object", [](Object& object) { return object.reset(), Result<void>{}; });
  }

 private:
  LocationState<Object> location_;
};
// [minimal_backend]

}  // namespace hybridbuffer::examples
