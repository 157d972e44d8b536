#pragma once

#include <hybridbuffer/detail/atomic.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace hybridbuffer::inline v0_1 {

/// The category of a failure: what a caller acts on. A `std::error_condition`, so `std::error_code{ENOSPC, std::system_category()} ==
/// errc::no_space` holds as well.
enum class errc : std::uint8_t {
  not_found = 1,     ///< there is certainly no such object
  closed,            ///< the object was closed, moved from, or belongs to another process
  invalid_argument,  ///< the call cannot mean anything; nothing was tried
  no_space,          ///< the store, its quota or the memory is full
  permission,        ///< the store refuses this caller
  timeout,           ///< no answer in time; the effect is unknown
  unavailable,       ///< the store cannot be reached, or not now; the effect is unknown
  corrupted,         ///< stored bytes are missing or altered
  unsupported,       ///< this composition cannot do it
  limit_exceeded,    ///< a configured limit forbids it
  busy,              ///< another handle is in the way
  already_exists,    ///< the destination exists and may not be replaced
  io,                ///< the store failed in a way that has no category of its own
};

/// The enumerator's name, as it appears in messages.
[[nodiscard]] constexpr std::string_view name_of(errc code) noexcept {
  switch (code) {
    case errc::not_found: return "not_found";
    case errc::closed: return "closed";
    case errc::invalid_argument: return "invalid_argument";
    case errc::no_space: return "no_space";
    case errc::permission: return "permission";
    case errc::timeout: return "timeout";
    case errc::unavailable: return "unavailable";
    case errc::corrupted: return "corrupted";
    case errc::unsupported: return "unsupported";
    case errc::limit_exceeded: return "limit_exceeded";
    case errc::busy: return "busy";
    case errc::already_exists: return "already_exists";
    case errc::io: return "io";
  }
  return "unknown";
}

/// The category of an `errno` value; `errc::io` for those that have none of their own.
[[nodiscard]] constexpr errc category_of_errno(int number) noexcept {
  switch (number) {
    case ENOENT:
    case ENOTDIR: return errc::not_found;
    case EBADF: return errc::closed;
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
    case ELOOP: return errc::invalid_argument;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM: return errc::no_space;
    case EACCES:
    case EPERM:
    case EROFS: return errc::permission;
    case ETIMEDOUT: return errc::timeout;
    case EAGAIN:
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EPIPE: return errc::unavailable;
    case EOPNOTSUPP:
    case ENOSYS:
    case EXDEV: return errc::unsupported;
    case EFBIG:
    case EOVERFLOW: return errc::limit_exceeded;
    case EBUSY:
    case ETXTBSY: return errc::busy;
    case EEXIST: return errc::already_exists;
    default: return errc::io;
  }
}

/// The `std::error_category` of `errc`.
[[nodiscard]] inline const std::error_category& error_category() noexcept {
  class Category final : public std::error_category {
    [[nodiscard]] const char* name() const noexcept override { return "hybridbuffer"; }
    [[nodiscard]] std::string message(int value) const override { return std::string{name_of(static_cast<errc>(value))}; }
    [[nodiscard]] bool equivalent(const std::error_code& code, int condition) const noexcept override {
      const bool is_errno = code.category() == std::system_category() || code.category() == std::generic_category();
      return is_errno && code.value() != 0 && category_of_errno(code.value()) == static_cast<errc>(condition);
    }
  };
  static const Category category;
  return category;
}

/// What std::error_condition is made of, so that codes of other categories compare with `errc`.
[[nodiscard]] inline std::error_condition make_error_condition(errc code) noexcept { return {static_cast<int>(code), error_category()}; }

/// The name of an operation: a string literal, so that an error can carry it without owning it.
class OperationName {
 public:
  /// Of a string literal.
  consteval OperationName(const char* literal) : text_{literal} {}  // NOLINT(google-explicit-constructor): a literal is one
  /// The literal.
  [[nodiscard]] constexpr const char* c_str() const noexcept { return text_; }

 private:
  const char* text_;
};

/// What went wrong, where, and the native code beneath it: "open file in /var/tmp: Permission denied [permission]".
///
/// 24 bytes; copying never throws. The subject (a path, a key) lives in one immutable block that copies share; when that block cannot
/// be allocated the error goes without it and keeps its code. Callers act on `code()`; the text is for people and holds no secret.
class Error {
 public:
  /// Without a native code. `subject`: what the operation was applied to.
  Error(errc code, OperationName operation, std::string_view subject = {}) noexcept : Error{code, operation, std::error_code{}, subject} {}

  /// With the code of the layer below.
  Error(errc code, OperationName operation, std::error_code native, std::string_view subject = {}) noexcept
      : code_{code}, native_value_{native.value()}, operation_{operation.c_str()} {
    const bool other_category = native && native.category() != std::system_category();
    if (other_category || !subject.empty()) details_ = Details::make(native.category(), subject);
    if (other_category && details_ == nullptr) native_value_ = 0;
  }

  /// The error of a failed system call.
  [[nodiscard]] static Error from_errno(int number, OperationName operation, std::string_view subject = {}) noexcept {
    return {category_of_errno(number), operation, std::error_code{number, std::system_category()}, subject};
  }

  Error(const Error& other) noexcept
      : code_{other.code_}, native_value_{other.native_value_}, operation_{other.operation_}, details_{other.details_} {
    if (details_ != nullptr) details_->references.fetch_add(1, detail::Order::relaxed);
  }
  Error(Error&& other) noexcept
      : code_{other.code_},
        native_value_{other.native_value_},
        operation_{other.operation_},
        details_{std::exchange(other.details_, nullptr)} {}
  Error& operator=(Error other) noexcept {
    code_ = other.code_;
    native_value_ = other.native_value_;
    operation_ = other.operation_;
    std::swap(details_, other.details_);
    return *this;
  }
  ~Error() {
    if (details_ != nullptr) Details::release(details_);
  }

  /// The category: what to act on.
  [[nodiscard]] errc code() const noexcept { return code_; }
  /// The code of the layer below (errno, …); value 0 when there is none.
  [[nodiscard]] std::error_code native() const noexcept {
    return {native_value_, details_ != nullptr ? *details_->category : std::system_category()};
  }
  /// What was tried.
  [[nodiscard]] std::string_view operation() const noexcept { return operation_; }
  /// What the operation was applied to; empty when that adds nothing.
  [[nodiscard]] std::string_view subject() const noexcept { return details_ != nullptr ? details_->view() : std::string_view{}; }
  /// One line for people. Errors: std::bad_alloc.
  [[nodiscard]] std::string message() const {
    std::string text{operation_};
    if (!subject().empty()) text.append(" ").append(subject());
    if (native_value_ != 0) text.append(": ").append(native().message());
    return text.append(" [").append(name_of(code_)).append("]");
  }

  /// True when the effect of the failed call is unknown: the store may or may not have done it.
  [[nodiscard]] bool is_indeterminate() const noexcept { return code_ == errc::timeout || code_ == errc::unavailable; }

  friend bool operator==(const Error& error, errc code) noexcept { return error.code_ == code; }
  /// What std::error_condition is made of.
  friend std::error_condition make_error_condition(const Error& error) noexcept { return hybridbuffer::make_error_condition(error.code_); }

 private:
  struct Details {
    detail::Atomic<std::uint32_t> references{1};
    std::uint32_t length;
    const std::error_category* category;

    Details(std::uint32_t text_length, const std::error_category& native) noexcept : length{text_length}, category{&native} {}

    [[nodiscard]] char* text() noexcept { return reinterpret_cast<char*>(this + 1); }
    [[nodiscard]] std::string_view view() const noexcept { return {reinterpret_cast<const char*>(this + 1), length}; }

    static Details* make(const std::error_category& category, std::string_view subject) noexcept {
      constexpr std::size_t longest = 4096;
      const std::size_t length = subject.size() < longest ? subject.size() : longest;
      void* block = ::operator new(sizeof(Details) + length, std::nothrow);
      if (block == nullptr) return nullptr;
      auto* details = new (block) Details{static_cast<std::uint32_t>(length), category};
      if (length != 0) std::memcpy(details->text(), subject.data(), length);
      return details;
    }
    static void release(Details* details) noexcept {
      if (details->references.fetch_sub(1, detail::Order::acq_rel) != 1) return;
      details->~Details();
      ::operator delete(static_cast<void*>(details));
    }
  };

  errc code_;
  int native_value_ = 0;
  const char* operation_;
  Details* details_ = nullptr;
};

static_assert(sizeof(Error) <= 24 && std::is_nothrow_copy_constructible_v<Error>);

/// The value, or the error that kept it from being made. Expected failures travel this way; nothing throws on an I/O path.
template <class T>
using Result = std::expected<T, Error>;

/// `return failure(errc::closed, "read");` from any function that returns a Result.
[[nodiscard]] inline std::unexpected<Error> failure(errc code, OperationName operation, std::string_view subject = {}) noexcept {
  return std::unexpected<Error>{std::in_place, code, operation, subject};
}

/// The failure that `errno` describes, for a system call that just failed.
[[nodiscard]] inline std::unexpected<Error> failure_from_errno(OperationName operation, std::string_view subject = {}) noexcept {
  return std::unexpected<Error>{Error::from_errno(errno, operation, subject)};
}

}  // namespace hybridbuffer::inline v0_1

template <>
struct std::is_error_condition_enum<hybridbuffer::errc> : std::true_type {};
