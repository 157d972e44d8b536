#pragma once

#include <hybridbuffer/detail/url.hpp>
#include <hybridbuffer/error.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <ratio>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hybridbuffer::inline v0_1 {

/// The parameters of a storage URL, `?name=value&…`, decoded, in the order in which they stand. No name stands twice.
class UrlParameters {
 public:
  /// A name and a value, decoded.
  struct Parameter {
    std::string name;   ///< What stands before the `=`.
    std::string value;  ///< What stands behind the `=`.
  };

  UrlParameters() = default;

  /// Errors: `invalid_argument` for an empty parameter, one without `=`, a name that is none or stands twice, a value that is not
  ///         well encoded. A parameter without a usable name is told by its number, because it may be a part of a secret.
  [[nodiscard]] static Result<UrlParameters> parse(std::string_view query) {
    UrlParameters parameters;
    std::set<std::string_view> names;  // so that many cost little more each than few
    for (std::size_t number = 1; !query.empty(); ++number) {
      const std::size_t end = query.find('&');
      const std::string_view one = query.substr(0, end);
      if (end == query.size() - 1) return wrong_parameter(number + 1, "empty");
      query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
      const std::size_t equals = one.find('=');
      if (one.empty()) return wrong_parameter(number, "empty");
      if (equals == std::string_view::npos) return wrong_parameter(number, "without '='");
      const std::string_view name = one.substr(0, equals);
      if (!detail::is_name(name)) return wrong_parameter(number, "its name is none");
      if (!names.insert(name).second) return wrong_url("parameter", "given twice", name);
      auto value = detail::decode_url_part(one.substr(equals + 1), ":@/?", "parameter", name);
      if (!value) return std::unexpected{std::move(value).error()};
      parameters.all_.push_back({std::string{name}, *std::move(value)});
    }
    return parameters;
  }

  /// The value; nothing when there is no such parameter. May be a secret.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept {
    for (const Parameter& one : all_) {
      if (one.name == name) return one.value;
    }
    return std::nullopt;
  }
  /// Whether there is a parameter of that name.
  [[nodiscard]] bool has(std::string_view name) const noexcept { return find(name).has_value(); }
  /// In the order in which they stand.
  [[nodiscard]] const std::vector<Parameter>& all() const noexcept { return all_; }

 private:
  static std::unexpected<Error> wrong_parameter(std::size_t number, OperationName why) {
    detail::BoundedText text;
    text.add("parameter ").add(std::to_string(number)).add(": ").add(why.c_str());
    return failure(errc::invalid_argument, detail::reading_a_url, text.view());
  }

  std::vector<Parameter> all_;
};

/// Reads parameters into options, where they are given. Remembers the first that is wrong; its option is then as it was.
///
///     FileOptions options;
///     UrlParameterReader reader{url.parameters()};
///     reader.size("max_bytes", options.max_bytes).flag("sync_on_publish", options.sync_on_publish);
///     if (auto read = reader.status(); !read) return std::unexpected{read.error()};
///
/// Requires: the parameters outlive it.
class UrlParameterReader {
 public:
  /// Reads from `parameters`, which have to live as long.
  explicit UrlParameterReader(const UrlParameters& parameters) noexcept : parameters_{&parameters} {}

  /// Bytes: 65536, 64KiB, 16MiB, 1GB. `Bytes` is an unsigned type; what does not fit is wrong.
  template <std::unsigned_integral Bytes>
  UrlParameterReader& size(std::string_view name, Bytes& bytes) {
    return assign(name, bytes, "not a size such as 65536 or 16MiB", detail::parse_size);
  }
  /// A whole number.
  template <std::unsigned_integral Count>
  UrlParameterReader& count(std::string_view name, Count& number) {
    return assign(name, number, "not a whole number in its range", [](std::string_view text) {
      const auto parsed = detail::take_number(text);
      return text.empty() ? parsed : std::nullopt;
    });
  }
  /// `true` or `false`.
  UrlParameterReader& flag(std::string_view name, bool& value) { return choice(name, value, {{"true", true}, {"false", false}}); }
  /// As it is, decoded.
  UrlParameterReader& text(std::string_view name, std::string& value) {
    if (const auto found = parameters_->find(name)) value = *found;
    return *this;
  }
  /// A time: 30s, 250ms, 5min, 24h, 7d; a number alone counts seconds. One that `value` cannot hold exactly is wrong.
  template <class Count, class Period>
    requires(std::numeric_limits<Count>::digits >= 63 && std::ratio_greater_equal_v<Period, std::milli>)
  UrlParameterReader& duration(std::string_view name, std::chrono::duration<Count, Period>& value) {
    const auto found = parameters_->find(name);
    if (!found) return *this;
    const auto parsed = detail::parse_milliseconds(*found);
    if (!parsed || !std::in_range<std::int64_t>(*parsed)) return refuse(name, not_a_time);
    const std::chrono::milliseconds exact{static_cast<std::int64_t>(*parsed)};
    const auto rounded = std::chrono::duration_cast<std::chrono::duration<Count, Period>>(exact);
    if (rounded != exact) return refuse(name, not_a_time);
    value = rounded;
    return *this;
  }
  /// One of several words.
  template <class Value>
  UrlParameterReader& choice(std::string_view name, Value& value, std::initializer_list<std::pair<std::string_view, Value>> words) {
    const auto found = parameters_->find(name);
    if (!found) return *this;
    for (const auto& [word, meaning] : words) {
      if (*found != word) continue;
      value = meaning;
      return *this;
    }
    detail::BoundedText why;
    why.add("parameter '").add(name).add("': not one of ");
    for (const auto& [word, meaning] : words) why.add(word == words.begin()->first ? "" : ", ").add(word);
    return remember(failure(errc::invalid_argument, detail::reading_a_url, why.view()));
  }

  /// Remembers `why` as what is wrong with the parameter.
  UrlParameterReader& refuse(std::string_view name, OperationName why) { return remember(wrong_url("parameter", why, name)); }

  /// Errors: `invalid_argument` that names the first wrong parameter, and no value.
  [[nodiscard]] Result<void> status() const noexcept {
    if (is_wrong_) return std::unexpected{first_wrong_};
    return {};
  }

 private:
  template <class Number, class Parse>
  UrlParameterReader& assign(std::string_view name, Number& number, OperationName why, Parse&& parse) {
    const auto found = parameters_->find(name);
    if (!found) return *this;
    const std::optional<std::uint64_t> parsed = parse(*found);
    if (!parsed || *parsed > std::numeric_limits<Number>::max()) return refuse(name, why);
    number = static_cast<Number>(*parsed);
    return *this;
  }
  UrlParameterReader& remember(std::unexpected<Error> wrong) {
    if (!std::exchange(is_wrong_, true)) first_wrong_ = std::move(wrong).error();
    return *this;
  }

  static constexpr OperationName not_a_time{"not a time such as 30s, 250ms or 5min"};

  const UrlParameters* parameters_;
  bool is_wrong_ = false;
  Error first_wrong_{errc::invalid_argument, detail::reading_a_url};  // means something once is_wrong_ is set
};

}  // namespace hybridbuffer::inline v0_1
