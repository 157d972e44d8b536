// Expect: Capability::shrink must be declared exactly when there is: Result<void> shrink(std::uint64_t size);
#include "../parts.hpp"

using namespace hybridbuffer;

struct Backend {
  static constexpr Capabilities capabilities() { return {EITHER(, Capability::shrink)}; }
  Result<Writer> create();
  Result<Reader> open() const;
  Result<void> remove();
  Result<void> shrink(std::uint64_t size);
};

static_assert(explain_storage_backend<Backend>());
