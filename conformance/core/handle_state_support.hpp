#pragma once

#include <hybridbuffer/error.hpp>
#include <hybridbuffer/handle_state.hpp>

/// \file
/// What the tests of handle_state.hpp share: a location of a number, and what its calls were answered.

namespace hybridbuffer::testing {

/// The "object" is a number: 0 means that there is none.
using Location = LocationState<int>;
using Writing = WriterState<int>;

inline Result<void> nothing() { return {}; }

inline Result<int> committed(const Location& location) {
  return location.read("read", [](const int& object) -> Result<int> { return object; });
}
inline Result<void> commit(Writing& writer, int value) {
  return writer.close([value](int& object) {
    object = value;
    return nothing();
  });
}
template <class T>
errc code_of(const Result<T>& result) {
  return result ? errc{} : result.error().code();
}

/// What a call was answered, and whether the function that it was given ran.
struct Answer {
  errc code;
  bool ran;
  friend bool operator==(const Answer&, const Answer&) = default;
};
inline constexpr Answer done{errc{}, true};

template <class Call>
Answer answer_of(Call&& call) {
  bool ran = false;
  const auto result = call([&ran](auto&&...) {
    ran = true;
    return nothing();
  });
  return {code_of(result), ran};
}
inline Answer read_answer(const Location& location) {
  return answer_of([&](auto function) { return location.read("read", function); });
}
inline Answer change_answer(Location& location) {
  return answer_of([&](auto function) { return location.change("change", function); });
}
inline Answer remove_answer(Location& location) {
  return answer_of([&](auto function) { return location.remove("remove", function); });
}
inline Answer write_answer(Writing& writer) {
  return answer_of([&](auto function) { return writer.write(function); });
}
inline Answer while_current_answer(Writing& writer) {
  return answer_of([&](auto function) { return writer.while_current("look", function); });
}
inline Answer close_answer(Writing& writer) {
  return answer_of([&](auto function) { return writer.close(function); });
}
constexpr Answer refused(errc code) { return {code, false}; }

}  // namespace hybridbuffer::testing
