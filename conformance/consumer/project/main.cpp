#include <hybridbuffer/hybrid_buffer.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>

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
