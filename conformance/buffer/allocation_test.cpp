#include "allocation_plan.hpp"
#include "fault_sweep.hpp"

#include <hybridbuffer/memory/contiguous.hpp>
#include <hybridbuffer/memory/pmr.hpp>
#include <hybridbuffer/spill/always_spill.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

// The k-th allocation fails, for every k of every scenario; and where nothing is allocated at all.

namespace hybridbuffer::testing {
namespace {

BOOST_TEST_GLOBAL_FIXTURE(FaultCount);

const TemporaryDirectory& files_directory() {
  static const TemporaryDirectory directory{Medium::memory};
  return directory;
}
struct Files : FileStorage {
  Files() : FileStorage{{.directory = files_directory().path()}} {}
};
struct SmallFiles : FileStorage {
  SmallFiles() : FileStorage{{.directory = files_directory().path(), .max_bytes = 20'000}} {}
};
using BlockStorage = BasicMemoryStorage<1024>;

/// A memory policy as somebody may write it who leaves running out of memory to std::bad_alloc.
class VectorMemory {
 public:
  VectorMemory() = default;
  VectorMemory(VectorMemory&& other) noexcept : bytes_{std::move(other.bytes_)}, size_{std::exchange(other.size_, 0)} {
    other.bytes_.clear();
  }
  VectorMemory& operator=(VectorMemory&& other) noexcept {
    bytes_ = std::exchange(other.bytes_, {});
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  ~VectorMemory() = default;

  std::span<std::byte> prepare(std::size_t /*hint*/) {
    if (bytes_.size() < size_ + 16) bytes_.resize(size_ + 16);
    return std::span{bytes_}.subspan(size_, 16);
  }
  void commit(std::size_t n) noexcept { size_ += n; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<const std::span<const std::byte>> chunks() const {
    all_ = std::span{bytes_}.first(size_);
    return {&all_, size_ != 0 ? 1U : 0U};
  }
  void copy_out(std::size_t offset, std::span<std::byte> out) const noexcept {
    std::copy_n(bytes_.data() + offset, out.size(), out.data());
  }
  void drop_front(std::size_t n) noexcept {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(n));
    size_ -= n;
  }
  void truncate(std::size_t n) noexcept { size_ = std::min(size_, n); }
  void clear() noexcept {
    bytes_ = {};
    size_ = 0;
  }
  [[nodiscard]] std::size_t capacity() const noexcept { return bytes_.size(); }

 private:
  std::vector<std::byte> bytes_;
  std::size_t size_ = 0;
  mutable std::span<const std::byte> all_;
};

template <class Memory, class Spill, class StorageOfIt>
struct Plain {
  using Storage = StorageOfIt;
  using Buffer = HybridBuffer<Memory, Spill, backend_of_t<Storage>, Storage>;
  static constexpr std::uint64_t memory = 100;

  static Buffer make([[maybe_unused]] const MemoryBudget& budget) {
    if constexpr (std::is_same_v<Spill, SharedBudget>) return Buffer{Memory{}, SharedBudget{budget}, Storage{}};
    else if constexpr (std::is_same_v<Spill, SpillAt>) return Buffer{Memory{}, SpillAt{memory}, Storage{}};
    else return Buffer{Memory{}, Spill{}, Storage{}};
  }
};

using Compositions = std::tuple<                             //
    Plain<SegmentedMemory<64>, SpillAt, Files>,              //
    Plain<SegmentedMemory<64>, AlwaysSpill, Files>,          //
    Plain<SegmentedMemory<64>, SharedBudget, Files>,         //
    Plain<SegmentedMemory<16>, SharedBudget, BlockStorage>,  //
    Plain<SegmentedMemory<64>, AlwaysSpill, BlockStorage>,   //
    Plain<ContiguousMemory, SpillAt, SmallFiles>,            //
    Plain<PmrMemory, SharedBudget, ThreeCallStorage>,        //
    Plain<VectorMemory, SharedBudget, Files>,                //
    Plain<VectorMemory, SpillAt, ThreeCallStorage>>;

/// Every k, once and for ever, with a retry and without.
template <class Subject, class Scenario>
void fail_every_allocation(const Scenario& scenario) {
  ChunkPool::set_limit(0);
  AllocationPlan::arm(0, false);
  BOOST_REQUIRE((run_once<AllocationPlan, Subject>(scenario, false, true) == std::nullopt));  // allocates what stays for ever
  std::uint64_t faults = 0;
  for (const auto& [for_ever, gives_up] : {std::pair{false, false}, std::pair{true, false}, std::pair{true, true}}) {
    for (std::uint64_t k = 1;; ++k) {
      const std::int64_t living = AllocationPlan::living.load();
      AllocationPlan::arm(k, for_ever);
      auto wrong = run_once<AllocationPlan, Subject>(scenario, gives_up, k % 2 == 0);
      if (!wrong && AllocationPlan::living.load() != living) wrong = "an allocation outlives the buffer";
      if (wrong) {
        BOOST_ERROR(Scenario::name << ", " << *wrong << "; allocation " << k << (for_ever ? " and every later one" : "")
                                   << (gives_up ? ", no retry" : ""));
        return;
      }
      if (AllocationPlan::fired() == 0) break;
      ++faults;
      FaultCount::total += AllocationPlan::fired();
    }
  }
  BOOST_TEST(faults > 0U, Scenario::name << " allocates nothing");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_buffer_survives_every_allocation_that_fails_while_it_grows, Subject, Compositions) {
  fail_every_allocation<Subject>(Appends{});
  fail_every_allocation<Subject>(Endings{});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_buffer_survives_every_allocation_that_fails_while_it_is_read, Subject, Compositions) {
  fail_every_allocation<Subject>(Reads{});
  fail_every_allocation<Subject>(Cursors{});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_buffer_survives_every_allocation_that_fails_while_it_shrinks, Subject, Compositions) {
  fail_every_allocation<Subject>(Removals{});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_buffer_survives_every_allocation_that_fails_in_a_transfer, Subject, Compositions) {
  fail_every_allocation<Subject>(Transfers{.directory = files_directory().path()});
  fail_every_allocation<Subject>(Pipes{});
}

BOOST_AUTO_TEST_CASE(a_buffer_survives_every_allocation_that_fails_in_a_publish) {
  fail_every_allocation<Plain<SegmentedMemory<64>, SpillAt, Files>>(Publishing<AllocationPlan>{});
  fail_every_allocation<Plain<SegmentedMemory<64>, SpillAt, Files>>(AbandonedPublish<AllocationPlan>{});
}

}  // namespace
}  // namespace hybridbuffer::testing
