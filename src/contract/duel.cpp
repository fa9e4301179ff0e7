#include "src/contract/duel.h"

#include <utility>

#include "src/contract/json_fields.h"

namespace warpwright {
namespace {

Json to_json(const DuelWorkload& workload) {
  return {{"uuids", workload.uuids},
          {"axes", workload.axes},
          {"weight", workload.weight},
          {"verdict", workload.verdict},
          {"ratio", workload.ratio},
          {"low", workload.low},
          {"high", workload.high},
          {"pairs", workload.pairs},
          {"challenger_us", workload.challenger_us},
          {"incumbent_us", workload.incumbent_us}};
}

Result<DuelWorkload> workload_from_json(const Json& json) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "report.duel.workloads"));
  DuelWorkload workload;
  TRY_ASSIGN(workload.uuids, reader.strings_or("uuids", {}));
  using Axes = std::map<std::string, int64_t>;
  TRY_ASSIGN(workload.axes, read_map<Axes>(reader, "axes"));
  TRY_ASSIGN(workload.weight, reader.number_or("weight", 1));
  TRY_ASSIGN(workload.verdict, reader.string("verdict"));
  TRY_ASSIGN(workload.ratio, reader.number("ratio"));
  TRY_ASSIGN(workload.low, reader.number_or("low", workload.ratio));
  TRY_ASSIGN(workload.high, reader.number_or("high", workload.ratio));
  TRY_ASSIGN(workload.pairs, reader.integer_or("pairs", 0));
  TRY_ASSIGN(workload.challenger_us, reader.number_or("challenger_us", 0));
  TRY_ASSIGN(workload.incumbent_us, reader.number_or("incumbent_us", 0));
  return workload;
}

}  // namespace

Json to_json(const Rival& rival) {
  return {{"source", rival.source},
          {"source_name", rival.source_name},
          {"knobs", rival.knobs},
          {"tie_margin", rival.tie_margin}};
}

Result<Rival> rival_from_json(const Json& json) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "evaluate.rival"));
  Rival rival;
  TRY_ASSIGN(rival.source, reader.string("source"));
  TRY_ASSIGN(rival.source_name, reader.string_or("source_name", rival.source_name));
  TRY_ASSIGN(rival.knobs, read_map<KnobValues>(reader, "knobs"));
  TRY_ASSIGN(rival.tie_margin, reader.number_or("tie_margin", rival.tie_margin));
  return rival;
}

Json to_json(const DuelReport& duel) {
  Json workloads = Json::array();
  for (const DuelWorkload& workload : duel.workloads) workloads.push_back(to_json(workload));
  return {{"verdict", duel.verdict},
          {"ratio", duel.ratio},
          {"low", duel.low},
          {"high", duel.high},
          {"noise_floor", duel.noise_floor},
          {"pairs", duel.pairs},
          {"method", duel.method},
          {"workloads", std::move(workloads)},
          {"message", duel.message},
          {"incumbent_status", to_string(duel.incumbent_status)},
          {"incumbent_rule", duel.incumbent_rule},
          {"incumbent_evidence", duel.incumbent_evidence},
          {"incumbent_identity", duel.incumbent_identity}};
}

Result<DuelReport> duel_report_from_json(const Json& json) {
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "report.duel"));
  DuelReport duel;
  TRY_ASSIGN(duel.verdict, reader.string("verdict"));
  TRY_ASSIGN(duel.ratio, reader.number_or("ratio", 1));
  TRY_ASSIGN(duel.low, reader.number_or("low", duel.ratio));
  TRY_ASSIGN(duel.high, reader.number_or("high", duel.ratio));
  TRY_ASSIGN(duel.noise_floor, reader.number_or("noise_floor", 0));
  TRY_ASSIGN(duel.pairs, reader.integer_or("pairs", 0));
  TRY_ASSIGN(duel.method, reader.string_or("method", ""));
  if (const Json* workloads = reader.find("workloads"); workloads != nullptr && workloads->is_array()) {
    for (const Json& item : *workloads) {
      TRY_ASSIGN(DuelWorkload workload, workload_from_json(item));
      duel.workloads.push_back(std::move(workload));
    }
  }
  TRY_ASSIGN(duel.message, reader.string_or("message", ""));
  if (reader.has("incumbent_status")) {
    TRY_ASSIGN(duel.incumbent_status, read_status(reader, "incumbent_status"));
  }
  TRY_ASSIGN(duel.incumbent_rule, reader.string_or("incumbent_rule", ""));
  TRY_ASSIGN(duel.incumbent_evidence, reader.strings_or("incumbent_evidence", {}));
  TRY_ASSIGN(duel.incumbent_identity, reader.string_or("incumbent_identity", ""));
  return duel;
}

}  // namespace warpwright
