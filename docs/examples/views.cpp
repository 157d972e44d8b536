// The snippets of docs/guide.md on views and streams. Needs range-v3.

#include <cstdio>
#include <cstdlib>
#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/mapped_reader.hpp>
#include <hybridbuffer/view/chunks.hpp>
#include <hybridbuffer/view/iostream.hpp>
#include <hybridbuffer/view/lines.hpp>
#include <hybridbuffer/view/output_iterator.hpp>
#include <range/v3/algorithm/copy.hpp>
#include <range/v3/view/filter.hpp>
#include <range/v3/view/take.hpp>
#include <span>
#include <string>
#include <string_view>

using namespace hybridbuffer;

namespace {

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "views.cpp: does not hold: %s\n", what);
  std::exit(1);
}

void by_lines() {
  HybridBuffer buffer{SpillAt{64}};
  require(buffer.append("GET /\nPOST /form\nGET /icon\nPOST /end\n").has_value(), "append");
  std::size_t posts = 0;
  // [lines]
  auto view = lines(buffer);  // through a cursor of its own: nothing is consumed
  const auto is_post = [](std::string_view line) { return line.starts_with("POST"); };
  for (const std::string_view line : view | ranges::views::filter(is_post) | ranges::views::take(10)) posts += line.empty() ? 0 : 1;
  const bool complete = view.status().has_value();  // or the error at which the lines ended
  // [lines]
  require(complete && posts == 2 && buffer.tell() == 0, "two lines");
}

void mapped() {
  HybridBuffer buffer{SpillAt{64}};
  require(buffer.append(std::string(100'000, 'x')).has_value(), "append");
  // [mapped]
  MappedReader cursor{buffer, 64_MiB};               // at tell(); one window of 64 MiB at most, 8 MiB unless it is said
  const auto shown = cursor.peek();                  // contiguous bytes, up to the window's end; then consume(n), or next_chunk()
  auto view = chunks(MappedReader{buffer}, 16_KiB);  // views over it copy nothing, either
  // [mapped]
  std::size_t total = 0;
  for (const std::span<const std::byte> chunk : view) total += chunk.size();
  require(shown && shown->size() == buffer.size() && view.status() && total == buffer.size(), "mapped bytes");
}

void as_stream() {
  HybridBuffer buffer{SpillAt{64}};
  std::string word;
  // [stream]
  BufferStream stream{buffer};
  stream << "total " << 42 << '\n';                 // appended at once; there is nothing to flush
  stream >> word;                                   // reads go on at the buffer's position
  const bool usable = stream.status().has_value();  // what badbit cannot tell
  // [stream]
  require(usable && word == "total", "a stream in both directions");
}

void through_an_iterator() {
  HybridBuffer buffer;
  const std::string_view text = "formatted";
  // [output]
  Appender appender{buffer};
  ranges::copy(text, appender.out());  // or std::format_to(appender.out(), …)
  const bool complete = appender.status().has_value();
  // [output]
  require(complete && buffer.to_string() == "formatted", "through an output iterator");
}

}  // namespace

int main() {
  by_lines();
  mapped();
  as_stream();
  through_an_iterator();
  return 0;
}
