// What the scanner accepts, parse_json accepts with the same value.
#include "src/base/json_scanner.h"

#include <gtest/gtest.h>

#include "src/base/json.h"

namespace warpwright {
namespace {

template <class Value>
bool scans(std::string_view text, Value& value) {
  JsonScanner scanner(text);
  scanner.read(value);
  return scanner.done();
}

TEST(JsonScanner, NumbersAreJsonsNumbers) {
  for (const char* text : {"1.0", "-0.0", "0.5", "1e300", "1E-7", "5e-324", "12345678901234.5", "0.1e+2"}) {
    double value = 7;
    EXPECT_TRUE(scans(text, value)) << text;
    EXPECT_EQ(value, parse_json(text, "t").value().get<double>()) << text;
  }
  for (const char* text : {"", "-", "01.0", ".5", "1.", "1.e3", "1e", "1e+", "+1.0", "inf", "nan", "1.0x",
                           "0x1.0", "1e400", " 1.0", "\"1.0\"", "null"}) {
    double value = 7;
    EXPECT_FALSE(scans(text, value)) << text;
  }
  for (const char* text : {"0", "-0", "-7", "9223372036854775807", "-9223372036854775808"}) {
    int64_t value = 7;
    EXPECT_TRUE(scans(text, value)) << text;
    EXPECT_EQ(value, parse_json(text, "t").value().get<int64_t>()) << text;
  }
  for (const char* text : {"", "-", "00", "1.0", "1e3", "9223372036854775808", "true"}) {
    int64_t value = 7;
    EXPECT_FALSE(scans(text, value)) << text;
  }
}

TEST(JsonScanner, TextsWithEscapesAreLeftToTheParser) {
  std::string text;
  EXPECT_TRUE(scans(R"("a~ {}[]:,")", text));
  EXPECT_EQ(text, "a~ {}[]:,");
  for (const char* other : {R"("a\n")", "\"\xc3\xa4\"", "\"\x7f\"", "\"\n\"", "\"open", "bare", R"("a"b)"})
    EXPECT_FALSE(scans(other, text)) << other;
}

TEST(JsonScanner, KeysComeInTheOrderInWhichTheyAreAskedFor) {
  JsonScanner scanner(R"({"a":1,"c":{"x":1,"y":-2},"d":[true,false]})");
  int a = 0, b = 0;
  std::map<std::string, int64_t> c;
  scanner.open('{');
  ASSERT_TRUE(scanner.key("a"));
  scanner.read(a);
  EXPECT_FALSE(scanner.key("b"));
  ASSERT_TRUE(scanner.key("c"));
  scanner.read(c);
  ASSERT_TRUE(scanner.key("d"));
  scanner.open('[');
  std::vector<bool> d;
  while (scanner.item(']')) {
    bool item = false;
    scanner.read(item);
    d.push_back(item);
  }
  scanner.close(']');
  scanner.close('}');
  EXPECT_TRUE(scanner.done());
  EXPECT_EQ(a, 1);
  EXPECT_EQ(b, 0);
  EXPECT_EQ(c, (std::map<std::string, int64_t>{{"x", 1}, {"y", -2}}));
  EXPECT_EQ(d, (std::vector<bool>{true, false}));
}

TEST(JsonScanner, BrokenMapsFailAndEnd) {
  for (const char* text :
       {"{", "{,}", R"({"a":1,})", R"({"a":1 "b":2})", R"({"a"1})", R"({"a":})", R"({"a":1])", "[]"}) {
    std::map<std::string, int64_t> map;
    EXPECT_FALSE(scans(text, map)) << text;
  }
}

}  // namespace
}  // namespace warpwright
