#pragma once

#include "bytes.hpp"
#include "packing.hpp"

#include <hybridbuffer/conformance/harness.hpp>
#include <hybridbuffer/detail/process.hpp>
#include <hybridbuffer/error.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

/// \file
/// A key-value store in the process, of the kind that object stores and databases are: five primitives, codes of its own, a clock, a
/// capacity. It can be made to fail at any primitive, and other people's data stand in it.

namespace hybridbuffer::conformance::mutants {

/// How the store says what went wrong.
enum class NativeCode : std::uint8_t {
  no_such_key = 1,
  key_exists,
  full,
  denied,
  no_answer,
  unreachable,
  damaged,
  too_large,
  in_use,
  not_offered,
  interrupted,
  broken,
};

[[nodiscard]] const std::error_category& store_category() noexcept;

/// The native code of a failure of that category; nothing where the store cannot fail so.
[[nodiscard]] std::optional<NativeCode> native_code_of(errc category) noexcept;

template <class T>
using Answer = std::expected<T, NativeCode>;

class Mailbox;

/// Threads: any.
class Store {
 public:
  Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  ~Store();

  // The primitives ----------------------------------------------------------------------------------------------------------------

  /// Puts bytes into a value from `offset` on, which then ends behind them. Returns: how many it took, at least one of any.
  Answer<std::size_t> put(std::string_view key, std::uint64_t offset, std::span<const std::byte> bytes);
  /// Returns: how many bytes it gave; 0 only at the value's end.
  Answer<std::size_t> get(std::string_view key, std::uint64_t offset, std::span<std::byte> bytes);
  /// Replaces a value, wholly or not at all.
  Answer<void> commit(std::string_view key, std::span<const std::byte> bytes, bool only_if_absent = false);
  /// Succeeds also when there is none.
  Answer<void> del(std::string_view key);
  Answer<std::vector<std::string>> list(std::string_view prefix);

  // What an operator does ---------------------------------------------------------------------------------------------------------

  bool inject(const Fault& fault);
  [[nodiscard]] std::uint64_t faults_fired() const;
  [[nodiscard]] std::uint64_t calls() const noexcept { return calls_.load(); }
  void set_delay(std::chrono::milliseconds delay) noexcept { delay_ = delay; }
  /// Values of locations are dropped once none of the location's was used for that long.
  void set_lifetime(std::optional<std::chrono::seconds> lifetime);
  void advance_clock(std::chrono::seconds step);
  void plant_foreign();
  [[nodiscard]] bool foreign_intact() const;

  /// Looks into the store without a primitive.
  [[nodiscard]] std::size_t stored_objects();
  [[nodiscard]] std::uint64_t stored_bytes() const;
  [[nodiscard]] std::optional<Bytes> peek(std::string_view key) const;
  [[nodiscard]] std::vector<std::string> keys(std::string_view prefix);
  /// Changes a value behind everybody's back; false when there is none.
  bool tamper(std::string_view key, const std::function<void(Bytes&)>& change);
  void erase(std::string_view key);

  /// What clients show the store, and nobody else.
  static constexpr std::string_view password = "open-sesame-4711";
  /// Around a fork: no other thread may be in the middle of a primitive, or the child could never run one.
  void before_fork() { mutex_.lock(); }
  void after_fork() { mutex_.unlock(); }

  /// How long the store's clients wait for an answer.
  static constexpr std::chrono::milliseconds patience{10};
  /// The keys of locations begin so.
  static constexpr std::string_view locations = "loc-";

 private:
  struct Value {
    Bytes bytes;
    std::chrono::seconds used{};
    std::optional<Packed> packed{};  // in place of the bytes
    [[nodiscard]] std::size_t size() const noexcept { return packed ? packed->size() : bytes.size(); }
    void pack(std::string_view key);
    void unpack();
  };
  using Values = std::map<std::string, Value, std::less<>>;

  // What the fault does to the running primitive.
  enum class Firing : std::uint8_t { none, before, after, short_count, hang };
  struct Turn {
    Firing firing = Firing::none;
    NativeCode code = NativeCode::broken;
  };

  [[nodiscard]] Turn next_turn(bool can_be_short);
  void begin();
  [[nodiscard]] static NativeCode hang();
  template <class Effect>
  auto run(bool can_be_short, Effect&& effect) -> decltype(effect(false));
  void post_put(std::string_view key, std::uint64_t offset, std::span<const std::byte> bytes);
  void take_mail();
  [[nodiscard]] bool is_foreign(std::string_view key) const;

  mutable std::mutex mutex_;
  Values values_;
  std::map<std::string, Bytes, std::less<>> foreign_;
  std::uint64_t total_ = 0;
  std::chrono::seconds now_{0};
  std::optional<std::chrono::seconds> lifetime_;
  Fault fault_{};
  std::uint64_t until_fault_ = 0;
  std::uint64_t fired_ = 0;
  std::atomic<std::uint64_t> calls_{0};
  std::chrono::milliseconds delay_{0};
  hybridbuffer::detail::ProcessIdentity owner_;
  std::unique_ptr<Mailbox> mailbox_;
  // Only for bugs.
  struct Unsent {
    std::string key;
    std::uint64_t offset;
    Bytes bytes;
  };
  std::optional<Unsent> unsent_;
};

/// The store of this process: every factory and every harness works in the same one.
[[nodiscard]] const std::shared_ptr<Store>& the_store();

}  // namespace hybridbuffer::conformance::mutants
