// Expect: a storage backend needs: Result<Reader> open() const; where Reader models hybridbuffer::reader
// Expect: a storage backend needs: Result<void> remove();
#include "../parts.hpp"

using namespace hybridbuffer;

struct Backend {
  Result<Writer> create();
  Result<Reader> open() EITHER(, const);
  Result<EITHER(bool, void)> remove();
};

static_assert(explain_storage_backend<Backend>());
