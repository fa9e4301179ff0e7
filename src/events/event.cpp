#include "src/events/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "src/base/check.h"

namespace warpwright::events {
namespace {

using Kind = ProposalFailed::Kind;
constexpr std::array<std::pair<Kind, std::string_view>, 8> kFailureKinds = {
    {{Kind::kIdle, "idle"},
     {Kind::kNoCode, "no-code"},
     {Kind::kDiffRefused, "diff-refused"},
     {Kind::kUnchanged, "unchanged"},
     {Kind::kProvider, "provider"},
     {Kind::kTruncated, "truncated"},
     {Kind::kRefused, "refused"},
     {Kind::kNoPrompt, "no-prompt"}}};

// ---- parts ----

Json encode(const Origin& origin) {
  Json json = {{"op", origin.op}, {"island", origin.island}, {"inspirations", origin.inspirations}};
  if (origin.parent) json["parent"] = *origin.parent;
  return json;
}

Result<std::vector<int64_t>> read_integers(JsonObjectReader& reader, std::string_view key) {
  std::vector<int64_t> values;
  if (reader.find(key) == nullptr) return values;
  TRY_ASSIGN(const Json* array, reader.array(key));
  for (const Json& item : *array) {
    if (!item.is_number_integer())
      return usage_error(fmt::format("{}: key '{}' must hold only integers", reader.where(), key));
    values.push_back(item.get<int64_t>());
  }
  return values;
}

Result<std::optional<int64_t>> read_optional(JsonObjectReader& reader, std::string_view key) {
  if (reader.find(key) == nullptr) return std::optional<int64_t>();
  TRY_ASSIGN(const int64_t value, reader.integer(key));
  return std::optional<int64_t>(value);
}

Result<int> read_int(JsonObjectReader& reader, std::string_view key) {
  TRY_ASSIGN(const int64_t value, reader.integer_or(key, 0));
  return static_cast<int>(std::clamp<int64_t>(value, 0, 1'000'000'000));
}

Result<Origin> read_origin(JsonObjectReader& parent) {
  TRY_ASSIGN(const Json* json, parent.object("origin"));
  TRY_ASSIGN(auto reader, JsonObjectReader::open(*json, parent.where() + ".origin"));
  Origin origin;
  TRY_ASSIGN(origin.op, reader.string("op"));
  TRY_ASSIGN(origin.island, reader.integer_or("island", 0));
  TRY_ASSIGN(origin.parent, read_optional(reader, "parent"));
  TRY_ASSIGN(origin.inspirations, read_integers(reader, "inspirations"));
  return origin;
}

Result<KnobValues> read_knobs(JsonObjectReader& reader) {
  KnobValues knobs;
  TRY_ASSIGN(const Json* json, reader.object("knobs"));
  for (const auto& [name, value] : json->items()) {
    if (!value.is_string())
      return usage_error(fmt::format("{}: knob '{}' must be a string", reader.where(), name));
    knobs[name] = value.get<std::string>();
  }
  return knobs;
}

Json encode(const DeclaredKnob& knob) {
  return {{"name", knob.name}, {"values", knob.values}, {"default", knob.default_value}};
}

Result<std::vector<DeclaredKnob>> read_declared(JsonObjectReader& parent) {
  std::vector<DeclaredKnob> knobs;
  if (parent.find("declared_knobs") == nullptr) return knobs;
  TRY_ASSIGN(const Json* array, parent.array("declared_knobs"));
  for (const Json& item : *array) {
    TRY_ASSIGN(auto reader, JsonObjectReader::open(item, parent.where() + ".declared_knobs"));
    DeclaredKnob knob;
    TRY_ASSIGN(knob.name, reader.string("name"));
    TRY_ASSIGN(knob.values, reader.strings_or("values", {}));
    TRY_ASSIGN(knob.default_value, reader.string_or("default", ""));
    knobs.push_back(std::move(knob));
  }
  return knobs;
}

// ---- one encode and one decode per event ----

Json encode(const RunStarted& e) {
  Json seeds = Json::array();
  for (const SeedSource& seed : e.seeds) seeds.push_back({{"name", seed.name}, {"source", seed.source_hash}});
  return {{"program_version", e.program_version},
          {"definition", e.definition},
          {"dataset", e.dataset},
          {"seed", e.seed},
          {"config", e.config_json},
          {"search", to_json(e.search)},
          {"seeds", std::move(seeds)},
          {"library", e.library_hash},
          {"baseline_rule", e.baseline_rule}};
}

Result<RunStarted> decode(JsonObjectReader& reader, RunStarted e) {
  TRY_ASSIGN(e.program_version, reader.string_or("program_version", ""));
  TRY_ASSIGN(e.definition, reader.string("definition"));
  TRY_ASSIGN(e.dataset, reader.string_or("dataset", ""));
  const Json* seed = reader.find("seed");
  if (seed == nullptr || !seed->is_number_integer())
    return usage_error(fmt::format("{}: key 'seed' must be an integer", reader.where()));
  e.seed = seed->get<uint64_t>();
  TRY_ASSIGN(e.config_json, reader.string_or("config", "{}"));
  TRY_ASSIGN(const Json* search, reader.object("search"));
  TRY_ASSIGN(e.search, search_settings_from_json(*search, reader.where() + ".search"));
  TRY_ASSIGN(const Json* seeds, reader.array("seeds"));
  for (const Json& item : *seeds) {
    TRY_ASSIGN(auto seed_reader, JsonObjectReader::open(item, reader.where() + ".seeds"));
    SeedSource source;
    TRY_ASSIGN(source.name, seed_reader.string("name"));
    TRY_ASSIGN(source.source_hash, seed_reader.string("source"));
    e.seeds.push_back(std::move(source));
  }
  TRY_ASSIGN(e.library_hash, reader.string_or("library", ""));
  TRY_ASSIGN(e.baseline_rule, reader.string_or("baseline_rule", e.baseline_rule));
  return e;
}

Json encode(const ModelRequested& e) {
  Json json = {{"ticket", e.ticket}, {"origin", encode(e.origin)}, {"request_index", e.request_index},
               {"role", e.role},     {"model", e.model},           {"prompt", e.prompt_hash}};
  if (!e.left_out.empty()) json["left_out"] = e.left_out;
  return json;
}
Result<ModelRequested> decode(JsonObjectReader& reader, ModelRequested e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.origin, read_origin(reader));
  TRY_ASSIGN(e.request_index, reader.integer("request_index"));
  TRY_ASSIGN(e.role, reader.string_or("role", ""));
  TRY_ASSIGN(e.model, reader.string_or("model", ""));
  TRY_ASSIGN(e.prompt_hash, reader.string_or("prompt", ""));
  TRY_ASSIGN(e.left_out, reader.strings_or("left_out", {}));
  return e;
}

Json encode(const FollowUpAsked& e) {
  return {{"ticket", e.ticket}, {"turn", e.turn}, {"prompt", e.prompt_hash}, {"reason", e.reason}};
}
Result<FollowUpAsked> decode(JsonObjectReader& reader, FollowUpAsked e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.turn, read_int(reader, "turn"));
  TRY_ASSIGN(e.prompt_hash, reader.string("prompt"));
  TRY_ASSIGN(e.reason, reader.string_or("reason", ""));
  return e;
}

Json encode(const CallStarted& e) {
  return {{"ticket", e.ticket},
          {"turn", e.turn},
          {"attempt", e.attempt},
          {"model", e.model},
          {"reserved_microdollars", e.reserved_microdollars},
          {"reserved_tokens", e.reserved_tokens}};
}
Result<CallStarted> decode(JsonObjectReader& reader, CallStarted e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.turn, read_int(reader, "turn"));
  TRY_ASSIGN(e.attempt, read_int(reader, "attempt"));
  TRY_ASSIGN(e.model, reader.string("model"));
  TRY_ASSIGN(e.reserved_microdollars, reader.integer_or("reserved_microdollars", 0));
  TRY_ASSIGN(e.reserved_tokens, reader.integer_or("reserved_tokens", 0));
  return e;
}

Json encode(const CallFailed& e) {
  return {{"ticket", e.ticket},
          {"turn", e.turn},
          {"attempt", e.attempt},
          {"model", e.model},
          {"failure", e.failure},
          {"reason", e.reason},
          {"http_status", e.http_status},
          {"charged_microdollars", e.charged_microdollars},
          {"charged_tokens", e.charged_tokens},
          {"counted", e.counted},
          {"final", e.is_final}};
}
Result<CallFailed> decode(JsonObjectReader& reader, CallFailed e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.turn, read_int(reader, "turn"));
  TRY_ASSIGN(e.attempt, read_int(reader, "attempt"));
  TRY_ASSIGN(e.model, reader.string("model"));
  TRY_ASSIGN(e.failure, reader.string("failure"));
  TRY_ASSIGN(e.reason, reader.string_or("reason", ""));
  TRY_ASSIGN(e.http_status, read_int(reader, "http_status"));
  TRY_ASSIGN(e.charged_microdollars, reader.integer_or("charged_microdollars", 0));
  TRY_ASSIGN(e.charged_tokens, reader.integer_or("charged_tokens", 0));
  TRY_ASSIGN(e.counted, reader.boolean_or("counted", false));
  TRY_ASSIGN(e.is_final, reader.boolean_or("final", false));
  return e;
}

Json encode(const ModelAnswered& e) {
  return {{"ticket", e.ticket},
          {"provider", e.provider},
          {"model", e.model},
          {"finish", e.finish},
          {"request", e.request_hash},
          {"reply", e.reply_hash},
          {"input_tokens", e.input_tokens},
          {"output_tokens", e.output_tokens},
          {"turn", e.turn},
          {"attempt", e.attempt},
          {"finish_detail", e.finish_detail},
          {"cached_tokens", e.cached_tokens},
          {"cache_write_tokens", e.cache_write_tokens},
          {"reasoning_tokens", e.reasoning_tokens},
          {"usage_known", e.usage_known},
          {"cost_microdollars", e.cost_microdollars},
          {"request_id", e.request_id},
          {"first_byte_ms", e.first_byte_ms},
          {"total_ms", e.total_ms}};
}
Result<ModelAnswered> decode(JsonObjectReader& reader, ModelAnswered e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.provider, reader.string("provider"));
  TRY_ASSIGN(e.model, reader.string_or("model", ""));
  TRY_ASSIGN(e.finish, reader.string_or("finish", ""));
  TRY_ASSIGN(e.request_hash, reader.string_or("request", ""));
  TRY_ASSIGN(e.reply_hash, reader.string("reply"));
  TRY_ASSIGN(e.input_tokens, reader.integer_or("input_tokens", 0));
  TRY_ASSIGN(e.output_tokens, reader.integer_or("output_tokens", 0));
  TRY_ASSIGN(e.turn, read_int(reader, "turn"));
  TRY_ASSIGN(e.attempt, read_int(reader, "attempt"));
  TRY_ASSIGN(e.finish_detail, reader.string_or("finish_detail", ""));
  TRY_ASSIGN(e.cached_tokens, reader.integer_or("cached_tokens", 0));
  TRY_ASSIGN(e.cache_write_tokens, reader.integer_or("cache_write_tokens", 0));
  TRY_ASSIGN(e.reasoning_tokens, reader.integer_or("reasoning_tokens", 0));
  TRY_ASSIGN(e.usage_known, reader.boolean_or("usage_known", true));
  TRY_ASSIGN(e.cost_microdollars, reader.integer_or("cost_microdollars", 0));
  TRY_ASSIGN(e.request_id, reader.string_or("request_id", ""));
  TRY_ASSIGN(e.first_byte_ms, reader.integer_or("first_byte_ms", 0));
  TRY_ASSIGN(e.total_ms, reader.integer_or("total_ms", 0));
  return e;
}

Json encode(const Researched& e) {
  Json lessons = Json::array();
  for (const Lesson& lesson : e.lessons) lessons.push_back(to_json(lesson));
  return {{"ticket", e.ticket}, {"lessons", std::move(lessons)}};
}
Result<Researched> decode(JsonObjectReader& reader, Researched e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(const Json* lessons, reader.array("lessons"));
  for (const Json& item : *lessons) {
    TRY_ASSIGN(Lesson lesson, lesson_from_json(item));
    e.lessons.push_back(std::move(lesson));
  }
  return e;
}

Json encode(const Proposed& e) {
  Json declared = Json::array();
  for (const DeclaredKnob& knob : e.declared_knobs) declared.push_back(encode(knob));
  return {{"ticket", e.ticket},
          {"origin", encode(e.origin)},
          {"source", e.source_hash},
          {"knobs", e.knobs},
          {"declared_knobs", std::move(declared)},
          {"note", e.note}};
}
Result<Proposed> decode(JsonObjectReader& reader, Proposed e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.origin, read_origin(reader));
  TRY_ASSIGN(e.source_hash, reader.string("source"));
  TRY_ASSIGN(e.knobs, read_knobs(reader));
  TRY_ASSIGN(e.declared_knobs, read_declared(reader));
  TRY_ASSIGN(e.note, reader.string_or("note", ""));
  return e;
}

Json encode(const ProposalFailed& e) {
  return {{"ticket", e.ticket}, {"failure", to_string(e.kind)}, {"reason", e.reason}};
}
Result<ProposalFailed> decode(JsonObjectReader& reader, ProposalFailed e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(const std::string text, reader.string("failure"));
  TRY_ASSIGN(e.reason, reader.string_or("reason", ""));
  for (const auto& [kind, name] : kFailureKinds) {
    if (name != text) continue;
    e.kind = kind;
    return e;
  }
  return usage_error(fmt::format("{}: unknown failure '{}'", reader.where(), text));
}

Json encode(const Compiled& e) {
  Json json = {{"ticket", e.ticket}, {"identity", e.identity}, {"result_key", e.result_key}};
  if (!e.fingerprint.empty()) json["fingerprint"] = e.fingerprint;
  if (!e.sketch.empty()) json["sketch"] = e.sketch;
  if (e.near_duplicate_of) json["near_duplicate_of"] = *e.near_duplicate_of;
  return json;
}
Result<Compiled> decode(JsonObjectReader& reader, Compiled e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.identity, reader.string("identity"));
  TRY_ASSIGN(e.result_key, reader.string("result_key"));
  TRY_ASSIGN(e.fingerprint, reader.string_or("fingerprint", ""));
  TRY_ASSIGN(e.sketch, reader.string_or("sketch", ""));
  TRY_ASSIGN(e.near_duplicate_of, read_optional(reader, "near_duplicate_of"));
  return e;
}

Json encode(const EvaluationFinished& e) {
  return {{"ticket", e.ticket},
          {"result_key", e.result_key},
          {"report", e.report_hash},
          {"summary", to_json(e.summary)}};
}
Result<EvaluationFinished> decode(JsonObjectReader& reader, EvaluationFinished e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.result_key, reader.string("result_key"));
  TRY_ASSIGN(e.report_hash, reader.string_or("report", ""));
  TRY_ASSIGN(const Json* summary, reader.object("summary"));
  TRY_ASSIGN(e.summary, result_summary_from_json(*summary));
  return e;
}

Json encode(const Abandoned& e) {
  return {{"ticket", e.ticket}, {"attempts", e.attempts}, {"reason", e.reason}};
}
Result<Abandoned> decode(JsonObjectReader& reader, Abandoned e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.attempts, reader.integer_or("attempts", 0));
  TRY_ASSIGN(e.reason, reader.string_or("reason", ""));
  return e;
}

Json encode(const Applied& e) {
  Json json = {{"ticket", e.ticket}};
  if (e.duplicate_of) json["duplicate_of"] = *e.duplicate_of;
  if (!e.status) return json;
  json["result_key"] = e.result_key;
  json["status"] = to_string(*e.status);
  json["score"] = e.score;
  if (e.lost_race) json["lost_race"] = true;
  return json;
}
Result<Applied> decode(JsonObjectReader& reader, Applied e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.duplicate_of, read_optional(reader, "duplicate_of"));
  if (reader.find("status") == nullptr) return e;
  TRY_ASSIGN(e.result_key, reader.string("result_key"));
  TRY_ASSIGN(e.score, reader.number("score"));
  TRY_ASSIGN(e.lost_race, reader.boolean_or("lost_race", false));
  TRY_ASSIGN(const std::string text, reader.string("status"));
  e.status = status_from_string(text);
  if (!e.status) return usage_error(fmt::format("{}: unknown status '{}'", reader.where(), text));
  return e;
}

Json encode(const Migrated& e) {
  Json moves = Json::array();
  for (const Migrated::Move& move : e.moves)
    moves.push_back({{"candidate", move.candidate}, {"from", move.from}, {"to", move.to}});
  return {{"after_applied", e.after_applied}, {"moves", std::move(moves)}};
}
Result<Migrated> decode(JsonObjectReader& reader, Migrated e) {
  TRY_ASSIGN(e.after_applied, reader.integer("after_applied"));
  TRY_ASSIGN(const Json* moves, reader.array("moves"));
  for (const Json& item : *moves) {
    TRY_ASSIGN(auto move_reader, JsonObjectReader::open(item, reader.where() + ".moves"));
    Migrated::Move move;
    TRY_ASSIGN(move.candidate, move_reader.integer("candidate"));
    TRY_ASSIGN(move.from, move_reader.integer("from"));
    TRY_ASSIGN(move.to, move_reader.integer("to"));
    e.moves.push_back(move);
  }
  return e;
}

Json encode(const RacePlanned& e) {
  return {{"after_applied", e.after_applied}, {"race", warpwright::to_json(e.race)}};
}
Result<RacePlanned> decode(JsonObjectReader& reader, RacePlanned e) {
  TRY_ASSIGN(e.after_applied, reader.integer("after_applied"));
  TRY_ASSIGN(const Json* race, reader.object("race"));
  TRY_ASSIGN(e.race, race_from_json(*race));
  return e;
}

Json encode(const Stagnated& e) {
  return {{"after_applied", e.after_applied}, {"island", e.island}, {"action", e.action},
          {"best_score", e.best_score},       {"model", e.model},   {"restored", e.restored}};
}
Result<Stagnated> decode(JsonObjectReader& reader, Stagnated e) {
  TRY_ASSIGN(e.after_applied, reader.integer("after_applied"));
  TRY_ASSIGN(e.island, read_int(reader, "island"));
  TRY_ASSIGN(e.action, reader.string("action"));
  TRY_ASSIGN(e.best_score, reader.number("best_score"));
  TRY_ASSIGN(e.model, reader.string_or("model", ""));
  TRY_ASSIGN(e.restored, read_integers(reader, "restored"));
  return e;
}

Json encode(const FinalistMeasured& e) {
  return {{"candidate", e.candidate}, {"summary", to_json(e.summary)}, {"report", e.report_hash}};
}
Result<FinalistMeasured> decode(JsonObjectReader& reader, FinalistMeasured e) {
  TRY_ASSIGN(e.candidate, reader.integer("candidate"));
  TRY_ASSIGN(const Json* summary, reader.object("summary"));
  TRY_ASSIGN(e.summary, result_summary_from_json(*summary));
  TRY_ASSIGN(e.report_hash, reader.string_or("report", ""));
  return e;
}

Json encode(const LedgerNoted& e) {
  return {{"ledger", e.ledger}};
}
Result<LedgerNoted> decode(JsonObjectReader& reader, LedgerNoted e) {
  TRY_ASSIGN(const Json* ledger, reader.object("ledger"));
  e.ledger = *ledger;
  return e;
}

Json encode(const RunPaused& e) {
  return {{"reason", e.reason}};
}
Result<RunPaused> decode(JsonObjectReader& reader, RunPaused e) {
  TRY_ASSIGN(e.reason, reader.string_or("reason", ""));
  return e;
}
Json encode(const RunResumed& e) {
  return {{"program_version", e.program_version}};
}
Result<RunResumed> decode(JsonObjectReader& reader, RunResumed e) {
  TRY_ASSIGN(e.program_version, reader.string_or("program_version", ""));
  return e;
}
Json encode(const RunFinished& e) {
  return {{"reason", e.reason}};
}
Result<RunFinished> decode(JsonObjectReader& reader, RunFinished e) {
  TRY_ASSIGN(e.reason, reader.string_or("reason", ""));
  return e;
}

Json encode(const RunForked& e) {
  return {{"from", e.from},          {"ticket", e.ticket},        {"seed", e.seed},
          {"config", e.config_json}, {"library", e.library_hash}, {"search", to_json(e.search)}};
}
Result<RunForked> decode(JsonObjectReader& reader, RunForked e) {
  TRY_ASSIGN(e.from, reader.string_or("from", ""));
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  const Json* seed = reader.find("seed");
  if (seed == nullptr || !seed->is_number_integer())
    return usage_error(fmt::format("{}: key 'seed' must be an integer", reader.where()));
  e.seed = seed->get<uint64_t>();
  TRY_ASSIGN(e.config_json, reader.string("config"));
  TRY_ASSIGN(e.library_hash, reader.string_or("library", ""));
  TRY_ASSIGN(const Json* search, reader.object("search"));
  TRY_ASSIGN(e.search, search_settings_from_json(*search, reader.where() + ".search"));
  return e;
}

Json encode(const DuelFinished& e) {
  return {{"ticket", e.ticket},   {"incumbent", e.incumbent},
          {"verdict", e.verdict}, {"ratio", e.ratio},
          {"low", e.low},         {"high", e.high},
          {"pairs", e.pairs},     {"noise_floor", e.noise_floor},
          {"message", e.message}, {"report", e.report_hash}};
}
Result<DuelFinished> decode(JsonObjectReader& reader, DuelFinished e) {
  TRY_ASSIGN(e.ticket, reader.integer("ticket"));
  TRY_ASSIGN(e.incumbent, reader.integer("incumbent"));
  TRY_ASSIGN(e.verdict, reader.string("verdict"));
  TRY_ASSIGN(e.ratio, reader.number("ratio"));
  TRY_ASSIGN(e.low, reader.number("low"));
  TRY_ASSIGN(e.high, reader.number("high"));
  TRY_ASSIGN(e.noise_floor, reader.number("noise_floor"));
  TRY_ASSIGN(e.pairs, reader.integer("pairs"));
  TRY_ASSIGN(e.message, reader.string_or("message", ""));
  TRY_ASSIGN(e.report_hash, reader.string_or("report", ""));
  return e;
}

// Names in the order of the variant. DO NOT CHANGE: they are on disk.
constexpr std::array<std::string_view, std::variant_size_v<Event>> kKinds = {
    "run-started/1", "model-requested/1",     "model-answered/1", "proposed/1",      "proposal-failed/1",
    "compiled/1",    "evaluation-finished/1", "abandoned/1",      "applied/1",       "migrated/1",
    "run-paused/1",  "run-resumed/1",         "run-finished/1",   "duel-finished/1", "call-started/1",
    "call-failed/1", "follow-up-asked/1",     "researched/1",     "run-forked/1",    "race-planned/1",
    "stagnated/1",   "finalist-measured/1",   "ledger-noted/1"};

template <size_t kIndex = 0>
Result<Event> decode_kind(std::string_view kind, JsonObjectReader& reader) {
  if constexpr (kIndex < kKinds.size()) {
    if (kKinds[kIndex] != kind) return decode_kind<kIndex + 1>(kind, reader);
    TRY_ASSIGN(auto event, decode(reader, std::variant_alternative_t<kIndex, Event>{}));
    return Event(std::move(event));
  } else {
    return usage_error(
        fmt::format("unknown event kind '{}': written by another version of warpwright", kind));
  }
}

}  // namespace

std::string format_candidate_id(CandidateId id) {
  return fmt::format("c{:04}", id);
}

std::optional<CandidateId> parse_candidate_id(std::string_view text) {
  if (!text.empty() && text.front() == 'c') text.remove_prefix(1);
  CandidateId id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0) return std::nullopt;
  return id;
}

std::string_view to_string(ProposalFailed::Kind kind) {
  for (const auto& [value, name] : kFailureKinds)
    if (value == kind) return name;
  CHECK(false);
}

std::string_view kind_of(const Event& event) {
  return kKinds[event.index()];
}

std::optional<Ticket> ticket_of(const Event& event) {
  return std::visit(
      [](const auto& e) -> std::optional<Ticket> {
        using Kind = std::decay_t<decltype(e)>;
        if constexpr (requires { e.ticket; } && !std::is_same_v<Kind, RunForked>) return e.ticket;
        return std::nullopt;
      },
      event);
}

std::vector<std::string> blobs_of(const Event& event) {
  std::vector<std::string> hashes;
  const auto add = [&](const std::string& hash) {
    if (!hash.empty()) hashes.push_back(hash);
  };
  std::visit(
      [&](const auto& e) {
        if constexpr (requires { e.source_hash; }) add(e.source_hash);
        if constexpr (requires { e.prompt_hash; }) add(e.prompt_hash);
        if constexpr (requires { e.request_hash; }) add(e.request_hash);
        if constexpr (requires { e.reply_hash; }) add(e.reply_hash);
        if constexpr (requires { e.report_hash; }) add(e.report_hash);
        if constexpr (requires { e.library_hash; }) add(e.library_hash);
        if constexpr (requires { e.seeds; })
          for (const SeedSource& seed : e.seeds) add(seed.source_hash);
      },
      event);
  return hashes;
}

Json to_json(const Event& event) {
  return std::visit([](const auto& e) { return encode(e); }, event);
}

Result<Event> event_from_json(std::string_view kind, const Json& json) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, std::string(kind)));
  return decode_kind(kind, reader);
}

}  // namespace warpwright::events
