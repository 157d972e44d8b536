#pragma once

#include <hybridbuffer/detail/s3_engine.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <list>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1::detail {

/// What a location has in the store that nobody needs any more: replaced and removed objects, uploads to abort, objects whose commit
/// never answered. An entry stays until the store has confirmed that it is gone; one that a request on its way could bring back is asked
/// for once more, at the location's end or when there are many. Threads: any number at once.
class S3Waste {
 public:
  struct Entry {
    std::string key;
    std::string upload_id{};   ///< empty: an object
    bool all_uploads = false;  ///< of the key: one was begun, and its name never came back
    bool may_return = false;   ///< a request that was given up may still arrive
  };

  using Entries = std::list<Entry>;
  /// One entry, made while nothing is at stake yet. Errors: std::bad_alloc.
  [[nodiscard]] static Entries entry(std::string key, bool all_uploads = false) {
    Entries made;
    made.push_back({.key = std::move(key), .all_uploads = all_uploads});
    return made;
  }

  void add(Entries&& entries) noexcept {
    const std::lock_guard guard{lock_};
    entries_.splice(entries_.end(), entries);
  }

  /// Deletes and aborts, side by side. Errors: the first; what could not be removed is tried again the next time.
  [[nodiscard]] Result<void> clear(const S3PlaceRef& place, std::chrono::milliseconds deadline) noexcept {
    Entries taken;
    Entries gone;
    {
      const std::lock_guard guard{lock_};
      std::swap(taken, entries_);
    }
    auto verdict = remove(place, deadline, taken, gone);
    std::erase_if(gone, [](const Entry& entry) { return !entry.may_return; });
    const std::lock_guard guard{lock_};
    entries_.splice(entries_.end(), taken);
    returning_.splice(returning_.end(), gone);
    // A location that lives through many outages does not remember them all: the oldest are asked for once more by the next call already.
    while (returning_.size() > most_returning) {
      returning_.front().may_return = false;
      entries_.splice(entries_.end(), returning_, returning_.begin());
    }
    return verdict;
  }
  /// The next clear() also removes what may have returned.
  void look_again() noexcept {
    const std::lock_guard guard{lock_};
    entries_.splice(entries_.end(), returning_);
  }

  /// Removes entries; those that are gone are moved from `entries` to `gone`.
  [[nodiscard]] static Result<void> remove(const S3PlaceRef& place, std::chrono::milliseconds deadline, Entries& entries,
                                           Entries& gone) noexcept {
    if (entries.empty()) return {};
    Entries failed;
    Result<void> verdict{};
    try {
      verdict = remove(S3Lease{place}, S3Clock::now() + deadline, entries, gone, failed);
    } catch (const std::bad_alloc&) {
      verdict = failure(errc::no_space, "remove from an S3 store", "out of memory");
    }
    entries.splice(entries.end(), failed);
    return verdict;
  }

 private:
  /// Moves entries to `gone` and `failed`; where the time is over, some stay. Errors: the first; std::bad_alloc.
  [[nodiscard]] static Result<void> remove(const S3Lease& lease, S3Clock::time_point end, Entries& entries, Entries& gone,
                                           Entries& failed) {
    constexpr std::size_t at_once = 8;
    Result<void> verdict = name_all(lease, end, entries, gone, failed);
    std::vector<S3Call> calls(std::min(at_once, entries.size()));
    while (!entries.empty() && (verdict || S3Clock::now() < end)) {
      const std::size_t count = std::min(calls.size(), entries.size());
      auto one = entries.begin();
      for (std::size_t i = 0; i < count; ++i, ++one) {
        calls[i] = {};
        calls[i].request = {.operation{"remove an S3 object"}, .method = S3Method::remove, .key = one->key};
        if (!one->upload_id.empty()) calls[i].request.query = {{"uploadId", one->upload_id}};
      }
      for (std::size_t i = 0; i < count; ++i) lease.engine().submit(calls[i]);
      lease.engine().drive(lease.place(), end, [&] {
        return std::all_of(calls.begin(), calls.begin() + static_cast<std::ptrdiff_t>(count),
                           [](const S3Call& call) { return call.phase == S3Call::Phase::done; });
      });
      for (std::size_t i = 0; i < count; ++i) {
        const Result<void>& result = calls[i].result;
        if (result || result.error() == errc::not_found) {
          gone.splice(gone.end(), entries, entries.begin());
          continue;
        }
        if (verdict) verdict = result;
        failed.splice(failed.end(), entries, entries.begin());
      }
    }
    return verdict;
  }

  /// Puts an entry in the place of each that stands for all uploads of a key. Where the store does not tell them, that one fails, and
  /// keeps nobody else's from being removed. Errors: the first; std::bad_alloc.
  [[nodiscard]] static Result<void> name_all(const S3Lease& lease, S3Clock::time_point end, Entries& entries, Entries& gone,
                                             Entries& failed) {
    Result<void> verdict{};
    for (auto one = entries.begin(); one != entries.end();) {
      const auto here = one++;
      if (!here->all_uploads) continue;
      const auto named = name_uploads(lease, end, entries, here->key);
      Entries& where = named ? gone : failed;
      where.splice(where.end(), entries, here);
      if (verdict) verdict = named;
    }
    return verdict;
  }

  /// Puts an entry behind for each upload of `key`.
  [[nodiscard]] static Result<void> name_uploads(const S3Lease& lease, S3Clock::time_point end, Entries& entries, const std::string key) {
    S3Call call;
    call.request = {.operation{"list uploads to S3"}, .method = S3Method::get, .query = {{"uploads", ""}, {"prefix", key}}};
    call.may_fail_in_body = true;
    if (auto run = lease.engine().run(lease.place(), call, end); !run) return run;
    const auto document = S3XmlParser::parse(call.answer.body);
    if (!document) return failure(errc::io, "list uploads to S3", "unreadable answer");
    for (const S3Element& upload : document->children) {
      if (upload.name == "Upload" && upload.text_of("Key") == key) entries.push_back({key, std::string{upload.text_of("UploadId")}});
    }
    return {};
  }

  static constexpr std::size_t most_returning = 4;

  std::mutex lock_;
  Entries entries_;
  Entries returning_;  // removed once
};

}  // namespace hybridbuffer::inline v0_1::detail
