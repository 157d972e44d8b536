#include "../buffer/fault_support.hpp"
#include "../support/forked_child.hpp"
#include "open_storage.hpp"

#include <hybridbuffer/hybrid_buffer.hpp>
#include <hybridbuffer/literals.hpp>
#include <hybridbuffer/transform/encrypted.hpp>
#include <hybridbuffer/transform/encrypted_file.hpp>

#include <algorithm>
#include <array>
#include <boost/test/unit_test.hpp>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <utility>
#include <vector>

// What publish() of an encrypted location gives a name when it is to stay encrypted: readable with the key alone, and whatever somebody
// does to it, nothing wrong is ever read.

namespace hybridbuffer::testing {
namespace {

constexpr std::size_t chunk = 16;
constexpr std::size_t header = EncryptionCodec::header_bytes;
constexpr std::size_t tag = detail::aead_tag_bytes;
constexpr std::size_t closing = EncryptionCodec::closing_bytes;

EncryptionKey key_of(std::string_view text) { return EncryptionKey::from_bytes(std::as_bytes(std::span{text})).value(); }
const EncryptionKey& key() {
  static const EncryptionKey made = key_of("sixteen bytes or more of a key");
  return made;
}

/// Bytes as a file would show them.
struct Image {
  Bytes bytes;
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const {
    if (offset >= bytes.size()) return std::size_t{0};
    const std::size_t count = std::min(out.size(), bytes.size() - static_cast<std::size_t>(offset));
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), count, out.begin());
    return count;
  }
  [[nodiscard]] Result<std::uint64_t> size() const { return bytes.size(); }
};

/// The encrypted file of `content`, appended in pieces, so that the location holds several runs of frames.
Bytes published(const Bytes& content, EncryptionOptions options = {.chunk_bytes = chunk, .key = key()}, std::size_t piece = 7) {
  options.published = PublishedForm::encrypted;
  const TemporaryDirectory directory;
  HybridBuffer buffer{SpillAt{3}, encrypted(FileStorage{{.directory = directory.path()}}, std::move(options))};
  for (std::size_t done = 0; done < content.size(); done += piece) {
    const std::span rest = std::span{content}.subspan(done);
    BOOST_TEST_REQUIRE(buffer.append(rest.first(std::min(piece, rest.size()))).has_value());
  }
  BOOST_TEST_REQUIRE(buffer.publish(directory.file("published")).has_value());
  Bytes bytes(content.size());
  BOOST_TEST_REQUIRE(buffer.read_at(0, bytes).value() == content.size());
  BOOST_TEST_REQUIRE((bytes == content));  // which stays readable
  return content_of(directory.file("published"));
}

bool reads(const EncryptedFileReader<Image>& file, const Bytes& content) {
  Bytes out(content.size() + 1);
  const auto count = file.read_at(0, out);
  if (!count || *count != content.size()) return false;
  out.resize(*count);
  return out == content;
}

/// No route shows a byte that is not right, and the whole cannot be read.
void expect_refused(const Bytes& image, const Bytes& content, const EncryptionKey& with = key()) {
  const auto file = open_encrypted(Image{image}, with);
  if (!file) {
    BOOST_TEST_REQUIRE((file.error() == errc::corrupted), file.error().message());
    return;
  }
  BOOST_TEST_REQUIRE(file->size().value() == content.size());
  bool found = false;
  for (std::size_t at = 0; at < content.size(); ++at) {
    std::array<std::byte, 1> out{std::byte{0xEE}};
    const auto count = file->read_at(at, out);
    if (count) {
      BOOST_TEST_REQUIRE((out[0] == content[at]));
    } else {
      BOOST_TEST_REQUIRE((count.error() == errc::corrupted));
      BOOST_TEST_REQUIRE((out[0] == std::byte{}));
      found = true;
    }
  }
  BOOST_TEST_REQUIRE(found);
}

BOOST_AUTO_TEST_CASE(every_length_round_a_chunk_reads_back_with_the_key_alone) {
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    for (const std::size_t length : {0U, 1U, 15U, 16U, 17U, 31U, 32U, 33U, 48U, 100U}) {
      BOOST_TEST_CONTEXT("length " << length) {
        const Bytes content = stream_bytes(0, length);
        const Bytes image = published(content, {.cipher = cipher, .chunk_bytes = chunk, .key = key()});
        BOOST_TEST(image.size() == header + length + (length + chunk - 1) / chunk * tag + closing);
        const auto file = open_encrypted(Image{image}, key());
        BOOST_TEST_REQUIRE(file.has_value());
        BOOST_TEST(file->size().value() == length);
        BOOST_TEST(reads(*file, content));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_window_is_exact) {
  const Bytes content = stream_bytes(0, 70);
  const auto file = open_encrypted(Image{published(content)}, key());
  BOOST_TEST_REQUIRE(file.has_value());
  for (std::size_t offset = 0; offset <= 72; ++offset) {
    for (std::size_t length = 0; length <= 72; ++length) {
      Bytes out(length);
      const std::size_t expected = offset < 70 ? std::min(length, 70 - offset) : 0;
      const auto count = file->read_at(offset, out);
      BOOST_TEST_REQUIRE((count.has_value() && *count == expected));
      const auto from = content.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(offset, 70));
      BOOST_TEST_REQUIRE(std::equal(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(expected), from));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_file_by_its_path_reads_as_a_stream) {
  const TemporaryDirectory directory;
  const Bytes content = stream_bytes(0, 1'000'000);
  HybridBuffer buffer{SpillAt{100'000},
                      encrypted(FileStorage{{.directory = directory.path()}}, {.key = key(), .published = PublishedForm::encrypted})};
  BOOST_TEST_REQUIRE(buffer.append(content).has_value());
  BOOST_TEST_REQUIRE(buffer.publish(directory.file("data")).has_value());

  auto file = open_encrypted_file(directory.file("data"), key());
  BOOST_TEST_REQUIRE(file.has_value());
  SeekingReader reader{std::move(*file)};
  Bytes all;
  Bytes block(30'000);
  for (;;) {
    const auto count = reader.read(block);
    BOOST_TEST_REQUIRE(count.has_value());
    if (*count == 0) break;
    all.insert(all.end(), block.begin(), block.begin() + static_cast<std::ptrdiff_t>(*count));
  }
  BOOST_TEST((all == content));
  BOOST_TEST(reader.seek(-10, Whence::end).value() == 999'990U);

  const auto missing = open_encrypted_file(directory.file("nothing"), key());
  BOOST_TEST_REQUIRE(!missing.has_value());
  BOOST_TEST((missing.error() == errc::not_found));
  const auto not_one = open_encrypted_file(directory.path(), key());
  BOOST_TEST_REQUIRE(!not_one.has_value());
  BOOST_TEST((not_one.error() == errc::unsupported));
}

BOOST_AUTO_TEST_CASE(every_flipped_bit_and_every_cut_is_found) {
  const Bytes content = stream_bytes(0, 3 * chunk - 3);
  for (const Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    const Bytes image = published(content, {.cipher = cipher, .chunk_bytes = chunk, .key = key()});
    for (std::size_t bit = 0; bit < 8 * image.size(); ++bit) {
      BOOST_TEST_CONTEXT("bit " << bit) {
        Bytes changed = image;
        changed[bit / 8] ^= std::byte{1} << (bit % 8);
        expect_refused(changed, content);
      }
    }
    for (std::size_t size = 0; size < image.size(); ++size) {
      BOOST_TEST_CONTEXT("cut to " << size) { expect_refused({image.begin(), image.begin() + static_cast<std::ptrdiff_t>(size)}, content); }
    }
    for (const std::size_t more : {1U, 16U, 32U, 1000U}) {
      Bytes longer = image;
      longer.insert(longer.end(), more, std::byte{});
      expect_refused(longer, content);
    }
  }
}

/// Bytes that a test changes while they are read.
struct SharedImage {
  std::shared_ptr<Image> image;
  [[nodiscard]] Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> out) const { return image->read_at(offset, out); }
  [[nodiscard]] Result<std::uint64_t> size() const { return image->size(); }
};

BOOST_AUTO_TEST_CASE(a_damaged_chunk_stays_so_a_missing_one_does_not_and_the_others_are_read) {
  const Bytes content = stream_bytes(0, 3 * chunk);
  const Image whole{published(content)};
  for (const bool is_cut : {false, true}) {
    const auto image = std::make_shared<Image>(whole);
    const auto file = open_encrypted(SharedImage{image}, key());
    BOOST_TEST_REQUIRE(file.has_value());
    const auto copy = *file;
    const auto expect_corrupted = [&](const EncryptedFileReader<SharedImage>& reader, std::size_t offset) {
      Bytes out(3 * chunk + 5, std::byte{0xEE});
      const auto count = reader.read_at(offset, out);
      BOOST_TEST((!count && count.error() == errc::corrupted));
      BOOST_TEST((out == Bytes(out.size())));
    };

    if (is_cut) image->bytes.resize(header + 2 * (chunk + tag) - 1);
    else image->bytes[header + chunk + tag] ^= std::byte{1};
    expect_corrupted(*file, 3);
    *image = whole;

    Bytes out(chunk);
    if (is_cut) {
      BOOST_TEST((file->read_at(chunk, out).value() == chunk && std::equal(out.begin(), out.end(), content.begin() + chunk)));
    } else {
      expect_corrupted(*file, 0);
      expect_corrupted(*file, 2 * chunk - 1);
      expect_corrupted(copy, chunk);
    }
    BOOST_TEST((file->read_at(0, out).value() == chunk && std::equal(out.begin(), out.end(), content.begin())));
    BOOST_TEST((file->read_at(2 * chunk, out).value() == chunk && std::equal(out.begin(), out.end(), content.end() - chunk)));
    BOOST_TEST(open_encrypted(SharedImage{image}, key()).has_value());
  }
}

BOOST_AUTO_TEST_CASE(frames_cannot_be_dropped_swapped_or_taken_from_elsewhere) {
  const Bytes content = stream_bytes(0, 4 * chunk);
  const Bytes image = published(content);
  const Bytes other = published(content);
  BOOST_TEST((image != other));  // a salt of its own each time
  const auto frame_of = [](const Bytes& bytes, std::size_t index) {
    return std::span{bytes}.subspan(header + index * (chunk + tag), chunk + tag);
  };
  const auto write = [](Bytes& bytes, std::size_t index, std::span<const std::byte> frame) {
    std::ranges::copy(frame, bytes.begin() + static_cast<std::ptrdiff_t>(header + index * (chunk + tag)));
  };

  Bytes swapped = image;
  write(swapped, 0, frame_of(image, 1));
  write(swapped, 1, frame_of(image, 0));
  expect_refused(swapped, content);
  Bytes repeated = image;
  write(repeated, 2, frame_of(image, 1));
  expect_refused(repeated, content);
  Bytes foreign = image;
  write(foreign, 1, frame_of(other, 1));
  expect_refused(foreign, content);
  // Whole frames taken out of the middle and of the end, with the closing record moved up.
  for (const std::size_t gone : {1U, 3U}) {
    Bytes shorter = image;
    const auto first = shorter.begin() + static_cast<std::ptrdiff_t>(header + gone * (chunk + tag));
    shorter.erase(first, first + static_cast<std::ptrdiff_t>(chunk + tag));
    expect_refused(shorter, content);
  }
  // The closing record and the header of another file of the same key.
  Bytes closed = image;
  std::copy(other.end() - static_cast<std::ptrdiff_t>(closing), other.end(), closed.end() - static_cast<std::ptrdiff_t>(closing));
  expect_refused(closed, content);
  Bytes headed = image;
  std::copy_n(other.begin(), header, headed.begin());
  expect_refused(headed, content);
}

BOOST_AUTO_TEST_CASE(another_key_opens_nothing) {
  const Bytes content = stream_bytes(0, 100);
  expect_refused(published(content), content, key_of("sixteen bytes or more of another"));
}

BOOST_AUTO_TEST_CASE(a_stored_object_is_no_file) {
  // The same key, the same chunks: the form is bound into the keys.
  const OpenStorage open;
  auto storage = encrypted(open, {.chunk_bytes = chunk, .key = key()});
  auto location = storage.create_backend();
  BOOST_TEST_REQUIRE(location.has_value());
  const Bytes content = stream_bytes(0, 40);
  BOOST_TEST_REQUIRE(write_all(location->create(), content, content.size()).has_value());
  Bytes image = *(*open.made)[0]->bytes;
  expect_refused(image, content);
  image[10] = std::byte{1};
  std::fill_n(image.begin() + 80, 8, std::byte{});
  expect_refused(image, content);
}

// The kernel wipes a key's memory in a forked child. Zeros are a key as well, which everybody has.
BOOST_AUTO_TEST_CASE(in_a_forked_child_a_key_is_closed_and_nothing_is_encrypted_without_one) {
  const EncryptionOptions options{.chunk_bytes = chunk, .key = key(), .published = PublishedForm::encrypted};
  const auto storage = encrypted(OpenStorage{}, options);
  const Image image{published(pattern(40))};
  const auto file = open_encrypted(image, key());
  BOOST_TEST_REQUIRE((storage.create_backend() && file));

  const int first_failure = first_failure_in_forked_child([&](auto holds) {
    Bytes out(40);
    const auto is_closed = [](const auto& result) { return !result && result.error() == errc::closed; };
    holds(key().bytes().empty());
    holds(is_closed(storage.create_backend()));
    holds(is_closed(open_encrypted(image, key())));
    holds(is_closed(file->read_at(0, out)));
    holds(is_closed(file->size()));
    const EncryptionKey own = key_of("a key that the child itself has made");
    holds(encrypted(OpenStorage{}, {.key = own}).create_backend().has_value());
    holds(encrypted(OpenStorage{}).create_backend().has_value());
  });

  BOOST_TEST(first_failure == 0);
}

BOOST_AUTO_TEST_CASE(what_was_moved_from_is_closed) {
  EncryptionKey key = key_of("sixteen bytes or more of a key");
  auto file = open_encrypted(Image{published(pattern(40))}, key).value();
  const EncryptionKey taken = std::move(key);
  const auto reader = std::move(file);
  Bytes out(40);

  // NOLINTBEGIN(bugprone-use-after-move): that is the question
  BOOST_TEST(key.bytes().empty());
  const auto location = encrypted(OpenStorage{}, {.key = key}).create_backend();
  BOOST_TEST((!location && location.error() == errc::closed));
  const auto count = file.read_at(0, out);
  BOOST_TEST((!count && count.error() == errc::closed));
  BOOST_TEST((file.size().error() == errc::closed));
  // NOLINTEND(bugprone-use-after-move)
  BOOST_TEST((taken.bytes().size() == 30U && reader.read_at(0, out) == out.size()));
}

BOOST_AUTO_TEST_CASE(without_a_key_there_is_nothing_to_publish) {
  const auto refused = encrypted(FileStorage{}, {.published = PublishedForm::encrypted}).create_backend();
  BOOST_TEST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(what_is_no_regular_file_is_refused_at_once) {
  const TemporaryDirectory directory;
  const std::string fifo = directory.path() + "/fifo";
  BOOST_TEST_REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);

  for (const std::string& path : {fifo, directory.path(), std::string{"/dev/null"}}) {
    const auto file = open_encrypted_file(path, key());
    BOOST_TEST((!file && file.error() == errc::unsupported), path);
  }
}

BOOST_AUTO_TEST_CASE(the_content_is_not_in_the_file) {
  const std::string marker = "a plain marker that nobody may see";
  Bytes content(5000);
  for (std::size_t at = 0; at + marker.size() < content.size(); at += 100) {
    std::ranges::copy(std::as_bytes(std::span{marker}), content.begin() + static_cast<std::ptrdiff_t>(at));
  }
  const Bytes image = published(content, {.chunk_bytes = 1024, .key = key()}, 999);
  const auto found = std::search(image.begin(), image.end(), content.begin(), content.begin() + static_cast<std::ptrdiff_t>(marker.size()));
  BOOST_TEST((found == image.end()));
  const auto file = open_encrypted(Image{image}, key());
  BOOST_TEST_REQUIRE(file.has_value());
  BOOST_TEST(reads(*file, content));
}

}  // namespace
}  // namespace hybridbuffer::testing
