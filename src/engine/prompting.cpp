#include "src/engine/prompting.h"

#include <fmt/format.h>

#include <algorithm>

#include "src/engine/shown_source.h"
#include "src/llm/conversation_text.h"
#include "src/prompt/lessons.h"
#include "src/search/strategy.h"

namespace warpwright::engine {
namespace {

using events::Candidate;
using events::CandidateId;
using events::RunView;
using prompt::ShownCandidate;

class Gatherer {
 public:
  Gatherer(const PromptTask& task, const RunView& view, const BlobLookup& blob)
      : task_(task), view_(view), blob_(blob) {}

  Result<prompt::PromptContext> gather(const events::ModelRequested& request) {
    prompt::PromptContext context;
    context.op = request.origin.op;
    context.request_index = request.request_index;
    context.left_out = request.left_out;
    context.definition = &task_.definition;
    context.rules = &task_.sources.rules();
    context.selection = task_.config.selection;
    context.workloads = task_.sources.workloads();
    context.device = &task_.sources.device();
    context.target = task_.config.target;
    context.executor = task_.config.executor;
    context.view = &view_;
    const prompt::AgentConfig& agent = task_.agent.config;
    if (request.origin.parent) {
      TRY_ASSIGN(context.parent, show(*request.origin.parent, Detail::kWhole));
    }
    std::vector<CandidateId> others = request.origin.inspirations;
    if (request.origin.op == "crossover" && !others.empty()) {
      TRY_ASSIGN(context.second_parent, show(others.front(), Detail::kWhole));
      others.erase(others.begin());
    }
    for (CandidateId id : best_of_archive(agent.shown_top)) {
      // Who asks for no change of a program looks at the best one all the closer.
      const bool is_subject = !request.origin.parent && context.top.empty();
      TRY_ASSIGN(context.top.emplace_back(), show(id, is_subject ? Detail::kWhole : Detail::kSource));
    }
    for (CandidateId id : others) {
      if (is_shown(id)) continue;
      TRY_ASSIGN(context.diverse.emplace_back(), show(id, Detail::kSource));
    }
    for (CandidateId id : latest_failures(agent.shown_failures)) {
      TRY_ASSIGN(context.failures.emplace_back(), show(id, Detail::kWhole));
    }
    context.lessons = task_.memory.lessons.lessons_of(view_, view_.lessons, agent.shown_lessons);
    return context;
  }

 private:
  enum class Detail { kSource, kWhole };

  Result<ShownCandidate> show(CandidateId id, Detail detail) {
    const Candidate& candidate = *view_.find(id);
    shown_.insert(id);
    shown_sources_.insert(candidate.source_hash);
    ShownCandidate shown;
    shown.id = id;
    TRY_ASSIGN(const std::string source, blob_(candidate.source_hash));
    shown.source = shown_source(view_.started->search, candidate, source, {});
    shown.knobs = candidate.knobs;
    shown.status = candidate.status;
    shown.score = candidate.passed() ? candidate.score : 0;
    shown.result = view_.result_of(candidate);
    shown.note = candidate.note;
    const auto hash = view_.report_hash.find(candidate.result_key);
    if (detail == Detail::kSource || hash == view_.report_hash.end()) return shown;
    TRY_ASSIGN(shown.report, report(id, hash->second));
    return shown;
  }

  Result<EvaluationReport> report(CandidateId id, const std::string& hash) {
    PromptMemory& memory = task_.memory;
    if (const auto known = memory.reports.find(hash); known != memory.reports.end()) return known->second;
    TRY_ASSIGN(const std::string text, blob_(hash));
    TRY_ASSIGN(const Json json, parse_json(text, "report of " + events::format_candidate_id(id)));
    TRY_ASSIGN(EvaluationReport read, evaluation_report_from_json(json));
    memory.report_order.push_back(hash);
    if (memory.report_order.size() > PromptMemory::kMaxReports) {
      memory.reports.erase(memory.report_order.front());
      memory.report_order.pop_front();
    }
    return memory.reports.emplace(hash, std::move(read)).first->second;
  }

  bool is_shown(CandidateId id) const {
    return shown_.contains(id) || shown_sources_.contains(view_.find(id)->source_hash);
  }

  // The archive's best, each source once, whatever its knobs.
  std::vector<CandidateId> best_of_archive(size_t count) const {
    std::vector<CandidateId> best;
    std::set<std::string> sources = shown_sources_;
    for (CandidateId id : view_.archive) {
      if (best.size() == count) break;
      if (sources.insert(view_.find(id)->source_hash).second) best.push_back(id);
    }
    return best;
  }

  // Of models' making, applied, latest first; what the infrastructure lost is never shown.
  std::vector<CandidateId> latest_failures(size_t count) const {
    std::vector<CandidateId> failures;
    for (auto it = view_.candidates.rbegin(); it != view_.candidates.rend() && failures.size() < count;
         ++it) {
      const Candidate& c = it->second;
      const bool failed = c.phase == events::Phase::kApplied && !c.passed() && !c.duplicate_of;
      if (failed && !c.role.empty() && !shown_.contains(c.id)) failures.push_back(c.id);
    }
    return failures;
  }

  const PromptTask& task_;
  const RunView& view_;
  const BlobLookup& blob_;
  std::set<CandidateId> shown_;
  std::set<std::string> shown_sources_;
};

std::string blob_of(const llm::Conversation& conversation, std::string_view sections) {
  JsonWriter writer;
  llm::write_json(writer.begin_object().key("conversation"), conversation);
  writer.key("sections").raw(sections).end_object();
  return writer.take();
}

std::string sections_of(const prompt::BuiltPrompt& built) {
  JsonWriter writer;
  writer.begin_array();
  for (const prompt::Section& s : built.sections)
    writer.begin_object()
        .field("cut", s.cut)
        .field("cut_tokens", s.cut_tokens)
        .field("name", s.name)
        .field("place", s.is_system ? "system" : "user")
        .field("tokens", s.tokens)
        .end_object();
  writer.end_array();
  return writer.take();
}

}  // namespace

Result<RenderedPrompt> render_prompt(const PromptTask& task, const search::State& state,
                                     const events::ModelRequested& request, const BlobLookup& blob) {
  // Who samples the same question again and again tells nobody what came of it before.
  const bool is_blind = search::strategy_of(state.settings()) == search::Strategy::kBestOfN;
  const RunView seeds = is_blind ? search::seeds_alone(state.view()) : RunView{};
  Gatherer gatherer(task, is_blind ? seeds : state.view(), blob);
  TRY_ASSIGN(const prompt::PromptContext context, gatherer.gather(request));
  auto built = task.memory.prompts.build(task.agent.library, task.agent.config.prompt, context);
  if (!built) return add_context(built.error(), fmt::format("prompt of ticket {}", request.ticket));
  llm::Conversation conversation;
  conversation.system = std::move(built->system);
  conversation.messages = {{llm::Message::Role::kUser, std::move(built->user)}};
  RenderedPrompt rendered{blob_of(conversation, sections_of(*built)), std::nullopt};
  constexpr std::string_view kReplaced = "\xef\xbf\xbd";  // of bytes that are no UTF-8, in the blob
  if (rendered.blob.find(kReplaced) == std::string::npos) rendered.conversation = std::move(conversation);
  return rendered;
}

Result<std::string> render_follow_up(const Agent& agent, const std::string& prompt_blob,
                                     const std::string& reply, const prompt::ReplyProblem& problem) {
  TRY_ASSIGN(const Json json, parse_json(prompt_blob, "prompt"));
  TRY_ASSIGN(llm::Conversation conversation,
             llm::conversation_from_json(json.value("conversation", Json()), "prompt"));
  conversation.messages.push_back({llm::Message::Role::kAssistant, reply});
  conversation.messages.push_back({llm::Message::Role::kUser, prompt::follow_up(agent.library, problem)});
  return blob_of(conversation, dump_json(json.value("sections", Json::array())));
}

Result<llm::Conversation> conversation_of(const std::string& prompt_blob) {
  TRY_ASSIGN(const Json json, parse_json(prompt_blob, "prompt"));
  return llm::conversation_from_json(json.value("conversation", Json()), "prompt");
}

}  // namespace warpwright::engine
