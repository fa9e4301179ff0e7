// remove_thinking: the drafts that reasoning models write before their answer, in the forms that servers
// leave in the text when they do not take them out themselves.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "src/prompt/clean_reply.h"
#include "src/prompt/edit_blocks.h"
#include "src/prompt/fences.h"
#include "src/prompt/lines.h"

namespace warpwright::prompt {
namespace {

struct Tag {
  size_t begin = 0, end = 0;
  bool closing = false;
  size_t pair = 0;  // which opening and closing tag belong together
};

constexpr std::array<std::string_view, 8> kTagNames = {"think",      "thinking",   "thought",  "reasoning",
                                                       "reflection", "scratchpad", "analysis", "seed:think"};
struct LiteralPair {
  std::string_view open, close;
};
constexpr std::array<LiteralPair, 4> kLiteralPairs = {{{"[THINK]", "[/THINK]"},
                                                       {"◁think▷", "◁/think▷"},
                                                       {"<|begin_of_thought|>", "<|end_of_thought|>"},
                                                       {"<|channel>thought", "<channel|>"}}};

// <name> or <name attribute="1"> or </name>
std::optional<Tag> angle_tag(std::string_view text, size_t at) {
  constexpr size_t kMaxTag = 80;
  const size_t close = text.substr(at, kMaxTag).find_first_of(">\n");
  if (close == std::string_view::npos || text[at + close] != '>') return std::nullopt;
  std::string_view name = text.substr(at + 1, close - 1);
  const bool closing = name.starts_with('/');
  if (closing) name.remove_prefix(1);
  const std::string lower = lower_case(name.substr(0, name.find(' ')));
  const auto* known = std::find(kTagNames.begin(), kTagNames.end(), lower);
  if (known == kTagNames.end()) return std::nullopt;
  return Tag{at, at + close + 1, closing, static_cast<size_t>(known - kTagNames.begin())};
}

std::optional<Tag> tag_at(std::string_view text, size_t at) {
  if (text[at] == '<')
    if (auto tag = angle_tag(text, at)) return tag;
  for (size_t i = 0; i < kLiteralPairs.size(); ++i)
    for (const bool closing : {false, true}) {
      const std::string_view mark = closing ? kLiteralPairs[i].close : kLiteralPairs[i].open;
      if (text.substr(at, mark.size()) == mark)
        return Tag{at, at + mark.size(), closing, kTagNames.size() + i};
    }
  return std::nullopt;
}

// A tag that begins the line; with `anywhere`, also the first one behind it that is no `inline code`.
std::optional<Tag> tag_in_line(std::string_view text, size_t begin, size_t end, bool anywhere) {
  size_t at = begin + indent_of(text.substr(begin, end - begin)).size();
  while (at < end) {
    if (auto tag = tag_at(text, at); tag && tag->end <= end) return tag;
    if (!anywhere) return std::nullopt;
    if (text[at] != '`') {
      ++at;
      continue;
    }
    const std::string_view rest = text.substr(at, end - at);
    const std::string_view run = rest.substr(0, std::min(rest.find_first_not_of('`'), rest.size()));
    const size_t close = rest.find(run, run.size());
    at += close == std::string_view::npos ? run.size() : close + run.size();
  }
  return std::nullopt;
}

// Where the closing tag ends: of the same name if there is one, else of another.
std::optional<size_t> end_of_thinking(std::string_view text, const Tag& open) {
  if (open.pair >= kTagNames.size()) {
    const std::string_view mark = kLiteralPairs[open.pair - kTagNames.size()].close;
    const size_t at = text.find(mark, open.end);
    return at == std::string_view::npos ? std::nullopt : std::optional(at + mark.size());
  }
  std::optional<size_t> other;
  for (size_t at = open.end; (at = text.find("</", at)) != std::string_view::npos; at += 2) {
    const auto tag = angle_tag(text, at);
    if (tag && tag->pair == open.pair) return tag->end;
    if (tag && !other) other = tag->end;
  }
  return other;
}

std::string newlines_of(std::string_view text) {
  return std::string(static_cast<size_t>(std::count(text.begin(), text.end(), '\n')), '\n');
}

// Code is protected, in fences and in SEARCH/REPLACE blocks, but not from a tag that begins a line: drafts
// open fences and never close them.
std::string without_tags(std::string_view text, bool& cut) {
  std::string kept;
  Fence open;
  bool in_edit = false;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const auto tag = tag_in_line(text, at, end, !open && !in_edit);
    if (!tag) {
      const std::string_view line = text.substr(at, end - at);
      const Fence fence = fence_of(line);
      in_edit = is_search_line(line) || (in_edit && !is_replace_line(line));
      if (!open)
        open = fence;
      else if (fence.closes(open))
        open = {};
      kept.append(text.substr(at, end + 1 - at));
      at = end + 1;
    } else if (tag->closing) {
      kept = newlines_of(kept);
      open = {};
      in_edit = false;
      at = tag->end;
    } else {
      const auto close = end_of_thinking(text, *tag);
      const std::string_view before = text.substr(at, tag->begin - at);
      const std::string lines =
          newlines_of(text.substr(tag->begin, close.value_or(text.size()) - tag->begin));
      kept.append(before).append(lines);
      if (lines.empty() && !is_blank(before)) kept.push_back('\n');
      cut = !close;
      at = close.value_or(text.size());
    }
  }
  return kept;
}

// gpt-oss:
// <|start|>assistant<|channel|>analysis<|message|>...<|end|><|start|>assistant<|channel|>final<|message|>...
std::string without_channels(std::string_view text, bool& cut) {
  if (text.find("<|channel|>") == std::string_view::npos) return std::string(text);
  enum class Part { kAnswer, kThinking, kRole, kChannel };
  constexpr std::array<std::string_view, 7> kTokens = {
      "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|return|>", "<|call|>", "<|constrain|>"};
  std::string kept;
  Part part = Part::kAnswer;
  bool answer_channel = true, answered = false;
  while (!text.empty()) {
    const auto* token =
        std::find_if(kTokens.begin(), kTokens.end(), [&](auto mark) { return text.starts_with(mark); });
    if (token == kTokens.end()) {
      const size_t next = std::min(text.find("<|", 1), text.size());
      std::string_view body = text.substr(0, next);
      text.remove_prefix(next);
      if (part == Part::kChannel) {
        const size_t name = std::min(body.find_first_of(" \t\n"), body.size());
        answer_channel = trim(body.substr(0, name)) == "final";
        part = answer_channel ? Part::kAnswer : Part::kThinking;
        body.remove_prefix(name);
      }
      answered = answered || (part == Part::kAnswer && !is_blank(body));
      kept += part == Part::kAnswer ? std::string(body) : newlines_of(body);
      continue;
    }
    text.remove_prefix(token->size());
    if (*token == "<|start|>") {
      part = Part::kRole;
    } else if (*token == "<|channel|>") {
      part = Part::kChannel;
    } else if (*token == "<|message|>" || *token == "<|constrain|>") {
      part = answer_channel && *token == "<|message|>" ? Part::kAnswer : Part::kThinking;
    } else {
      answer_channel = true;
      part = Part::kAnswer;
    }
    if (!kept.empty() && kept.back() != '\n') kept.push_back('\n');
  }
  cut = cut || (!answered && part == Part::kThinking);
  return kept;
}

// The same after a server has dropped the special tokens: "analysisWe need ...assistantfinalHere is ..."
std::string without_bare_channels(std::string text) {
  constexpr std::string_view kAnswer = "assistantfinal";
  const size_t answer = text.rfind(kAnswer);
  if (!text.starts_with("analysis") || answer == std::string::npos) return text;
  return newlines_of(std::string_view(text).substr(0, answer)) + text.substr(answer + kAnswer.size());
}

}  // namespace

std::string remove_thinking(std::string text, std::vector<std::string>& repairs, bool& cut) {
  // What is removed can uncover more. A text that does not settle was made to confuse.
  constexpr int kRounds = 8;
  const std::string original = text;
  for (int round = 0; round < kRounds; ++round) {
    std::string next = without_tags(without_bare_channels(without_channels(text, cut)), cut);
    if (next == text) {
      if (text != original) repairs.emplace_back("the model's thinking left out");
      return text;
    }
    text = std::move(next);
  }
  repairs.emplace_back("tags of thinking without end: the whole reply left out");
  return {};
}

}  // namespace warpwright::prompt
