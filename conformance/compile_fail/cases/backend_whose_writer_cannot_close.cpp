// Expect: a storage backend needs: Result<Writer> create(); where Writer models hybridbuffer::writer
#include "../parts.hpp"

using namespace hybridbuffer;

struct OwnWriter {
  Result<void> write(std::span<const std::byte> bytes);
  Result<void> EITHER(finish, close)();
};

struct Backend {
  Result<OwnWriter> create();
  Result<Reader> open() const;
  Result<void> remove();
};

static_assert(explain_storage_backend<Backend>());
