// JSON text in one go, without a tree: for what is written thousands of times a second. Writes what dump_json
// would for the same values; whoever writes an object gives its keys in alphabetical order, as a dump has
// them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

namespace warpwright {

class JsonWriter {
 public:
  JsonWriter& begin_object() { return open('{'); }
  JsonWriter& end_object() { return close('}'); }
  JsonWriter& begin_array() { return open('['); }
  JsonWriter& end_array() { return close(']'); }
  JsonWriter& key(std::string_view name);

  JsonWriter& value(std::string_view text);  // invalid UTF-8 is replaced
  JsonWriter& value(const std::string& text) { return value(std::string_view(text)); }
  JsonWriter& value(const char* text) { return value(std::string_view(text)); }
  JsonWriter& value(bool truth);
  JsonWriter& value(double number);  // not finite: null
  template <class Integer>
  requires(std::is_integral_v<Integer> && !std::is_same_v<Integer, bool>) JsonWriter& value(Integer number) {
    return integer(static_cast<int64_t>(number));
  }
  // Containers: an array of values, or an object from a map of texts.
  template <class Range>
  requires requires(const Range& range) {
    typename Range::value_type;
    range.begin();
  } &&(!std::is_convertible_v<Range, std::string_view>)JsonWriter& value(const Range& range) {
    if constexpr (requires { typename Range::mapped_type; }) {
      begin_object();
      for (const auto& [name, item] : range) key(name).value(item);
      return end_object();
    } else {
      begin_array();
      for (const auto& item : range) value(item);
      return end_array();
    }
  }
  JsonWriter& raw(std::string_view json);  // a value that is JSON text already

  template <class Value>
  JsonWriter& field(std::string_view name, const Value& item) {
    return key(name).value(item);
  }
  std::string take() { return std::move(text_); }

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  JsonWriter& integer(int64_t number);
  void separate();

  std::string text_;
  bool needs_comma_ = false;
};

}  // namespace warpwright
