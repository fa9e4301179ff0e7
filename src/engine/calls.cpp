// The engine's border to its models: calls going out, each committed before it is sent, and answers coming
// back.
#include <fmt/format.h>

#include <algorithm>

#include "src/base/log.h"
#include "src/engine/decision.h"
#include "src/engine/engine.h"
#include "src/engine/proposal.h"
#include "src/engine/shown_source.h"

namespace warpwright::engine {

using events::Candidate;

Result<std::string> Engine::blob(const std::string& hash) const {
  if (const auto kept = uncommitted_blobs_.find(hash); kept != uncommitted_blobs_.end()) return kept->second;
  return journal_.blob(hash);
}

// --- out ---

Result<void> Engine::want_call(const Candidate& candidate) {
  if (desk_ == nullptr)
    return usage_error(
        fmt::format("nobody answers for operator '{}': this run has no models", candidate.origin.op));
  llm::Wanted wanted;
  wanted.call.ticket = candidate.id;
  wanted.call.turn = candidate.turn;
  wanted.call.op = candidate.origin.op;
  wanted.call.index = candidate.request_index;
  wanted.attempts_made = candidate.attempts;
  if (auto rendered = conversations_.extract(candidate.id); rendered && candidate.turn == 0) {
    wanted.call.conversation = std::move(rendered.mapped());
  } else if (!candidate.prompt_hash.empty()) {
    TRY_ASSIGN(const std::string prompt, blob(candidate.prompt_hash));
    TRY_ASSIGN(wanted.call.conversation, conversation_of(prompt));
  }
  // Journals from before models had names know only the operator.
  wanted.models = {candidate.model.empty() ? candidate.origin.op : candidate.model};
  const auto role = config_.search.roles.find(candidate.role);
  if (role != config_.search.roles.end())
    for (const auto& [model, weight] : role->second)
      if (model != candidate.model) wanted.models.push_back(model);
  desk_->want(std::move(wanted));
  return {};
}

Result<void> Engine::send_calls() {
  if (desk_ == nullptr) return {};
  if (closing_) desk_->stop_admitting();
  const int64_t now_ms = clock_.monotonic_ms();
  const std::vector<llm::Admitted> admitted = desk_->admit(now_ms);
  for (const llm::Admitted& a : admitted)
    TRY(apply(events::CallStarted{a.call.ticket, a.call.turn, a.call.attempt, a.model,
                                  a.reserved_microdollars, a.reserved_tokens}));
  if (admitted.empty()) return {};
  TRY(commit());
  show();
  for (const llm::Admitted& a : admitted) desk_->send(a, now_ms);
  return {};
}

// --- in ---

Result<void> Engine::take_answers() {
  if (desk_ == nullptr) return {};
  for (auto& outcome : desk_->poll(clock_.monotonic_ms())) {
    if (auto* answered = std::get_if<llm::Answered>(&outcome)) {
      TRY(on_answered(std::move(*answered)));
    } else {
      const auto& failed = std::get<llm::AttemptFailed>(outcome);
      const bool is_left = calls_cancelled_ && failed.failure.kind == llm::FailureClass::kCancelled;
      if (!is_left) TRY(on_attempt_failed(failed));
    }
  }
  for (const std::string& warning : desk_->take_warnings()) spdlog::warn("{}", warning);
  return {};
}

Result<void> Engine::on_answered(llm::Answered answered) {
  in_flight_.erase({WorkKind::kAskProvider, answered.ticket});
  const llm::Reply& reply = answered.reply;
  const Candidate& candidate = *state_.view().find(answered.ticket);
  events::ModelAnswered event;
  event.ticket = answered.ticket;
  event.turn = answered.turn;
  event.attempt = answered.attempt;
  event.provider = answered.model;
  event.model = reply.model;
  event.finish = std::string(to_string(reply.finish));
  event.finish_detail = reply.finish_detail;
  event.request_hash = candidate.prompt_hash;
  event.reply_hash = keep(reply.text);
  event.input_tokens = reply.usage.input;
  event.output_tokens = reply.usage.output;
  event.cached_tokens = reply.usage.cached_read;
  event.cache_write_tokens = reply.usage.cache_write;
  event.reasoning_tokens = reply.usage.reasoning;
  event.usage_known = reply.usage.known;
  if (!reply.usage.known) event.input_tokens = answered.tokens;  // as booked
  event.cost_microdollars = answered.cost_microdollars;
  event.request_id = reply.request_id;
  event.first_byte_ms = reply.first_byte_ms;
  event.total_ms = reply.total_ms;
  const Answer answer{reply.text, event.finish};
  TRY(apply(std::move(event)));
  return read_answer(candidate, answer);
}

// Of an earlier process of this run, which got them and said no more.
Result<void> Engine::read_left_answers() {
  for (events::Ticket ticket = state_.applied(); ticket < state_.next_ticket(); ++ticket) {
    const std::string* finish = state_.unread_answer(ticket);
    if (finish == nullptr) continue;
    const Candidate& candidate = *state_.view().find(ticket);
    TRY_ASSIGN(std::string text, blob(candidate.reply_hash));
    TRY(read_answer(candidate, Answer{std::move(text), *finish}));
  }
  return {};
}

Result<void> Engine::read_answer(const Candidate& candidate, const Answer& answer) {
  std::string parent_source;
  if (candidate.origin.parent) {
    const Candidate& parent = *state_.view().find(*candidate.origin.parent);
    TRY(load_source(parent.source_hash));
    parent_source = shown_source(state_.settings(), parent, *setup_.sources->find(parent.source_hash),
                                 candidate.origin.op);
  }
  TRY_ASSIGN(Interpretation result,
             interpret(candidate, answer, parent_source, candidate.origin.op == "scripted" ? nullptr : agent_,
                       *setup_.sources, [this](const std::string& hash) { return blob(hash); }));
  for (std::string& text : result.blobs) keep(std::move(text));
  return apply(std::move(result.event));
}

Result<void> Engine::on_attempt_failed(const llm::AttemptFailed& failed) {
  events::CallFailed event;
  event.ticket = failed.ticket;
  event.turn = failed.turn;
  event.attempt = failed.attempt;
  event.model = failed.model;
  event.failure = std::string(to_string(failed.failure.kind));
  event.reason = failed.reason.empty() ? failed.failure.reason : failed.reason;
  event.http_status = failed.failure.http_status;
  event.charged_microdollars = failed.charged_microdollars;
  event.charged_tokens = failed.charged_tokens;
  event.counted = failed.counted;
  event.is_final = failed.final;
  spdlog::info("model {}: attempt {} for {} failed ({}): {}", failed.model, failed.attempt + 1,
               events::format_candidate_id(failed.ticket), event.failure, event.reason);
  const std::string reason = event.reason;
  TRY(apply(std::move(event)));
  if (!failed.final) return {};
  in_flight_.erase({WorkKind::kAskProvider, failed.ticket});
  return apply(events::ProposalFailed{failed.ticket, events::ProposalFailed::Kind::kProvider, reason});
}

// What is still in flight when the run cannot wait for it is lost, as if the process had been killed (see
// ModelUsage::lost) and asked for again on resume. No CallFailed tells of it: that would be charged to the
// candidate, and a run that was left would go on otherwise than one that was not.
Result<void> Engine::cancel_calls() {
  if (desk_ == nullptr) return {};
  calls_cancelled_ = true;
  desk_->cancel_all(clock_.monotonic_ms());
  return take_answers();
}

// --- stopping ---

// In flight, but for those to a person, who is in no hurry and takes no money.
int64_t Engine::calls_to_wait_for() const {
  if (desk_ == nullptr) return 0;
  int64_t count = 0;
  for (const llm::ModelStanding& model : desk_->standing(clock_.monotonic_ms()).models) {
    const auto config = config_.models.find(model.name);
    const bool is_person =
        config != config_.models.end() && config->second.provider == llm::ProviderKind::kManual;
    if (!is_person) count += model.in_flight;
  }
  return count;
}

int64_t Engine::evaluations_in_flight() const {
  return std::count_if(in_flight_.begin(), in_flight_.end(),
                       [](const WorkItem& item) { return item.kind != WorkKind::kAskProvider; });
}

// Once nothing else is under way: nothing more can be paid, or nobody can be asked.
std::optional<Stop> Engine::models_stop() {
  if (desk_ == nullptr || evaluations_in_flight() > 0) return std::nullopt;
  if (desk_->load(clock_.monotonic_ms()).in_flight > 0) return std::nullopt;
  const llm::Standing standing = desk_->standing(clock_.monotonic_ms());
  if (standing.budget_used) {
    stop_reason_ = *standing.budget_used;
    return Stop::kBudget;
  }
  if (!standing.all_paused) return std::nullopt;
  stop_reason_ = *standing.all_paused;
  return Stop::kModelsPaused;
}

}  // namespace warpwright::engine
