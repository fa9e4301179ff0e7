// read_candidate: a reply and its parent made into a candidate, and what differs between the two.
#include <fmt/format.h>

#include "src/prompt/clean_reply.h"
#include "src/prompt/lines.h"
#include "src/prompt/reply.h"
#include "src/prompt/source_text.h"

namespace warpwright::prompt {
namespace {

using Kind = events::ProposalFailed::Kind;

std::string_view text_of(std::string_view source, const PlanSpan& plan) {
  return source.substr(plan.begin, plan.end - plan.begin);
}

Parsed<std::string> with_plan(std::string_view parent, const std::string& comment) {
  const auto plan = find_plan(parent);
  if (!plan)
    return no_code(is_blank(parent)
                       ? "the reply holds a launch plan and no device code: give the whole candidate in one "
                         "```cuda block"
                       : "the reply holds a launch plan alone, and its parent has none to replace");
  return std::string(parent.substr(0, plan->begin)) + comment + std::string(parent.substr(plan->end));
}

Parsed<std::string> source_of(const ReplyContent& content, std::string_view parent,
                              std::vector<std::string>& repairs) {
  if (const auto* rewrite = std::get_if<Rewrite>(&content)) return rewrite->source;
  if (const auto* plan = std::get_if<NewPlan>(&content)) return with_plan(parent, plan->comment);
  if (is_blank(parent))
    return diff_refused(
        "there is no parent to edit (the source is empty): give the whole candidate in one ```cuda block");
  auto edited = apply_edits(parent, std::get<std::vector<Edit>>(content));
  if (!edited) return tl::unexpected(edited.error());
  for (std::string& repair : edited->repairs) repairs.push_back(std::move(repair));
  return repair_code(edited->source, repairs);
}

}  // namespace

Parsed<CandidateReply> read_candidate(std::string_view reply, std::string_view parent_source) {
  auto parsed = parse_reply(reply);
  if (!parsed) return tl::unexpected(parsed.error());
  CandidateReply candidate{{}, std::move(parsed->idea), std::move(parsed->repairs)};
  auto source = source_of(parsed->content, parent_source, candidate.repairs);
  if (!source) return tl::unexpected(source.error());
  if (same_text(*source, parent_source))
    return problem(Kind::kUnchanged, "the reply changes nothing: the candidate equals its parent");
  if (source->size() > kMaxReplyBytes)
    return no_code(
        fmt::format("the candidate has {} bytes, more than {} KiB", source->size(), kMaxReplyBytes >> 10));
  candidate.source = std::move(*source);
  return candidate;
}

Parsed<std::string> candidate_from_reply(std::string_view reply, std::string_view parent_source) {
  auto candidate = read_candidate(reply, parent_source);
  if (!candidate) return tl::unexpected(candidate.error());
  return std::move(candidate->source);
}

bool plan_only_change(std::string_view candidate, std::string_view parent_source) {
  const auto ours = find_plan(candidate), theirs = find_plan(parent_source);
  if (!ours || !theirs) return false;
  const auto around = [](std::string_view source, const PlanSpan& plan) {
    return std::string(source.substr(0, plan.begin)) + "/*@plan*/" + std::string(source.substr(plan.end));
  };
  return same_text(around(candidate, *ours), around(parent_source, *theirs)) &&
         !same_text(text_of(candidate, *ours), text_of(parent_source, *theirs));
}

Parsed<CandidateReply> read_plan_change(std::string_view reply, std::string_view parent_source) {
  auto candidate = read_candidate(reply, parent_source);
  if (!candidate) return candidate;
  if (!plan_only_change(candidate->source, parent_source))
    return diff_refused(
        "the reply changes more than the launch plan: change only what stands inside /*@plan ... */, or give "
        "the new "
        "plan alone in one ```plan block");
  auto source =
      with_plan(parent_source, std::string(text_of(candidate->source, *find_plan(candidate->source))));
  if (!source) return tl::unexpected(source.error());
  candidate->source = std::move(*source);
  return candidate;
}

}  // namespace warpwright::prompt
