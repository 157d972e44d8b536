// Expect: Capability::max_object_size must be declared exactly when there is: std::uint64_t max_object_size() const;
#include "../parts.hpp"

using namespace hybridbuffer;

struct Backend {
  static constexpr Capabilities capabilities() { return Capability::max_object_size; }
  Result<Writer> create();
  Result<Reader> open() const;
  Result<void> remove();
  EITHER(std::uint32_t, std::uint64_t) max_object_size() const;
};

static_assert(explain_storage_backend<Backend>());
