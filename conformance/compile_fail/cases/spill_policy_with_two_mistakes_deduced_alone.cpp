// Expect: a spill policy needs: SpillAction decide(const SpillState&) const;
// Expect: a spill policy needs: void settle(const SpillState&) noexcept;
#include <hybridbuffer/hybrid_buffer.hpp>

using namespace hybridbuffer;

struct Spill {
  SpillAction decide(const SpillState& state) EITHER(, const);
  std::uint64_t room(const SpillState& state);
  void settle(const SpillState& state) EITHER(, noexcept);
};

// Parsed only: what is tested are the signatures, not a policy that works.
using Buffer = decltype(HybridBuffer{Spill{}});
