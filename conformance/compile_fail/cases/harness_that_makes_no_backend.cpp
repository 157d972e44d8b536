// Expect: a harness needs: static constexpr std::string_view name;
// Expect: a storage backend needs: Result<void> remove();
#include <hybridbuffer/conformance.hpp>

#include "../parts.hpp"

#include <string_view>

using namespace hybridbuffer;

struct Backend {
  Result<Writer> create();
  Result<Reader> open() const;
  EITHER(void, Result<void>) remove();
};

struct Harness {
  static constexpr EITHER(int name{}, std::string_view name = "harness");
  Result<Backend> make_backend();
};

HYBRIDBUFFER_CONFORMANCE(Harness)
