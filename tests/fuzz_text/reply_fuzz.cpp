// Replies: a candidate or a problem, never both, never more than was said, and nothing from the thinking.
#include <string>

#include "src/prompt/clean_reply.h"
#include "src/prompt/reply.h"
#include "src/prompt/source_text.h"
#include "tests/fuzz_text/harness.h"
#include "tests/fuzz_text/text_checks.h"

namespace warpwright::prompt {
namespace {

using fuzz::is_utf8;

constexpr std::string_view kParent =
    "// kernel\n/*@plan\nk<<<n, 32>>>(x);\n*/\n__global__ void k(float* x) {\n  const int i = threadIdx.x;\n"
    "  x[i] = 1.0f;\n  x[i] = 1.0f;\n}\n";

void check_line(std::string_view line, size_t max_bytes) {
  MUST(line.size() <= max_bytes + 6);  // " [cut]"
  MUST(is_utf8(line));
  MUST(line.find_first_of(std::string_view("\0\n\r\t\x1b", 5)) == std::string_view::npos);
}

void check_problem(const ReplyProblem& problem) {
  MUST(!problem.reason.empty() && problem.reason.size() <= 8200);
  MUST(is_utf8(problem.reason));
  using Kind = events::ProposalFailed::Kind;
  MUST(problem.kind == Kind::kNoCode || problem.kind == Kind::kDiffRefused ||
       problem.kind == Kind::kUnchanged);
}

void check_cleaning(std::string_view reply) {
  const auto once = clean_reply(reply);
  MUST(once.has_value() == (reply.size() <= kMaxReplyBytes));
  if (!once) return;
  MUST(once->text.size() <= reply.size());
  MUST(is_utf8(once->text));
  MUST(once->text.find_first_of(std::string_view("\0\r", 2)) == std::string::npos);
  const auto twice = clean_reply(once->text);
  MUST(twice && twice->text == once->text && twice->repairs.empty());
}

void check_repair(std::string_view reply) {
  std::string source(reply);
  std::erase(source, '\r');  // cleaning leaves none
  std::vector<std::string> repairs, again;
  const std::string repaired = repair_code(source, repairs);
  MUST(repair_code(repaired, again) == repaired && again.empty());
  MUST(repairs.empty() == (repaired == source));
  MUST(!fuzz::is_ascii_text(source) || repaired == source);
  MUST(split_lines(repaired).size() == split_lines(source).size());
  if (const auto plan = find_plan(source)) {
    MUST(plan->begin + 9 <= plan->end && plan->end <= source.size());
    MUST(source.compare(plan->begin, 7, "/*@plan") == 0 && source.compare(plan->end - 2, 2, "*/") == 0);
  }
}

void check_candidate(std::string_view reply, std::string_view parent) {
  const auto candidate = read_candidate(reply, parent);
  const auto parsed = parse_reply(reply);
  if (!candidate) {
    check_problem(candidate.error());
    return;
  }
  MUST(parsed && parsed->idea == candidate->idea);
  MUST(!is_blank(candidate->source) && candidate->source.size() <= kMaxReplyBytes);
  MUST(is_utf8(candidate->source));
  MUST(candidate->source.find_first_of(std::string_view("\0\r", 2)) == std::string::npos);
  MUST(!same_text(candidate->source, parent));
  check_line(candidate->idea, kMaxReplyIdeaBytes);
  MUST(candidate->repairs.size() < 1000);
  for (const std::string& repair : candidate->repairs) check_line(repair, 300);
  const auto plan = read_plan_change(reply, parent);
  MUST(plan.has_value() == plan_only_change(candidate->source, parent));
  MUST(!plan || plan_only_change(plan->source, parent));
  if (std::holds_alternative<NewPlan>(parsed->content)) MUST(plan.has_value());
  // What was read once is read alike from a clean reply of it alone.
  if (std::holds_alternative<Rewrite>(parsed->content) &&
      candidate->source.find("```") == std::string::npos && !is_html_escaped(candidate->source)) {
    const auto plain = read_candidate("```cuda\n" + candidate->source + "```\n", parent);
    if (plain) MUST(plain->source == candidate->source);
  }
}

// Whatever a model thinks, it answers what follows.
void check_thinking(std::string_view reply) {
  std::string draft(reply);
  for (char& c : draft)
    if (c == '<' || c == '[' || c == '\xe2') c = ' ';
  const std::string answer = "/*@plan k<<<1, 1>>>(x); */ __global__ void answer(float*) {}\n";
  const auto candidate =
      read_candidate("<think>" + draft + "</think>\n```cuda\n" + answer + "```\n", kParent);
  MUST(candidate && candidate->source == answer && candidate->idea.empty());
  MUST(!read_candidate("<think>" + draft, kParent));
}

void check_research(std::string_view reply) {
  const auto research = parse_research(reply);
  if (!research) return check_problem(research.error());
  MUST(!research->lessons.empty() || !research->directions.empty());
  for (const auto* items : {&research->lessons, &research->directions}) {
    MUST(items->size() <= kMaxResearchItems);
    for (const std::string& item : *items) check_line(item, kMaxResearchBytes);
  }
}

}  // namespace
}  // namespace warpwright::prompt

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace warpwright::prompt;
  const std::string_view reply = warpwright::fuzz::text_of(data, size);
  check_cleaning(reply);
  check_repair(reply);
  check_candidate(reply, kParent);
  check_candidate(reply, "");
  check_thinking(reply);
  check_research(reply);
  return 0;
}
