// Expect: the warnings of a storage are: std::vector<std::string> warnings() const;
#include <hybridbuffer/backend/any.hpp>
#include <hybridbuffer/backend/memory.hpp>

#include "../parts.hpp"

using namespace hybridbuffer;

struct Storage {
  Result<MemoryBackend> create_backend() const { return MemoryStorage{}.create_backend(); }
  EITHER(std::string, std::vector<std::string>) warnings() const { return {}; }
};

AnyStorage storage{Storage{}};
