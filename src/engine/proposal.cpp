#include "src/engine/proposal.h"

#include <fmt/format.h>

#include "src/base/hash.h"
#include "src/prompt/reply.h"
#include "src/search/decide.h"

namespace warpwright::engine {
namespace {

using events::Candidate;
using events::ProposalFailed;
using Kind = ProposalFailed::Kind;

Interpretation failure(const Candidate& candidate, Kind kind, std::string reason) {
  return {ProposalFailed{candidate.id, kind, std::move(reason)}, {}};
}

// Told once what is wrong, a model mends most of these; the rest of them it would only repeat.
bool is_worth_asking_again(const Candidate& candidate, const Agent* agent, Kind kind) {
  return agent != nullptr && candidate.turn == 0 && (kind == Kind::kDiffRefused || kind == Kind::kNoCode);
}

Result<Interpretation> refuse(const Candidate& candidate, const Answer& answer,
                              const prompt::ReplyProblem& problem, const Agent* agent,
                              const BlobLookup& blob) {
  if (!is_worth_asking_again(candidate, agent, problem.kind))
    return failure(candidate, problem.kind, problem.reason);
  TRY_ASSIGN(const std::string asked, blob(candidate.prompt_hash));
  TRY_ASSIGN(std::string again, render_follow_up(*agent, asked, answer.text, problem));
  events::FollowUpAsked event{candidate.id, candidate.turn + 1, sha256_hex(again), problem.reason};
  return Interpretation{std::move(event), {std::move(again)}};
}

events::Researched lessons_of(const Candidate& candidate, const prompt::Research& research) {
  events::Researched event{candidate.id, {}};
  const auto add = [&](const std::string& text, const char* evidence) {
    events::Lesson lesson;
    lesson.idea = text;
    lesson.evidence = evidence;
    lesson.candidate = candidate.id;
    event.lessons.push_back(std::move(lesson));
  };
  for (const std::string& text : research.lessons) add(text, "a model's reading of the run");
  for (const std::string& text : research.directions) add(text, "");
  return event;
}

std::string default_note(const Candidate& candidate) {
  if (!candidate.origin.parent) return candidate.origin.op;
  return fmt::format("{} on {}", candidate.origin.op, events::format_candidate_id(*candidate.origin.parent));
}

}  // namespace

Result<Interpretation> interpret(const Candidate& candidate, const Answer& answer,
                                 const std::string& parent_source, const Agent* agent, SourceStore& sources,
                                 const BlobLookup& blob) {
  if (answer.finish == "truncated")
    return failure(candidate, Kind::kTruncated,
                   "the answer was cut at its token limit: raise max_output_tokens");
  if (answer.finish == "refused") return failure(candidate, Kind::kRefused, "the model declined to answer");
  if (candidate.origin.op == "research") {
    const auto research = prompt::parse_research(answer.text);
    if (!research) return refuse(candidate, answer, research.error(), agent, blob);
    return Interpretation{lessons_of(candidate, *research), {}};
  }
  auto read = candidate.origin.op == "plan" ? prompt::read_plan_change(answer.text, parent_source)
                                            : prompt::read_candidate(answer.text, parent_source);
  if (!read) return refuse(candidate, answer, read.error(), agent, blob);
  const std::string hash = sources.add(read->source);
  auto declared = sources.declared_knobs(hash);
  KnobValues knobs = search::default_knobs(declared);
  events::Proposed event{
      candidate.id,     candidate.origin,    hash,
      std::move(knobs), std::move(declared), read->idea.empty() ? default_note(candidate) : read->idea};
  return Interpretation{std::move(event), {std::move(read->source)}};
}

}  // namespace warpwright::engine
