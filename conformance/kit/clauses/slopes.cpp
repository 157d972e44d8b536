#include "slopes.hpp"

#include "../life.hpp"

#include <hybridbuffer/conformance/context.hpp>
#include <hybridbuffer/conformance/process.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <malloc.h>
#include <string>
#include <string_view>

namespace hybridbuffer::conformance::clauses {
namespace {

struct Held {
  std::size_t descriptors = open_descriptors();
  std::size_t threads = running_threads();
  std::size_t heap = heap_in_use();

  // Looked at by a thread that ends: what the look itself frees would otherwise stay in the cache of the thread that made it, and malloc
  // counts that as in use.
  static Held now() {
    Held held;
    in_thread([&] { held = Held{}; });
    return held;
  }

  // Of all arenas, which mallinfo2() does not tell: the sums at the end of what malloc_info() prints. Zero under a sanitizer, which has
  // an allocator and a leak check of its own.
  static std::size_t heap_in_use() {
    char* text = nullptr;
    std::size_t length = 0;
    std::FILE* stream = ::open_memstream(&text, &length);
    if (stream == nullptr) return 0;
    const bool printed = ::malloc_info(0, stream) == 0;
    std::fclose(stream);
    const std::string report{text, printed ? length : 0};
    std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): open_memstream() made it
    const auto sum = [&](std::string_view which) -> std::size_t {
      const std::size_t at = report.rfind(which);
      const std::size_t size = at == std::string::npos ? at : report.find("size=\"", at);
      return size == std::string::npos ? 0 : std::strtoull(report.c_str() + size + 6, nullptr, 10);
    };
    const std::size_t held = sum("<system type=\"current\"") + sum("<total type=\"mmap\"");
    const std::size_t free = sum("<total type=\"fast\"") + sum("<total type=\"rest\"");
    return held > free ? held - free : 0;
  }
};

}  // namespace

void expect_flat(Context& c, std::string_view what, std::uint64_t times, const std::function<void(std::uint32_t)>& cycle) {
  constexpr int most_halves = 5;
  c.start_case();
  const std::uint64_t half = std::max<std::uint64_t>(times / 2, 4);
  std::uint32_t generation = 0;
  const auto run = [&](std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) cycle(generation++);
  };
  const auto grew = [&](std::size_t before, std::size_t after, double each) {
    return static_cast<double>(after) - static_cast<double>(before) >= each * static_cast<double>(half);
  };
  Held start;
  Held end;
  int halves = 0;
  bool descriptors = true;
  bool threads = true;
  bool heap = true;
  in_thread([&] {
    run(std::min<std::uint64_t>(half, 40));
    start = end = Held::now();
    while (halves < 2 || (halves < most_halves && (descriptors || threads || heap))) {
      run(half);
      const Held next = Held::now();
      descriptors = descriptors && grew(end.descriptors, next.descriptors, 0.2);
      threads = threads && grew(end.threads, next.threads, 0.2);
      heap = heap && grew(end.heap, next.heap, 12);
      end = next;
      ++halves;
    }
  });
  const std::string cycles = std::to_string(static_cast<std::uint64_t>(halves) * half) + " times " + std::string{what};
  c.check(!descriptors, cycles + " took " + std::to_string(end.descriptors - start.descriptors) + " descriptors that are still open");
  c.check(!threads, cycles + " left " + std::to_string(end.threads - start.threads) + " threads running");
  c.check(!heap, cycles + " took " + std::to_string(end.heap - start.heap) + " bytes of memory that were not given back");
}

}  // namespace hybridbuffer::conformance::clauses
