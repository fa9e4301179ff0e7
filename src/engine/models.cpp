#include "src/engine/models.h"

#include <fmt/format.h>

#include "src/base/files.h"
#include "src/base/log.h"
#include "src/engine/evolve.h"
#include "src/engine/open_run.h"
#include "src/engine/prompting.h"
#include "src/llm/command_provider.h"
#include "src/llm/endpoint_provider.h"
#include "src/llm/http_client.h"
#include "src/llm/manual_provider.h"
#include "src/llm/prices.h"
#include "src/llm/replay_provider.h"
#include "src/llm/scripted_provider.h"
#include "src/llm/secrets.h"

namespace warpwright::engine {
namespace {

namespace fs = std::filesystem;

constexpr const char* kScripted = "scripted";  // the model of the operator of that name

llm::ModelConfig free_model(const std::string& name, llm::ProviderKind kind) {
  llm::ModelConfig config;
  config.name = name;
  config.provider = kind;
  config.is_free = true;
  config.max_in_flight = 1'000'000;
  return config;
}

// The same program, started by this one, which hides the folder first (src/base/confine.h).
llm::ModelConfig without_folder(llm::ModelConfig config, const fs::path& hidden) {
  std::vector<std::string> command = {(program_directory() / "warpwright").string(), kWithoutCommand,
                                      hidden.string(), "--"};
  std::string& program = config.command.front();
  if (program.find('/') != std::string::npos) program = fs::absolute(program).string();
  command.insert(command.end(), config.command.begin(), config.command.end());
  config.command = std::move(command);
  return config;
}

// Shared by a run's providers while they are made.
struct Opening {
  const fs::path& run_directory;
  fs::path hidden;  // from programs that are asked: a full-agent run's answers come from the prompt alone
  llm::HttpClient& http;
  Clock& clock;
};

Result<std::shared_ptr<llm::Provider>> open_provider(const llm::ModelConfig& config, const Opening& opening) {
  using Kind = llm::ProviderKind;
  using Opened = std::shared_ptr<llm::Provider>;
  switch (config.provider) {
    case Kind::kOpenAiChat:
    case Kind::kOpenAiResponses:
    case Kind::kAnthropicMessages:
    case Kind::kGemini: {
      TRY_ASSIGN(const auto key, llm::load_key(config));
      return Opened(std::make_shared<llm::EndpointProvider>(config, llm::make_codec(config.provider),
                                                            key ? key->value : "", opening.http));
    }
    case Kind::kCommand:
      return Opened(std::make_shared<llm::CommandProvider>(
          opening.hidden.empty() ? config : without_folder(config, opening.hidden), opening.clock));
    case Kind::kManual: {
      const fs::path folder =
          config.folder.empty() ? opening.run_directory / "manual" : fs::path(config.folder);
      return Opened(std::make_shared<llm::ManualProvider>(config, folder, opening.clock));
    }
    case Kind::kScripted: {
      TRY_ASSIGN(auto scripted, llm::ScriptedProvider::open(config.folder));
      return Opened(std::make_shared<llm::ScriptedProvider>(std::move(scripted)));
    }
    case Kind::kReplay:
      break;
  }
  TRY_ASSIGN(auto provider, open_recorded_answers(config.folder));
  return Opened(std::move(provider));
}

// Programs, people and files cost nothing unless their table says so.
std::optional<llm::Price> settled_price(const llm::ModelConfig& config, const llm::Prices& prices) {
  return llm::is_http(config.provider) ? llm::price_of(config, prices) : config.price.value_or(llm::Price{});
}

// Older journals have other words.
llm::FinishClass finish_of(const std::string& text) {
  if (text == "truncated" || text == "length") return llm::FinishClass::kTruncated;
  return text == "refused" || text == "refusal" ? llm::FinishClass::kRefused : llm::FinishClass::kComplete;
}

int64_t microdollars(double dollars) {
  return static_cast<int64_t>(dollars * 1e6);
}

}  // namespace

Models::Models() = default;
Models::~Models() {
  desk_.reset();
}

llm::Spent spent_so_far(const events::RunView& view) {
  llm::Spent spent;
  for (const auto& [name, usage] : view.models) {
    spent.microdollars += usage.microdollars;
    spent.tokens += usage.input_tokens + usage.output_tokens + usage.charged_tokens;
    spent.calls += usage.answered + usage.counted + usage.lost;
  }
  // Whoever asks is not in the middle of a call: these died with the process that made them.
  for (const auto& [turn, call] : view.open_calls)
    spent += {call.reserved_microdollars, call.reserved_tokens, 1};
  return spent;
}

Result<std::unique_ptr<Models>> open_models(const RunConfig& config, const fs::path& run_directory,
                                            const events::RunView& view, Clock& clock) {
  auto models = std::make_unique<Models>();
  if (config.models.empty() && config.scripted_folder.empty()) return models;
  TRY_ASSIGN(models->http_, llm::HttpClient::create(clock));
  TRY_ASSIGN(const fs::path home, find_home());
  TRY_ASSIGN(const llm::Prices prices, llm::Prices::load(home / "configs/models/prices.toml"));
  const llm::Budget budget{microdollars(config.max_dollars), config.max_tokens, config.max_calls};
  models->desk_ = std::make_unique<llm::CallDesk>(budget, spent_so_far(view), config.seed);
  const Opening opening{run_directory, config.seeds_allowed ? fs::path() : home, *models->http_, clock};
  for (const auto& [name, model] : config.models) {
    auto provider = open_provider(model, opening);
    if (!provider) return add_context(provider.error(), "models." + name);
    TRY(models->desk_->add_model(model, std::move(*provider), settled_price(model, prices)));
  }
  if (!config.scripted_folder.empty()) {
    llm::ModelConfig scripted = free_model(kScripted, llm::ProviderKind::kScripted);
    scripted.folder = config.scripted_folder;
    TRY_ASSIGN(auto provider, open_provider(scripted, opening));
    TRY(models->desk_->add_model(scripted, std::move(provider), llm::Price{}));
  }
  return models;
}

namespace {

Result<llm::RecordedAnswer> recorded_answer(const events::ModelAnswered& answered, int64_t cost_microdollars,
                                            const journal::Journal& journal) {
  llm::RecordedAnswer answer;
  llm::Reply& reply = answer.reply;
  TRY_ASSIGN(reply.text, journal.blob(answered.reply_hash));
  if (!answered.request_hash.empty()) {
    TRY_ASSIGN(const std::string prompt, journal.blob(answered.request_hash));
    TRY_ASSIGN(const llm::Conversation conversation, conversation_of(prompt));
    answer.conversation_hash = llm::hash_of(conversation);
  }
  reply.model = answered.model;
  reply.finish = finish_of(answered.finish);
  reply.finish_detail = answered.finish_detail;
  reply.usage = {answered.usage_known,        answered.input_tokens,  answered.cached_tokens,
                 answered.cache_write_tokens, answered.output_tokens, answered.reasoning_tokens};
  // The desk rounds up to a microdollar.
  reply.cost_dollars = cost_microdollars == 0 ? 0.0 : (static_cast<double>(cost_microdollars) - 0.5) / 1e6;
  return answer;
}

}  // namespace

// Every answer, with all that its turn cost, its failed attempts included; and what failed for good.
Result<std::unique_ptr<llm::ReplayProvider>> open_recorded_answers(const fs::path& run_directory,
                                                                   bool to_any_prompt) {
  TRY_ASSIGN(const auto journal, journal::Journal::open_read_only(run_directory));
  TRY_ASSIGN(const auto records, journal.read_events());
  std::map<std::pair<int64_t, int>, llm::RecordedAnswer> answers;
  std::map<std::pair<int64_t, int>, int64_t> spent_microdollars;  // before the answer that counts
  for (const events::Record& record : records) {
    if (const auto* failed = std::get_if<events::CallFailed>(&record.event)) {
      spent_microdollars[{failed->ticket, failed->turn}] += failed->charged_microdollars;
      if (!failed->is_final) continue;
      llm::RecordedAnswer answer;
      answer.failure = llm::Failure{};
      answer.failure->kind = llm::FailureClass::kInvalid;  // not tried again
      answer.failure->reason = failed->reason;
      answers[{failed->ticket, failed->turn}] = std::move(answer);
    } else if (const auto* answered = std::get_if<events::ModelAnswered>(&record.event)) {
      // Older programs asked again where they had died before they read an answer: the last one was read.
      int64_t& cost = spent_microdollars[{answered->ticket, answered->turn}];
      cost += answered->cost_microdollars;
      TRY_ASSIGN(llm::RecordedAnswer answer, recorded_answer(*answered, cost, journal));
      if (to_any_prompt) answer.conversation_hash.clear();
      answers[{answered->ticket, answered->turn}] = std::move(answer);
    }
  }
  auto provider = std::make_unique<llm::ReplayProvider>();
  for (auto& [turn, answer] : answers) provider->add(turn.first, turn.second, std::move(answer));
  return provider;
}

Result<std::unique_ptr<Models>> open_recorded_models(const fs::path& run_directory, bool to_any_prompt) {
  auto models = std::make_unique<Models>();
  TRY_ASSIGN(std::shared_ptr<llm::Provider> answers, open_recorded_answers(run_directory, to_any_prompt));
  TRY_ASSIGN(const RunConfig config, resumed_config(run_directory));
  models->desk_ = std::make_unique<llm::CallDesk>(llm::Budget{}, llm::Spent{}, config.seed);
  for (const auto& [name, model] : config.models)
    TRY(models->desk_->add_model(free_model(name, llm::ProviderKind::kReplay), answers, llm::Price{}));
  if (!config.scripted_folder.empty())
    TRY(models->desk_->add_model(free_model(kScripted, llm::ProviderKind::kReplay), answers, llm::Price{}));
  return models;
}

}  // namespace warpwright::engine
