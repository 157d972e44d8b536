// Expect: Capability::append must be declared exactly when there is: Result<Writer> append();
#include "../parts.hpp"

using namespace hybridbuffer;

struct Backend {
  static constexpr Capabilities capabilities() { return Capability::append; }
  Result<Writer> create();
  Result<Reader> open() const;
  Result<void> remove();
  Result<Writer> EITHER(extend, append)();
};

static_assert(explain_storage_backend<Backend>());
