// Structures of plain data to JSON and back, from one list of their fields:
//
//   template <class V, Same<Dim3> T> void fields(V& visit, T& d) { visit("x", d.x); visit("y", d.y); }
//
// Reading is strict: every field is there with its type and within its range, and there is no other. Private
// to the device protocol, whose reader trusts nobody.
#pragma once

#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "src/base/json.h"

namespace warpwright::exec::codec {

template <class T, class U>
concept Same = std::same_as<std::remove_const_t<T>, U>;

template <class T>
inline constexpr bool is_vector = false;
template <class T>
inline constexpr bool is_vector<std::vector<T>> = true;
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;

std::string to_hex(const std::vector<std::byte>& bytes);
bool from_hex(const std::string& text, std::vector<std::byte>& bytes);

template <class T>
Json write_json(const T& value);

class FieldWriter {
 public:
  template <class T>
  void operator()(const char* key, const T& value) {
    json_[key] = write_json(value);
  }
  Json take() { return std::move(json_); }

 private:
  Json json_ = Json::object();
};

template <class T>
Json write_json(const T& value) {
  if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (std::is_enum_v<T>) {
    return static_cast<int>(value);
  } else if constexpr (std::is_same_v<T, std::vector<std::byte>>) {
    return to_hex(value);
  } else if constexpr (is_vector<T>) {
    Json list = Json::array();
    for (const auto& element : value) list.push_back(write_json(element));
    return list;
  } else if constexpr (is_optional<T>) {
    return value ? write_json(*value) : Json();
  } else if constexpr (is_variant<T>) {
    Json pair = Json::array({value.index()});
    std::visit([&](const auto& alternative) { pair.push_back(write_json(alternative)); }, value);
    return pair;
  } else {
    FieldWriter writer;
    fields(writer, value);
    return writer.take();
  }
}

// False: it does not fit, and `value` is anything.
template <class T>
bool read_json(const Json& json, T& value);

class FieldReader {
 public:
  explicit FieldReader(const Json& json) : json_(json), ok_(json.is_object()) {}
  template <class T>
  void operator()(const char* key, T& value) {
    if (!ok_) return;
    const auto found = json_.find(key);
    ok_ = found != json_.end() && read_json(*found, value);
    ++seen_;
  }
  bool complete() const { return ok_ && seen_ == json_.size(); }

 private:
  const Json& json_;
  bool ok_;
  size_t seen_ = 0;
};

template <class T>
bool read_integer(const Json& json, T& value) {
  if (!json.is_number_integer()) return false;
  if (json.is_number_unsigned()) {
    const auto number = json.get<uint64_t>();
    value = static_cast<T>(number);
    return std::in_range<T>(number);
  }
  const auto number = json.get<int64_t>();
  value = static_cast<T>(number);
  return std::in_range<T>(number);
}

template <size_t I = 0, class... T>
bool read_alternative(size_t index, const Json& json, std::variant<T...>& value) {
  if constexpr (I < sizeof...(T)) {
    if (index == I) return read_json(json, value.template emplace<I>());
    return read_alternative<I + 1>(index, json, value);
  } else {
    return false;
  }
}

template <class T>
bool read_json(const Json& json, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (json.is_boolean()) value = json.get<bool>();
    return json.is_boolean();
  } else if constexpr (std::is_integral_v<T>) {
    return read_integer(json, value);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (json.is_number()) value = json.get<T>();
    return json.is_number() && std::isfinite(value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    if (json.is_string()) value = json.get<std::string>();
    return json.is_string();
  } else if constexpr (std::is_enum_v<T>) {
    int number = -1;
    const bool known = read_integer(json, number) && number >= 0 && number < count_of(T{});
    value = static_cast<T>(known ? number : 0);
    return known;
  } else if constexpr (std::is_same_v<T, std::vector<std::byte>>) {
    return json.is_string() && from_hex(json.get_ref<const std::string&>(), value);
  } else if constexpr (is_vector<T>) {
    if (!json.is_array()) return false;
    value.resize(json.size());
    for (size_t i = 0; i < json.size(); ++i)
      if (!read_json(json[i], value[i])) return false;
    return true;
  } else if constexpr (is_optional<T>) {
    value.reset();
    return json.is_null() || read_json(json, value.emplace());
  } else if constexpr (is_variant<T>) {
    size_t index = 0;
    return json.is_array() && json.size() == 2 && read_integer(json[0], index) &&
           read_alternative(index, json[1], value);
  } else {
    FieldReader reader(json);
    fields(reader, value);
    return reader.complete();
  }
}

}  // namespace warpwright::exec::codec
