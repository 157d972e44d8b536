#pragma once

#include <hybridbuffer/detail/s3_engine.hpp>
#include <hybridbuffer/error.hpp>

#include <chrono>
#include <memory>
#include <mutex>
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
    std::string upload_id{};  ///< empty: an object
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
    std::size_t kept = 0;
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
  std::mutex lock_;
  std::vector<Entry> entries_;
};

}  // namespace hybridbuffer::detail
