#include "src/base/json_writer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <vector>

#include "src/base/json.h"
#include "src/base/rng.h"

namespace warpwright {
namespace {

template <class Value>
std::string written(const Value& value) {
  JsonWriter writer;
  writer.value(value);
  return writer.take();
}

// What follows from a number's bits, from its decimal digits, and whole ones.
TEST(JsonWriterTest, NumbersAreThoseOfADump) {
  std::vector<double> numbers = {0.0,
                                 -0.0,
                                 1,
                                 -1,
                                 0.1,
                                 1e-5,
                                 1e15,
                                 1e16,
                                 999999999,
                                 1e9,
                                 1e9 + 1,
                                 -1e9,
                                 1.5,
                                 1965,
                                 5e-324,
                                 1e308,
                                 1e21,
                                 123456789012345678.0,
                                 std::numeric_limits<double>::infinity(),
                                 std::nan("")};
  Rng rng(1);
  for (int i = 0; i < 2000; ++i) {
    const uint64_t bits = rng.next();
    double number = 0;
    std::memcpy(&number, &bits, sizeof number);
    numbers.push_back(number);
    numbers.push_back(std::round(rng.uniform() * 1e5) / 100);
    numbers.push_back(std::floor((rng.uniform() - 0.5) * 1e10));
  }
  for (const double number : numbers) EXPECT_EQ(written(number), dump_json(Json(number))) << number;
}

TEST(JsonWriterTest, TextsAreThoseOfADump) {
  std::vector<std::string> texts = {"",
                                    "plain",
                                    "\"",
                                    "\\",
                                    "a\nb\t\x01",
                                    "\x7f",
                                    "gr\xc3\xbc\xc3\x9f",
                                    "\xff"
                                    "broken",
                                    std::string("\0", 1),
                                    std::string(10'000, 'x')};
  Rng rng(2);
  for (int i = 0; i < 500; ++i) {
    std::string text;
    for (uint64_t left = rng.below(60); left > 0; --left)
      text += static_cast<char>(rng.below(i % 2 == 0 ? 128 : 256));
    texts.push_back(text);
  }
  for (const std::string& text : texts) EXPECT_EQ(written(text), dump_json(Json(text)));
}

TEST(JsonWriterTest, ContainersAreSeparated) {
  JsonWriter writer;
  writer.begin_object()
      .field("a", std::vector<double>{1, 2.5})
      .field("b", std::map<std::string, int64_t>{{"c", 3}});
  writer.key("d").begin_array().begin_object().end_object().value(0.0).value(true).value("x").end_array();
  writer.field("e", std::vector<int>{}).end_object();
  EXPECT_EQ(writer.take(), R"({"a":[1.0,2.5],"b":{"c":3},"d":[{},0.0,true,"x"],"e":[]})");
}

}  // namespace
}  // namespace warpwright
