#include <hybridbuffer/hybrid_buffer.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>

#ifdef PACKAGE_VERSION
consteval int as_number(int major, int minor, int patch) { return major * 10000 + minor * 100 + patch; }
static_assert(HYBRIDBUFFER_VERSION == as_number(PACKAGE_VERSION), "the headers are of the version that the package says");
#endif

// Bytes go in and come back: proof that what was found includes, compiles and links.
int main() {
  constexpr std::string_view sent = "from another project";
  hybridbuffer::HybridBuffer<> buffer;
  if (const auto appended = buffer.append(sent); !appended) return 1;

  std::array<std::byte, sent.size()> received{};
  const auto count = buffer.read(received);
  if (!count || *count != sent.size()) return 2;
  if (std::string_view{reinterpret_cast<const char*>(received.data()), received.size()} != sent) return 3;
  std::puts("ok");
  return 0;
}
