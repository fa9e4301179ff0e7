// Reads JSON text as JsonWriter writes it, in one go and without a tree: for what is read back by the ten
// thousands. It knows only plain text: no white space, keys in the order in which they are asked for, strings
// of printable ASCII without escapes. Anything else, valid JSON or not, makes it fail, without a reason: the
// caller then reads the text with parse_json, which reads all JSON and says what is wrong. So it never
// accepts what parse_json refuses, and reads the same values from what both accept.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace warpwright {

class JsonScanner {
 public:
  explicit JsonScanner(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  // After a failure every call is without effect, and what was read before it means nothing.
  bool failed() const { return failed_; }
  bool done() const { return !failed_ && at_ == end_; }  // all of it was read
  void fail() {
    failed_ = true;
    at_ = end_;
  }

  void open(char bracket);
  void close(char bracket);
  bool key(std::string_view name);  // is it the next one? Then its value is next
  bool item(char closing);          // is there one more before `closing`? Then it is next

  void read(std::string& text) { text = string(); }
  void read(double& number);
  void read(int64_t& number);
  void read(int& number);
  void read(bool& truth);
  void read(std::map<std::string, int64_t>& map) { read_map(map); }
  void read(std::map<std::string, std::string>& map) { read_map(map); }
  std::string_view string();  // of the text that is scanned

 private:
  template <class Map>
  void read_map(Map& map) {
    open('{');
    while (item('}')) {
      const std::string_view name = string();
      expect(':');
      read(map[std::string(name)]);
      needs_comma_ = true;
    }
    close('}');
  }
  void expect(char c);
  const char* end_of_integer(const char* from) const;  // null: not one
  const char* end_of_number(const char* from) const;

  const char* at_;
  const char* end_;
  bool needs_comma_ = false;
  bool failed_ = false;
};

}  // namespace warpwright
