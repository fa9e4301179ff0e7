// Pieces of prompts: how long a text is for a model, and how others' text is quoted so that it stays data.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace warpwright::prompt {

// An estimate that holds for code and English within a quarter for the tokenizers in use: bytes / 3.2,
// rounded up.
int64_t estimate_tokens(std::string_view text);
size_t bytes_of_tokens(int64_t tokens);  // the most bytes that are no more than `tokens`; 0 for negative ones

// One line as inline code that it cannot close: `text`. At most `max_bytes` of it.
std::string inline_quote(std::string_view text, size_t max_bytes = 200);

// A fenced block that ends with a newline. The fence is longer than any run of backticks inside, and what a
// terminal or a reader would not see is left out (base/quotable.h), so the text cannot leave its block.
std::string fenced(std::string_view text, std::string_view info);

struct CutText {
  std::string text;
  int64_t cut_lines = 0;  // what is missing, 0: nothing
};
// Whole lines only. A line over `kMaxQuotedLine` bytes is shortened first, which does not count as cut.
inline constexpr size_t kMaxQuotedLine = 400;
CutText cut_end(std::string_view text, size_t max_bytes);  // keeps the beginning
CutText cut_middle(std::string_view text,
                   size_t max_bytes);  // keeps two thirds at the beginning, the rest at the end

// One line of at most `max_bytes`, cut behind a whole word, then " [cut]".
std::string cut_at_word(std::string_view text, size_t max_bytes);

// Messages that say one fact of one source line (other template arguments, threads, addresses) as one: the
// first of them, and how many there are like it. Messages that name no source line stay as they are.
struct FoldedMessage {
  std::string text;
  int64_t like_it = 0;
};
std::vector<FoldedMessage> fold_messages(const std::vector<std::string>& messages);
std::string like_it_text(int64_t like_it);  // "" or " [and 13 like it]"

std::string_view trim_blank(std::string_view text);  // without space and empty lines at both ends

// "1 line", "3 lines".
std::string count_of(int64_t count, std::string_view one, std::string_view many);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

// Three significant digits or so: "0.31", "12.4", "5310".
std::string short_number(double value);
std::string bytes_text(double bytes);    // "1.05 MB"
std::string percent_text(double share);  // "46 %"; "0.4 %" below one
std::string short_count(double count);   // "3.66M"

}  // namespace warpwright::prompt
