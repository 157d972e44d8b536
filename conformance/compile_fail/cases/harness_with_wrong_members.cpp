// Expect: the trait must be: std::uint64_t chunk_size;
// Expect: the trait must be: SecondWriter second_writer;
// Expect: the hook must be: std::size_t stored_objects();
// Expect: the hook must be: bool damage(Damage kind);
// Expect: the hooks inject() and faults_fired() come together
#include <hybridbuffer/conformance.hpp>

#include "../parts.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>

using namespace hybridbuffer;

struct Backend {
  Result<Writer> create();
  Result<Reader> open() const;
  Result<void> remove();
};

struct Harness {
  static constexpr std::string_view name = "wrong members";
  Result<Backend> make_backend();
  static constexpr EITHER(std::string_view chunk_size = "4096", std::uint64_t chunk_size = 4096);
  static constexpr EITHER(bool, conformance::SecondWriter) second_writer{};
  EITHER(void, std::size_t) stored_objects();
  bool damage(EITHER(int, conformance::Damage) kind);
  bool inject(const conformance::Fault& fault);
  EITHER(, std::uint64_t faults_fired();)
};

HYBRIDBUFFER_CONFORMANCE(Harness)
