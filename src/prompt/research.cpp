// parse_research: the lessons and directions of a research reply.
#include <fmt/format.h>

#include "src/base/quotable.h"
#include "src/prompt/clean_reply.h"
#include "src/prompt/fences.h"
#include "src/prompt/prose.h"
#include "src/prompt/reply.h"

namespace warpwright::prompt {
namespace {

void add(std::vector<std::string>& items, std::string_view text) {
  if (items.size() == kMaxResearchItems) return;
  std::string item = quotable_line(text, kMaxResearchBytes);
  if (!is_blank(item)) items.push_back(std::move(item));
}

}  // namespace

Parsed<Research> parse_research(std::string_view reply) {
  auto clean = clean_reply(reply);
  if (!clean) return tl::unexpected(clean.error());
  Research research;
  std::vector<std::string>* list = nullptr;  // of the heading "Lessons:" that the line stands under
  for (const std::string_view line : split_lines(clean->text)) {
    if (is_blank(line) || fence_of(line)) continue;
    const auto lesson = labelled_text(line, "lesson");
    const auto direction = lesson ? std::nullopt : labelled_text(line, "direction");
    const auto& text = lesson ? lesson : direction;
    if (text) {
      std::vector<std::string>& items = lesson ? research.lessons : research.directions;
      if (!text->empty()) add(items, *text);
      list = text->empty() ? &items : nullptr;
    } else if (const auto item = list_item(line); item && list) {
      add(*list, *item);
    } else {
      list = nullptr;
    }
  }
  if (research.lessons.empty() && research.directions.empty())
    return no_code(
        clean->cut_in_thinking
            ? "the reply ends inside its thinking: it states no lesson and no direction"
            : "the reply states no lesson and no direction: write each on a line of its own that begins "
              "with LESSON: or DIRECTION:");
  return research;
}

}  // namespace warpwright::prompt
