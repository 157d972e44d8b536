#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <sys/mman.h>
#include <utility>

namespace hybridbuffer::conformance::mutants {

/// How changes that a forked child makes reach the store of its parent, as they would reach a server: memory that both share.
class Mailbox {
 public:
  enum class Kind : std::uint8_t { put, commit, del };
  struct Letter {
    std::atomic<bool> complete{false};
    Kind kind = Kind::put;
    std::uint64_t offset = 0;
    std::size_t key_length = 0;
    std::size_t value_length = 0;
    std::array<char, 96> key{};
    std::array<std::byte, 1024> value{};
  };

  Mailbox() {
    void* address = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (address != MAP_FAILED) page_ = new (address) Page;
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() {
    if (page_ != nullptr) ::munmap(page_, sizeof(Page));
  }

  /// In a child. What does not fit is lost, as a request can be.
  void post(Kind kind, std::string_view key, std::uint64_t offset, std::span<const std::byte> value) noexcept {
    if (page_ == nullptr) return;
    const std::uint32_t index = page_->count.fetch_add(1);
    if (index >= page_->letters.size()) return;
    Letter& letter = page_->letters[index];
    if (key.size() > letter.key.size() || value.size() > letter.value.size()) return;
    letter.kind = kind;
    letter.offset = offset;
    letter.key_length = key.size();
    letter.value_length = value.size();
    std::copy(key.begin(), key.end(), letter.key.begin());
    std::copy(value.begin(), value.end(), letter.value.begin());
    letter.complete.store(true, std::memory_order_release);
  }

  /// In the parent: hands each new letter to `take`.
  template <class Take>
  void collect(Take&& take) {
    if (page_ == nullptr) return;
    while (taken_ < std::min<std::size_t>(page_->count.load(), page_->letters.size())) {
      Letter& letter = page_->letters[taken_];
      const bool complete = letter.complete.exchange(false, std::memory_order_acquire);
      if (!complete && !is_cut_off()) return;
      ++taken_;
      if (!complete) continue;
      take(letter.kind, std::string_view{letter.key.data(), letter.key_length}, letter.offset,
           std::span{letter.value}.first(letter.value_length));
    }
    auto count = page_->count.load();
    const bool all_taken = taken_ != 0 && taken_ == std::min<std::size_t>(count, page_->letters.size());
    if (all_taken && page_->count.compare_exchange_strong(count, 0)) taken_ = 0;
  }

 private:
  // The sender of the letter that is next may have been killed while it wrote.
  [[nodiscard]] bool is_cut_off() {
    const auto now = std::chrono::steady_clock::now();
    if (std::exchange(awaited_, taken_) != taken_) awaited_since_ = now;
    return now - awaited_since_ > std::chrono::milliseconds{20};
  }

  struct Page {
    std::atomic<std::uint32_t> count{0};
    std::array<Letter, 4096> letters;
  };
  Page* page_ = nullptr;
  std::size_t taken_ = 0;
  std::size_t awaited_ = ~std::size_t{0};
  std::chrono::steady_clock::time_point awaited_since_{};
};

}  // namespace hybridbuffer::conformance::mutants
