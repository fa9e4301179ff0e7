#include "src/engine/decision.h"

#include "src/base/hash.h"
#include "src/engine/composing.h"
#include "src/search/decide.h"

namespace warpwright::engine {

Result<void> load_source(SourceStore& sources, const std::string& hash, const BlobLookup& blob) {
  if (sources.find(hash) != nullptr) return {};
  TRY_ASSIGN(std::string text, blob(hash));
  sources.add(std::move(text));
  return {};
}

Result<Decided> decide_next(const DecisionContext& context, const search::State& state) {
  SourceStore& sources = *context.setup.sources;
  // Sources that an earlier process of this run may have seen are loaded when they are asked about.
  Result<void> loaded;
  const auto load = [&](const std::string& hash) {
    if (loaded) loaded = load_source(sources, hash, context.blob);
    return loaded.has_value();
  };
  const auto accepts = [&](const std::string& hash, const KnobValues& knobs) {
    return load(hash) && sources.accepts(hash, knobs);
  };
  const search::Decision decision =
      search::decide(state, accepts, make_composer(sources, state.view(), load));
  TRY(loaded);
  Decided decided;
  if (const auto* exhausted = std::get_if<search::Exhausted>(&decision)) {
    decided.exhausted = exhausted->reason;
    return decided;
  }
  std::vector<events::DeclaredKnob> seed_knobs;
  if (const auto* seed = std::get_if<search::SeedProposal>(&decision)) {
    TRY(load_source(sources, seed->seed.source_hash, context.blob));
    seed_knobs = sources.declared_knobs(seed->seed.source_hash);
  }
  if (const auto* composed = std::get_if<search::ComposeProposal>(&decision))
    decided.blobs.emplace(composed->source.source_hash, *sources.find(composed->source.source_hash));
  decided.events.push_back(search::event_of(state, decision, seed_knobs));
  auto* request = std::get_if<events::ModelRequested>(&decided.events.front());
  if (request == nullptr || context.agent == nullptr || request->origin.op == "scripted") return decided;
  const PromptTask task{*context.agent, context.setup.definition, sources, context.config,
                        context.setup.memory};
  auto prompt = render_prompt(task, state, *request, context.blob);
  if (!prompt && prompt.error().kind == ErrorKind::kUsage) {  // this prompt's trouble, not the run's
    decided.events.push_back(events::ProposalFailed{request->ticket, events::ProposalFailed::Kind::kNoPrompt,
                                                    prompt.error().message});
    return decided;
  }
  if (!prompt) return tl::unexpected(prompt.error());
  request->prompt_hash = sha256_hex(prompt->blob);
  decided.blobs.emplace(request->prompt_hash, std::move(prompt->blob));
  decided.conversation = std::move(prompt->conversation);
  return decided;
}

}  // namespace warpwright::engine
