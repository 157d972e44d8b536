#include <hybridbuffer/backend/redis_url.hpp>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/spill/never_spill.hpp>

int main() {
  using namespace hybridbuffer;
  HybridBuffer buffer{NeverSpill{}, RedisStorage{{.prefix = "consumer:"}}};
  return buffer.append("bytes").has_value() && buffer.to_string() == "bytes" && redis_scheme().name == "redis" ? 0 : 1;
}
