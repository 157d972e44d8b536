#include <boost/test/unit_test.hpp>

#include <hybridbuffer/view/iostream.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <ios>
#include <istream>
#include <sstream>
#include <string>
#include <string_view>
#include <tuple>

#include "view_support.hpp"

/// \file
/// A BufferStream and a std::stringstream, whose put position is its end as well, do the same at random, and answer the same.

namespace {

using namespace hybridbuffer;
using namespace hybridbuffer::testing;

// What a call delivered, and the state that it left.
using Answer = std::tuple<std::string, std::ios_base::iostate, std::streamsize>;

// One operation, as a function that can be applied to both; it has taken its random choices already.
using Operation = std::function<std::string(std::iostream&)>;

[[nodiscard]] Answer answer_of(const Operation& operation, std::iostream& stream) {
  std::string delivered = operation(stream);
  return {std::move(delivered), stream.rdstate(), stream.gcount()};
}

[[nodiscard]] std::string text_of(std::istream::int_type unit) { return unit < 0 ? "end" : std::string(1, static_cast<char>(unit)); }

// Lines, words and numbers, and every byte now and then.
[[nodiscard]] std::string random_text(Random& random) {
  std::string text;
  for (std::size_t pieces = random.below(30); pieces != 0; --pieces) {
    switch (random.below(5)) {
      case 0: text += std::to_string(random.below(100'000)) + ' '; break;
      case 1: text += '\n'; break;
      case 2: text += random.bytes(random.size_round(8)); break;
      case 3: text += std::string(random.size_round(100), 'w') + ' '; break;
      default: text += "word "; break;
    }
  }
  return text;
}

[[nodiscard]] Operation extraction(Random& random) {
  const std::size_t size = random.size_round(random.below(8) == 0 ? 4096 : 64);
  switch (random.below(9)) {
    case 0:
      return [](std::iostream& stream) {
        std::string line;
        std::getline(stream, line);
        return line;
      };
    case 1:
      return [](std::iostream& stream) {
        std::string word;
        stream >> word;
        return word;
      };
    case 2:
      return [](std::iostream& stream) {
        int number = -1;
        stream >> number;
        return std::to_string(number);
      };
    case 3: return [](std::iostream& stream) { return text_of(stream.get()); };
    case 4: return [](std::iostream& stream) { return text_of(stream.peek()); };
    case 5: return [=](std::iostream& stream) { return stream.ignore(static_cast<std::streamsize>(size)), std::string{}; };
    case 6: return [](std::iostream& stream) { return stream.ignore(1'000'000, 'w'), std::string{}; };
    default:
      return [=](std::iostream& stream) {
        std::string block(size, '?');
        stream.read(block.data(), static_cast<std::streamsize>(size));
        return block;
      };
  }
}

[[nodiscard]] Operation step_back(Random& random) {
  const std::size_t steps = random.below(4) == 0 ? 5000 : 1 + random.below(3);
  return [=](std::iostream& stream) {
    for (std::size_t i = 0; i < steps && stream.good(); ++i) stream.unget();
    return text_of(stream.peek());
  };
}

[[nodiscard]] Operation move(Random& random, std::size_t size) {
  static constexpr std::array directions{std::ios_base::beg, std::ios_base::cur, std::ios_base::end};
  const std::ios_base::seekdir direction = directions[random.below(directions.size())];
  // Now and then outside the content.
  const auto offset =
      static_cast<std::streamoff>(random.below(size + 3)) - (direction == std::ios_base::beg ? 1 : static_cast<std::streamoff>(size) / 2);
  return [=](std::iostream& stream) {
    stream.seekg(offset, direction);
    return std::to_string(static_cast<std::streamoff>(stream.tellg()));
  };
}

[[nodiscard]] Operation insertion(Random& random) {
  const std::string text = random_text(random);
  const auto number = static_cast<int>(random.below(1'000'000));
  switch (random.below(4)) {
    case 0: return [=](std::iostream& stream) { return stream << number << ' ' << -0.5 * number << std::flush, std::string{}; };
    case 1: return [=](std::iostream& stream) { return stream.put(text.empty() ? 'p' : text.front()), std::string{}; };
    case 2: return [=](std::iostream& stream) { return stream << text, std::string{}; };
    default:
      return [=](std::iostream& stream) { return stream.write(text.data(), static_cast<std::streamsize>(text.size())), std::string{}; };
  }
}

[[nodiscard]] Operation positions() {
  return [](std::iostream& stream) {
    return std::to_string(static_cast<std::streamoff>(stream.tellg())) + ',' + std::to_string(static_cast<std::streamoff>(stream.tellp()));
  };
}

[[nodiscard]] Operation any_operation(Random& random, std::size_t size) {
  switch (random.below(12)) {
    case 0: return positions();
    case 1: return move(random, size);
    case 2: return step_back(random);
    case 3:
    case 4:
    case 5: return insertion(random);
    default: return extraction(random);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(buffer_streams)

BOOST_AUTO_TEST_CASE_TEMPLATE(random_operations_answer_as_a_stringstream_does, Buffer, Buffers) {
  Random random{seed_of_this_run()};
  for (int round = 0; round < 30; ++round) {
    Buffer buffer{SpillAt{random.size_round(3000)}};
    BufferStream stream{buffer};
    std::stringstream model{std::string{}, std::ios_base::in | std::ios_base::out | std::ios_base::ate};
    for (int step = 0; step < 400; ++step) {
      const Operation operation = any_operation(random, static_cast<std::size_t>(buffer.size()));

      const Answer answer = answer_of(operation, stream);
      const Answer expected = answer_of(operation, model);

      BOOST_REQUIRE((answer == expected));
      BOOST_REQUIRE(stream.status().has_value());
      if (!stream.good() && random.below(3) != 0) {
        stream.clear();
        model.clear();
      }
      // Other ways to change the buffer, which need no sync().
      if (random.below(20) == 0) buffer.spill().value();
      if (random.below(20) == 0) {
        const std::string text = random_text(random);
        buffer.append(text).value();
        model.rdbuf()->sputn(text.data(), static_cast<std::streamsize>(text.size()));
      }
    }
    BOOST_TEST((buffer.size() == model.str().size()));
    buffer.seek(0).value();
    BOOST_TEST((buffer.to_string().value() == model.str()));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(seeks_to_random_places_read_what_is_there, Buffer, Buffers) {
  Random random{seed_of_this_run()};
  const std::string content = random.bytes(50'000);
  for (const Place place : places) {
    auto buffer = filled<Buffer>(place, content);
    BufferStream stream{buffer};
    for (int step = 0; step < 300; ++step) {
      const std::size_t offset = random.below(content.size() + 1);
      const std::size_t size = random.size_round(random.below(4) == 0 ? 4096 : 16);
      std::string block(size, '?');

      stream.seekg(static_cast<std::streamoff>(offset));
      stream.read(block.data(), static_cast<std::streamsize>(size));
      block.resize(static_cast<std::size_t>(stream.gcount()));

      BOOST_REQUIRE((block == content.substr(offset, size)));
      BOOST_REQUIRE(stream.eof() == (offset + size > content.size()));
      stream.clear();
      BOOST_REQUIRE((stream.tellg() == static_cast<std::streamoff>(offset + block.size())));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
