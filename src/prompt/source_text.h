// A candidate's text as C++ reads it: what is code, comment, literal or launch plan; and the mends that a
// text from a chat needs before a compiler can read it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace warpwright::prompt {

enum class Region { kCode, kComment, kLiteral, kPlan };

// Reads a source line by line. Comments, string, character and raw string literals as in C++; the comment
// that begins with /*@plan is code of the plan language, but for the // comments in it. Typographic double
// quotes count as quotes, so that they can be told from those inside a literal.
class SourceReader {
 public:
  using Visit = std::function<void(std::string_view part, Region region)>;
  // A line without its end. `visit` sees its parts in order; together they are the line.
  void read(std::string_view line, const Visit& visit);
  // What the next line begins in.
  bool in_comment() const { return state_ == State::kComment || state_ == State::kPlan; }
  bool in_code() const { return state_ == State::kCode; }

 private:
  enum class State { kCode, kLineComment, kComment, kPlan, kString, kRaw };
  size_t read_code(std::string_view line, size_t at, const Visit& visit);
  size_t read_word(std::string_view line, size_t at);
  size_t read_plan(std::string_view line, size_t at, const Visit& visit);
  size_t read_string(std::string_view line, size_t at, const Visit& visit);
  size_t read_until(std::string_view line, size_t at, std::string_view closing);

  State state_ = State::kCode;
  char quote_ = '"';         // of kString
  std::string raw_closing_;  // of kRaw: )delimiter"
};

// Offsets of the first plan comment, from its / to behind its last /. None if there is none that is closed.
struct PlanSpan {
  size_t begin = 0, end = 0;
};
std::optional<PlanSpan> find_plan(std::string_view source);
// Nothing but the plan comment, other comments and space.
bool is_plan_alone(std::string_view source);
bool has_kernel(std::string_view source);  // __global__ stands in its code
// Every comment, literal and brace that is opened is closed.
bool is_whole(std::string_view source);

// Typographic quotes and dashes, full-width punctuation and exotic spaces become ASCII outside comments and
// literals; says what it did in `repairs`. Doing it again changes nothing.
std::string repair_code(std::string_view source, std::vector<std::string>& repairs);

// Every < of the text is written &lt; (as after a paste through a web page).
bool is_html_escaped(std::string_view text);
std::string unescape_html(std::string_view text);

}  // namespace warpwright::prompt
