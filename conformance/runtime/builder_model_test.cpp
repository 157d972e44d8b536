#include "../../docs/examples/minimal_backend.hpp"
#include "../buffer/model_run.hpp"
#include "../buffer/model_subject.hpp"
#include "../buffer/model_test_support.hpp"

#include <hybridbuffer/builder.hpp>
#include <hybridbuffer/storage_url.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

// The model test of what a Builder makes: one type, over each kind of storage, with small and large thresholds and with a limit.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

struct Place {
  std::string name;
  AnyStorage storage;
  bool gives_back;  // can shrink and discard
};

Composition composition(const Place& place, std::uint64_t threshold, std::uint64_t limit) {
  const Builder builder = Builder{}.with_threshold(threshold).with_limit(limit).with_storage_factory(place.storage);
  const auto make_buffer = [builder] { return builder.build().value(); };
  return {.name = "built/spill_at_" + std::to_string(threshold) + (limit == unlimited ? "/" : "_limited/") + place.name,
          .make = [=]() -> std::unique_ptr<Subject> { return std::make_unique<SubjectOf<decltype(make_buffer)>>(make_buffer); },
          .threshold = threshold,
          .most_in_memory = threshold,
          .content_limit = limit,
          .most_dead_stored = place.gives_back ? std::uint64_t{2} << 20U : unlimited};
}

}  // namespace

int main(int argc, char* argv[]) {
  const std::vector<Place> places{{"file", FileStorage{}, true},
                                  {"memory", storage_from_url("memory:").value(), true},
                                  {"small_objects", storage_from_url("memory:?max_bytes=1000").value(), true},
                                  {"minimal", InPlaceStorage<examples::VectorBackend>{}, false}};
  std::vector<Composition> list;
  for (const Place& place : places) {
    for (const std::uint64_t threshold : {std::uint64_t{0}, std::uint64_t{100}, std::uint64_t{4096}, SpillAt::default_threshold}) {
      list.push_back(composition(place, threshold, unlimited));
    }
    list.push_back(composition(place, 100, 5000));
  }
  return run_model_program(argc, argv, list, 50'000);
}
