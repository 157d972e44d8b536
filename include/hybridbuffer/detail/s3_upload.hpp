#pragma once

#include <hybridbuffer/detail/s3_digest.hpp>
#include <hybridbuffer/detail/s3_engine.hpp>
#include <hybridbuffer/detail/s3_waste.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// A committed object.
struct S3Object {
  std::string key;
  std::string etag;
  std::uint64_t size = 0;
  /// What deletes it, made beforehand: giving it up needs no memory. Of whoever takes the object out of its location.
  mutable S3Waste::Entries removal{};
};
using S3ObjectRef = std::shared_ptr<const S3Object>;

/// The bytes of a part, with their digests. Grows as it is filled: an object of ten bytes takes 64 KiB.
class S3PartBytes {
 public:
  S3PartBytes(std::size_t most, bool has_md5) : most_{most} {
    if (has_md5) md5_.emplace(::EVP_md5());
  }
  S3PartBytes(S3PartBytes&&) = delete;
  S3PartBytes& operator=(S3PartBytes&&) = delete;
  ~S3PartBytes() { std::free(data_); }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  [[nodiscard]] std::size_t room() const noexcept { return most_ - size_; }

  /// Takes as much as there is room for; returns how much. Errors: std::bad_alloc.
  std::size_t take(std::span<const std::byte> bytes) {
    const std::size_t count = std::min(bytes.size(), room());
    if (count == 0) return 0;
    reserve(size_ + count);
    std::memcpy(data_ + size_, bytes.data(), count);
    size_ += count;
    sha256_.add(bytes.first(count));
    if (md5_) md5_->add(bytes.first(count));
    return count;
  }
  void clear() noexcept {
    size_ = 0;
    sha256_.restart();
    if (md5_) md5_->restart();
  }
  /// Sets the digests of a request with these bytes. `md5`: raw, empty where there is no MD5. Once.
  void sign(S3Call& call, std::string& md5) {
    Sha256 sha256{};
    Md5 digest{};
    if (sha256_.finish(sha256)) call.request.body_digest = s3_hex(sha256);
    if (md5_ && md5_->finish(digest)) {
      call.request.headers.emplace_back("content-md5", base64_of(digest));
      call.expected_md5 = s3_hex(digest);
      md5.assign(digest.begin(), digest.end());
    }
    call.request.body = bytes();
  }

 private:
  void reserve(std::size_t size) {
    if (size <= capacity_) return;
    constexpr std::size_t least = std::size_t{64} * 1024;
    const std::size_t capacity = std::min(std::max({least, size, capacity_ * 4}), most_);
    void* const moved = std::realloc(data_, capacity);
    if (moved == nullptr) throw std::bad_alloc{};
    data_ = static_cast<std::byte*>(moved);
    capacity_ = capacity;
  }

  std::size_t most_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
  S3Digest<32> sha256_{::EVP_sha256()};
  std::optional<S3Digest<16>> md5_{};
};

/// The bytes of one object on their way into the store: a single PUT when they fit into a part, else parts, several under way at once.
/// Nothing is visible under `key` before finish(); the key is used by nobody else.
class S3Upload {
 public:
  S3Upload(S3PlaceRef place, std::shared_ptr<S3Waste> waste, std::string key)
      : place_{std::move(place)}, waste_{std::move(waste)}, key_{std::move(key)} {
    object_->key = key_;
    object_->removal = S3Waste::entry(key_);
  }
  S3Upload(const S3Upload&) = delete;
  S3Upload& operator=(const S3Upload&) = delete;
  ~S3Upload() = default;

  [[nodiscard]] Result<void> write(std::span<const std::byte> bytes) {
    if (bytes.size() > max_size() - size_) return failure(errc::limit_exceeded, "write to an S3 object", "larger than an object may be");
    while (!bytes.empty()) {
      if (filling_ && filling_->bytes.room() == 0) {
        if (auto sent = send_part(); !sent) return sent;
      }
      if (!filling_) filling_ = free_.empty() ? std::make_unique<Part>(options()) : take_free();
      const std::size_t count = filling_->bytes.take(bytes);
      bytes = bytes.subspan(count);
      size_ += count;
      since_poll_ += count;
    }
    constexpr std::size_t poll_after = std::size_t{64} * 1024;
    if (!under_way_.empty() && since_poll_ >= poll_after) {
      since_poll_ = 0;
      lease_.engine().poll(*place_);
      return take_finished();
    }
    return {};
  }

  /// Makes the object. Until kept() says that a location has it, abandon() gives it up.
  /// Errors: after some, an indeterminate one for example, it may be there all the same.
  [[nodiscard]] Result<S3ObjectRef> finish() {
    if (!lease_) lease_ = S3Lease{place_};
    Result<std::string> etag = upload_id_.empty() ? put() : complete();
    if (!etag) return std::unexpected{std::move(etag).error()};
    upload_id_.clear();
    object_->etag = *std::move(etag);
    object_->size = size_;
    return S3ObjectRef{object_};
  }
  void kept() noexcept { may_exist_ = false; }

  /// Stops what is under way and lists what has to be removed.
  void abandon() noexcept {
    if (lease_) {
      for (const auto& part : under_way_) lease_.engine().cancel(part->call);
    }
    under_way_.clear();
    const auto give_up = [this](S3Waste::Entries& entry) noexcept {
      entry.front().may_return = true;
      waste_->add(std::move(entry));
    };
    if (!upload_id_.empty()) {
      upload_entry_.front().upload_id = std::exchange(upload_id_, {});
      give_up(upload_entry_);
    }
    if (std::exchange(has_nameless_, false)) give_up(nameless_entry_);
    if (std::exchange(may_exist_, false)) give_up(object_->removal);
  }
  /// In a forked child: what is under way is the parent's.
  void forget() noexcept {
    for (auto& part : under_way_) static_cast<void>(part.release());  // NOLINT(bugprone-unused-return-value): libcurl's copy refers to it
  }

  [[nodiscard]] const S3PlaceRef& place() const noexcept { return place_; }

 private:
  struct Part {
    explicit Part(const S3Options& options) : bytes{options.part_bytes, options.content_md5} {}
    S3PartBytes bytes;
    S3Call call{};
    std::size_t number = 0;  // from 0
  };
  struct Sent {
    std::string etag;
    std::string md5;
  };
  static constexpr std::uint64_t most_parts = 10'000;

  [[nodiscard]] const S3Options& options() const noexcept { return place_->options(); }
  [[nodiscard]] std::uint64_t max_size() const noexcept {
    return std::min<std::uint64_t>(options().max_object_size, options().part_bytes * most_parts);
  }
  [[nodiscard]] S3Clock::time_point deadline() const noexcept { return S3Clock::now() + options().timeouts.operation; }

  [[nodiscard]] std::unique_ptr<Part> take_free() noexcept {
    auto part = std::move(free_.back());
    free_.pop_back();
    return part;
  }

  /// Starts the part that was filled, once fewer than `parallel_parts` are under way.
  [[nodiscard]] Result<void> send_part() {
    if (upload_id_.empty()) {
      if (auto begun = begin(); !begun) return begun;
    }
    if (auto waited = wait_until(options().parallel_parts - 1); !waited) return waited;
    Part& part = *filling_;
    part.number = sent_.size();
    sent_.emplace_back();
    part.call.request = {.operation{"upload a part of an S3 object"},
                         .method = S3Method::put,
                         .key = key_,
                         .query = {{"partNumber", std::to_string(part.number + 1)}, {"uploadId", upload_id_}}};
    part.call.needs_etag = true;
    part.bytes.sign(part.call, sent_.back().md5);
    under_way_.push_back(std::move(filling_));
    lease_.engine().submit(under_way_.back()->call);
    return take_finished();
  }

  [[nodiscard]] Result<void> begin() {
    if (!lease_) lease_ = S3Lease{place_};
    S3Call call;
    call.request = {.operation{"begin an upload to S3"}, .method = S3Method::post, .key = key_, .query = {{"uploads", ""}}};
    call.request.headers = options().object_headers;
    call.may_fail_in_body = true;
    call.is_repeatable = false;
    upload_entry_ = S3Waste::entry(key_);
    nameless_entry_ = S3Waste::entry(key_, true);
    has_nameless_ = true;
    auto run = lease_.engine().run(*place_, call, deadline());
    if (!run) return run;
    const auto document = S3XmlParser::parse(call.answer.body);
    if (document) upload_id_ = document->text_of("UploadId");
    if (upload_id_.empty()) return failure(errc::io, "begin an upload to S3", "the answer names no upload");
    has_nameless_ = call.failures != 0;  // an attempt without an answer may have begun one
    return {};
  }

  [[nodiscard]] Result<void> wait_until(std::size_t most) {
    while (under_way_.size() > most) {
      lease_.engine().drive(*place_, deadline(), [&] {
        return std::any_of(under_way_.begin(), under_way_.end(), [](const auto& part) { return part->call.phase == S3Call::Phase::done; });
      });
      if (auto taken = take_finished(); !taken) return taken;
    }
    return {};
  }

  [[nodiscard]] Result<void> take_finished() {
    for (std::size_t i = 0; i < under_way_.size();) {
      Part& part = *under_way_[i];
      if (part.call.phase != S3Call::Phase::done) {
        ++i;
        continue;
      }
      if (!part.call.result) return part.call.result;
      sent_[part.number].etag = part.call.answer.etag;
      part.call = {};
      part.bytes.clear();
      free_.push_back(std::move(under_way_[i]));
      under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    return {};
  }

  [[nodiscard]] Result<std::string> put() {
    S3Call call;
    call.request = {.operation{"store an S3 object"}, .method = S3Method::put, .key = key_};
    call.request.headers = options().object_headers;
    std::string md5;
    if (filling_) filling_->bytes.sign(call, md5);
    may_exist_ = true;
    auto run = lease_.engine().run(*place_, call, deadline());
    constexpr long first_refusal = 400;
    const bool is_answered = !call.connected || call.answer.status >= first_refusal;  // by the store, or there was nobody to store it
    const bool is_refused = !run && call.failures <= 1 && !call.out_of_memory && !run.error().is_indeterminate() && is_answered;
    if (is_refused) may_exist_ = false;
    if (!run) return std::unexpected{std::move(run).error()};
    if (call.answer.etag.empty()) return look(deadline());
    return std::move(call.answer.etag);
  }

  [[nodiscard]] Result<std::string> complete() {
    if (filling_ && !filling_->bytes.bytes().empty()) {
      if (auto sent = send_part(); !sent) return std::unexpected{std::move(sent).error()};
    }
    if (auto waited = wait_until(0); !waited) return std::unexpected{std::move(waited).error()};
    std::string body{"<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">"};
    std::string digests;
    for (std::size_t i = 0; i < sent_.size(); ++i) {
      body.append("<Part><PartNumber>").append(std::to_string(i + 1)).append("</PartNumber><ETag>");
      body.append(xml_escape(sent_[i].etag)).append("</ETag></Part>");
      digests.append(sent_[i].md5);
    }
    body.append("</CompleteMultipartUpload>");
    S3Call call;
    call.request = {.operation{"complete an upload to S3"}, .method = S3Method::post, .key = key_, .query = {{"uploadId", upload_id_}}};
    call.request.body = std::as_bytes(std::span{body});
    call.may_fail_in_body = true;
    may_exist_ = true;
    const auto end = deadline();
    auto run = lease_.engine().run(*place_, call, end - options().timeouts.operation / 4);  // the rest is for looking
    std::string etag;
    if (run) {
      if (const auto document = S3XmlParser::parse(call.answer.body)) etag = document->text_of("ETag");
      if (!etag.starts_with('"')) etag = "\"" + etag + "\"";
      if (etag == multipart_etag(digests)) return etag;
    } else if (!run.error().is_indeterminate() && run.error() != errc::not_found) {
      return std::unexpected{std::move(run).error()};
    }
    // No answer, or the upload is gone because an earlier attempt completed it, or an ETag that is no MD5: the object itself tells.
    auto seen = look(end);
    if (seen || run) return seen;
    return std::unexpected{run.error() == errc::not_found ? Error{errc::io, "complete an upload to S3", "the upload is gone"}
                                                          : run.error()};
  }

  /// The ETag of the object, if it is there and as long as it must be. No other writer has this key.
  [[nodiscard]] Result<std::string> look(S3Clock::time_point end) {
    S3Call call;
    call.request = {.operation{"look for an S3 object"}, .method = S3Method::head, .key = key_};
    auto run = lease_.engine().run(*place_, call, end);
    if (!run) return std::unexpected{std::move(run).error()};
    if (call.answer.content_length != size_ || call.answer.etag.empty()) {
      return failure(errc::corrupted, "look for an S3 object", "it is not what was stored");
    }
    return call.answer.etag;
  }

  /// What S3 makes the ETag of an object in parts, unless it is encrypted with keys of a service.
  [[nodiscard]] std::string multipart_etag(std::string_view digests) const {
    S3Digest<16> md5{::EVP_md5()};
    Md5 digest{};
    md5.add(std::as_bytes(std::span{digests}));
    if (digests.size() != sent_.size() * digest.size() || !md5.finish(digest)) return {};
    return "\"" + s3_hex(digest) + "-" + std::to_string(sent_.size()) + "\"";
  }

  S3PlaceRef place_;
  std::shared_ptr<S3Waste> waste_;
  std::string key_;
  std::string upload_id_{};  // empty: none was begun
  std::shared_ptr<S3Object> object_ = std::make_shared<S3Object>();
  S3Waste::Entries upload_entry_{};    // what aborts the upload
  S3Waste::Entries nameless_entry_{};  // and those whose names never came back
  bool may_exist_ = false;             // a request that makes the object was sent; it was not refused, and no location has it
  bool has_nameless_ = false;          // an upload of this key may have been begun whose name never came back
  std::uint64_t size_ = 0;
  std::size_t since_poll_ = 0;
  std::unique_ptr<Part> filling_{};
  std::vector<std::unique_ptr<Part>> under_way_{};
  std::vector<std::unique_ptr<Part>> free_{};
  std::vector<Sent> sent_{};  // by part
  S3Lease lease_{};           // last: its engine lets go of the calls first
};

}  // namespace hybridbuffer::inline v0_1::detail
