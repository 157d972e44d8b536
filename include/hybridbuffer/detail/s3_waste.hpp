#pragma once

#include <hybridbuffer/detail/s3_engine.hpp>
#include <hybridbuffer/error.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace hybridbuffer::detail {

/// What a location has in the store that nobody needs any more: replaced and removed objects, uploads to abort, objects whose commit
/// never answered. An entry stays until the store has confirmed that it is gone. Threads: any number at once.
class S3Waste {
 public:
  struct Entry {
    std::string key;
    std::string upload_id{};   ///< empty: an object
    bool all_uploads = false;  ///< of the key: one was begun, and its name never came back
  };

  /// Errors: std::bad_alloc.
  void add(Entry entry) {
    const std::lock_guard guard{lock_};
    entries_.push_back(std::move(entry));
  }

  /// Deletes and aborts, side by side. Errors: the first; what could not be removed is tried again the next time.
  [[nodiscard]] Result<void> clear(const S3PlaceRef& place, std::chrono::milliseconds deadline) {
    std::vector<Entry> taken;
    {
      const std::lock_guard guard{lock_};
      std::swap(taken, entries_);
    }
    if (taken.empty()) return {};
    Result<void> verdict{};
    try {
      verdict = remove(place, deadline, taken);
    } catch (const std::bad_alloc&) {
      verdict = failure(errc::no_space, "remove from an S3 store", "out of memory");
    }
    const std::lock_guard guard{lock_};
    entries_.insert(entries_.end(), std::make_move_iterator(taken.begin()), std::make_move_iterator(taken.end()));
    return verdict;
  }

  /// Removes entries; those that are gone are taken out of `entries`.
  [[nodiscard]] static Result<void> remove(const S3PlaceRef& place, std::chrono::milliseconds deadline, std::vector<Entry>& entries) {
    constexpr std::size_t at_once = 8;
    const S3Lease lease{place};
    const auto end = S3Clock::now() + deadline;
    Result<void> verdict{};
    for (std::size_t i = 0; i < entries.size();) {
      if (!entries[i].all_uploads) {
        ++i;
        continue;
      }
      if (auto named = name_uploads(lease, end, entries, entries[i].key); !named) return named;
      entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(i));
    }
    std::size_t kept = 0;  // at the beginning: those that failed
    while (kept < entries.size()) {
      const std::size_t count = std::min(at_once, entries.size() - kept);
      std::vector<S3Call> calls(count);
      for (std::size_t i = 0; i < count; ++i) {
        const Entry& entry = entries[entries.size() - 1 - i];
        calls[i].request = {.operation{"remove an S3 object"}, .method = S3Method::remove, .key = entry.key};
        if (!entry.upload_id.empty()) calls[i].request.query = {{"uploadId", entry.upload_id}};
        lease.engine().submit(*place, calls[i]);
      }
      lease.engine().drive(*place, end, [&] {
        return std::all_of(calls.begin(), calls.end(), [](const S3Call& call) { return call.phase == S3Call::Phase::done; });
      });
      std::vector<Entry> failed;
      for (std::size_t i = 0; i < count; ++i) {
        const Result<void>& result = calls[i].result;
        const bool is_gone = result || (result.error() == errc::not_found);
        if (!is_gone) failed.push_back(entries[entries.size() - 1 - i]);
        if (!is_gone && verdict) verdict = result;
      }
      entries.resize(entries.size() - count);
      entries.insert(entries.begin(), failed.begin(), failed.end());
      kept += failed.size();
      if (S3Clock::now() >= end) break;
    }
    return verdict;
  }

 private:
  /// Puts an entry behind for each upload of `key`.
  [[nodiscard]] static Result<void> name_uploads(const S3Lease& lease, S3Clock::time_point end, std::vector<Entry>& entries,
                                                 const std::string key) {
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

  std::mutex lock_;
  std::vector<Entry> entries_;
};

}  // namespace hybridbuffer::detail
