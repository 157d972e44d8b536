#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <pthread.h>
#include <span>
#include <string_view>
#include <sys/mman.h>

namespace hybridbuffer::conformance::mutants {

/// How changes that a forked child makes reach the store of its parent, as they would reach a server: memory that both share.
///
/// A child may be killed at any instruction. Whatever its last post() was in the middle of is as if it had never been sent; what it had
/// posted before is there, complete and in order, for the collect() that follows its death.
class Mailbox {
 public:
  enum class Kind : std::uint8_t { put, commit, del };

  Mailbox() {
    void* address = ::mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (address == MAP_FAILED) return;
    auto* page = new (address) Page;  // its letters are left as they are: a process that posts nothing touches none of them
    page->count = 0;
    if (!page->make_mutex()) {
      ::munmap(address, sizeof(Page));
      return;
    }
    page_ = page;
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;
  ~Mailbox() {
    if (page_ != nullptr) ::munmap(page_, sizeof(Page));
  }

  /// In a child. What does not fit is lost, as a request can be.
  void post(Kind kind, std::string_view key, std::uint64_t offset, std::span<const std::byte> value) noexcept {
    if (page_ == nullptr) return;
    const Lock lock{*page_};
    if (page_->count == page_->letters.size()) return;
    Letter& letter = page_->letters[page_->count];
    if (key.size() > letter.key.size() || value.size() > letter.value.size()) return;
    letter.kind = kind;
    letter.offset = offset;
    letter.key_length = key.size();
    letter.value_length = value.size();
    std::copy(key.begin(), key.end(), letter.key.begin());
    std::copy(value.begin(), value.end(), letter.value.begin());
    ++page_->count;
  }

  /// In the parent: hands each letter to `take`.
  template <class Take>
  void collect(Take&& take) {
    if (page_ == nullptr) return;
    const Lock lock{*page_};
    for (const Letter& letter : std::span{page_->letters}.first(page_->count)) {
      take(letter.kind, std::string_view{letter.key.data(), letter.key_length}, letter.offset,
           std::span{letter.value}.first(letter.value_length));
    }
    page_->count = 0;
  }

 private:
  struct Letter {
    Kind kind;
    std::uint64_t offset;
    std::size_t key_length;
    std::size_t value_length;
    std::array<char, 96> key;
    std::array<std::byte, 8192> value;  // a chunk, or the record of a small object
  };

  struct Page {
    ::pthread_mutex_t mutex;
    std::size_t count;
    std::array<Letter, 1024> letters;

    bool make_mutex() noexcept {
      ::pthread_mutexattr_t attributes;
      if (::pthread_mutexattr_init(&attributes) != 0) return false;
      const bool made = ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
                        ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
                        ::pthread_mutex_init(&mutex, &attributes) == 0;
      ::pthread_mutexattr_destroy(&attributes);
      return made;
    }
  };

  // Robust: the kernel unlocks it when its owner dies. A letter counts only once it is written, so what the owner left is consistent.
  class Lock {
   public:
    explicit Lock(Page& page) noexcept : mutex_{&page.mutex} {
      if (::pthread_mutex_lock(mutex_) == EOWNERDEAD) ::pthread_mutex_consistent(mutex_);
    }
    Lock(const Lock&) = delete;
    Lock& operator=(const Lock&) = delete;
    ~Lock() { ::pthread_mutex_unlock(mutex_); }

   private:
    ::pthread_mutex_t* mutex_;
  };

  Page* page_ = nullptr;
};

}  // namespace hybridbuffer::conformance::mutants
