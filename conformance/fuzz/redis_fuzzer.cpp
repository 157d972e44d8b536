#include <hybridbuffer/detail/redis_error.hpp>
#include <hybridbuffer/detail/redis_reply.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Any bytes as what a Redis server answers; the first one chooses in which pieces they arrive and how much of a text its reader wants.
// Beside what the sanitizers see: a reply is within its bounds, and the same in whatever pieces it came; a command that is formatted is
// read as the words that it was made of.

namespace {

using namespace hybridbuffer::detail;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

struct Size {
  std::size_t elements = 0;
  std::size_t text = 0;
};
void add(const RedisReply& reply, Size& size) {
  size.elements += reply.elements.size();
  size.text += reply.text.size();
  for (const RedisReply& one : reply.elements) add(one, size);
}

bool is_same(const RedisReply& one, const RedisReply& other) {
  return one.kind == other.kind && one.integer == other.integer && one.length == other.length && one.text == other.text &&
         std::ranges::equal(one.elements, other.elements, is_same);
}

struct Answers {
  std::vector<RedisReply> replies{};
  std::vector<std::vector<std::byte>> sinks{};
  RedisReader::State end{};
};

Answers read(std::string_view bytes, std::size_t piece, std::size_t sink_size) {
  Answers answers;
  RedisReader reader;
  RedisReply reply;
  std::vector<std::byte> sink(sink_size);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const std::string_view part = bytes.substr(at, piece);
    reader.feed(part.data(), part.size());
    while ((answers.end = reader.next(reply, sink)) == RedisReader::State::complete) {
      Size size;
      add(reply, size);
      require(size.elements <= RedisReader::most_elements, "a reply has no more elements than the bound");
      require(size.text <= RedisReader::most_text, "a reply holds no more text than the bound");
      answers.replies.push_back(reply);
      answers.sinks.push_back(sink);
      std::ranges::fill(sink, std::byte{});
    }
    if (answers.end != RedisReader::State::incomplete) break;
  }
  for (const RedisReply& one : answers.replies) {
    if (one.kind != RedisReply::Kind::error) continue;
    const auto error = error_of_redis(one.text, "fuzz");
    require(error.message().find('\n') == std::string::npos, "no answer breaks the line of a message");
  }
  return answers;
}

void read_in_pieces(std::string_view bytes, unsigned choice) {
  constexpr std::array<std::size_t, 4> sinks{0, 1, 16, 5000};
  constexpr std::array<std::size_t, 6> pieces{1, 2, 3, 7, 16, 100};
  const std::size_t sink = sinks[choice % sinks.size()];
  const Answers whole = read(bytes, std::max<std::size_t>(bytes.size(), 1), sink);
  const Answers parts = read(bytes, pieces[choice / sinks.size() % pieces.size()], sink);
  require(whole.end == parts.end, "pieces change nothing of the end");
  require(std::ranges::equal(whole.replies, parts.replies, is_same), "pieces change nothing of the replies");
  require(whole.sinks == parts.sinks, "pieces change nothing of what a sink gets");
}

void read_a_command(std::string_view bytes) {
  std::vector<std::string_view> words;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t size = static_cast<unsigned char>(bytes[at]) % 40U;
    words.push_back(bytes.substr(at + 1, size));
    at += 1 + size;
  }
  if (words.empty()) return;
  const RedisText text{words};
  const Answers answers = read({text.data(), text.size()}, text.size(), 0);
  require(answers.replies.size() == 1, "a command is one array");
  const RedisReply& array = answers.replies.front();
  const auto is_word = [](const RedisReply& reply, std::string_view word) {
    return reply.kind == RedisReply::Kind::text && reply.text == word;
  };
  require(array.kind == RedisReply::Kind::array && std::ranges::equal(array.elements, words, is_word), "a command is read as its words");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(data) + 1, size - 1};
  if (data[0] >= 200) read_a_command(bytes);
  else read_in_pieces(bytes, data[0]);
  return 0;
}
