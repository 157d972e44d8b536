// A conformance program over a backend whose behaviour the environment chooses: KIT_BEHAVIOUR is sound, hangs, crashes, throws, exits,
// prints, lies (its hook does) or refuses (its harness cannot be made).

#include "../../docs/examples/minimal_backend.hpp"

#include <hybridbuffer/conformance.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>

using namespace hybridbuffer;

namespace {

std::string_view behaviour() {
  const char* name = std::getenv("KIT_BEHAVIOUR");
  return name == nullptr ? "sound" : name;
}

void misbehave() {
  if (behaviour() == "hangs") std::this_thread::sleep_for(std::chrono::hours{1});
  if (behaviour() == "crashes") std::raise(SIGSEGV);
  if (behaviour() == "throws") throw std::runtime_error{"a backend that throws <&\"]]>\x01\xff"};
  if (behaviour() == "exits") ::_exit(0);
  if (behaviour() == "prints") std::puts("a backend that prints");
}

// Empty objects are where this backend goes wrong: only some clauses have them, so that the others go on.
class Backend {
 public:
  using Writer = examples::VectorBackend::Writer;

  struct Reader {
    Result<std::size_t> read(std::span<std::byte> bytes) {
      auto count = inner.read(bytes);
      if (std::exchange(first, false) && count && *count == 0) misbehave();
      return count;
    }
    examples::VectorBackend::Reader inner;
    bool first = true;
  };

  Result<Writer> create() { return inner_.create(); }
  [[nodiscard]] Result<Reader> open() const {
    auto reader = inner_.open();
    if (!reader) return std::unexpected{reader.error()};
    return Reader{std::move(*reader)};
  }
  Result<void> remove() { return inner_.remove(); }

 private:
  examples::VectorBackend inner_;
};

struct Harness {
  static constexpr std::string_view name = "subject <&>";
  Harness() {
    if (behaviour() == "refuses") throw std::runtime_error{"no such store"};
  }
  static Result<Backend> make_backend() { return Backend{}; }
};

struct LyingHarness : Harness {
  static std::size_t stored_objects() { return 0; }
};

}  // namespace

int main(int count, char** arguments) {
  if (behaviour() == "lies") return conformance::run_program<LyingHarness>(count, arguments);
  return conformance::run_program<Harness>(count, arguments);
}
