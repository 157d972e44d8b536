#include "../odd_backends.hpp"

#include "../compositions.hpp"

namespace hybridbuffer::testing {

namespace {

template <class Backend>
void add(std::vector<Composition>& list, const std::string& name) {
  for (const std::uint64_t threshold : {0U, 100U, 4096U}) {
    Composition one = composition<Backend>(
        "segmented_16", +[] { return SegmentedMemory<16>{}; }, "spill_at_" + std::to_string(threshold), SpillAt{threshold}, threshold);
    one.name.replace(one.name.rfind('/') + 1, std::string::npos, name);
    one.complaint = [] { return odd_log.complaint; };
    one.leftovers = [] { return odd_log.objects + odd_log.locations + odd_log.handles; };
    list.push_back(std::move(one));
  }
}

}  // namespace

void add_odd(std::vector<Composition>& list) {
  add<OneByteReads>(list, "one_byte_reads");
  add<SnapshotReaderAt>(list, "snapshot_reader_at");
  add<GrowingReaderAt>(list, "growing_reader_at");
  add<SnapshotSeeker>(list, "snapshot_seeker");
  add<GrowingSeeker>(list, "growing_seeker");
  add<AppendOnly>(list, "append_only");
  add<SmallObjects>(list, "small_objects");
  add<TinyObjects>(list, "tiny_objects");
  add<NothingAtRunTime>(list, "nothing_at_run_time");
  add<SomeAtRunTime>(list, "some_at_run_time");
}

}  // namespace hybridbuffer::testing
