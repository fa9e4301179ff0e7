#include "src/score/published.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "src/base/files.h"
#include "src/base/json.h"

namespace warpwright::score {
namespace {

namespace fs = std::filesystem;

struct Header {
  std::vector<PublishedRecord> records;
  PublishedRecord* find(const std::string& name) {
    const auto it = std::find_if(records.begin(), records.end(), [&](const auto& r) {
      return r.name == std::string(kPublishedPrefix) + name;
    });
    return it == records.end() ? nullptr : &*it;
  }
};

Result<Header> parse_header(std::string_view line, const std::string& where) {
  TRY_ASSIGN(const Json json, parse_json(line, where));
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, where));
  PublishedRecord common;
  TRY_ASSIGN(common.definition, reader.string("definition"));
  TRY_ASSIGN(common.hardware, reader.string("hardware"));
  TRY_ASSIGN(common.note, reader.string("note"));
  TRY_ASSIGN(const Json* records, reader.object("records"));
  TRY(reader.reject_unknown_keys());
  Header header;
  for (const auto& [name, fields] : records->items()) {
    PublishedRecord record = common;
    record.name = std::string(kPublishedPrefix) + name;
    TRY_ASSIGN(auto field, JsonObjectReader::open(fields, where + ": " + name));
    TRY_ASSIGN(record.solution, field.string("solution"));
    TRY_ASSIGN(record.measured, field.string("measured"));
    TRY_ASSIGN(record.source, field.string("source"));
    TRY_ASSIGN(record.mean_us, field.number_or("mean_us", 0));
    TRY(field.reject_unknown_keys());
    header.records.push_back(std::move(record));
  }
  return header;
}

Result<trace::Axes> parse_axes(const Json& json, const std::string& where) {
  trace::Axes axes;
  for (const auto& [name, value] : json.items()) {
    if (!value.is_number_unsigned())
      return usage_error(fmt::format("{}: axes: '{}' must be a number", where, name));
    axes[name] = value.get<int64_t>();
  }
  return axes;
}

Result<void> parse_workload(std::string_view line, const std::string& where, Header& header) {
  TRY_ASSIGN(const Json json, parse_json(line, where));
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, where));
  trace::EvaluationTrace common;
  common.where = where;
  TRY_ASSIGN(common.uuid, reader.string("uuid"));
  TRY_ASSIGN(const Json* axes, reader.object("axes"));
  TRY_ASSIGN(common.axes, parse_axes(*axes, where));
  TRY_ASSIGN(const Json* latencies, reader.object("latency_us"));
  TRY(reader.reject_unknown_keys());
  for (const auto& [name, value] : latencies->items()) {
    PublishedRecord* record = header.find(name);
    if (record == nullptr)
      return usage_error(fmt::format("{}: '{}' is no record of the first line", where, name));
    trace::EvaluationTrace trace = common;
    trace.definition = record->definition;
    trace.solution = record->name;
    trace.hardware = record->hardware;
    trace.latency_us = value.is_number() ? value.get<double>() : 0;
    if (!std::isfinite(trace.latency_us) || trace.latency_us <= 0)
      return usage_error(fmt::format("{}: the latency of '{}' must be a positive number", where, name));
    record->traces.push_back(std::move(trace));
  }
  return {};
}

Result<void> finish(std::vector<PublishedRecord>& records, size_t workloads, const std::string& path) {
  for (PublishedRecord& record : records) {
    const bool only_mean = record.mean_us > 0;
    if (record.traces.size() != (only_mean ? 0 : workloads))
      return usage_error(fmt::format("{}: record '{}' has {} of {} workloads{}", path, record.name,
                                     record.traces.size(), workloads, only_mean ? " and a mean" : ""));
    std::set<std::string> uuids;
    for (const auto& trace : record.traces) {
      if (!uuids.insert(trace.uuid).second)
        return usage_error(fmt::format("{}: workload '{}' occurs twice", trace.where, trace.uuid));
      record.mean_us += trace.latency_us / static_cast<double>(workloads);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<PublishedRecord>> parse_published(std::string_view jsonl, const std::string& path) {
  Header header;
  size_t workloads = 0;
  for (int line_number = 1; !jsonl.empty(); ++line_number) {
    const size_t end = jsonl.find('\n');
    const std::string_view line = jsonl.substr(0, end);
    jsonl.remove_prefix(end == std::string_view::npos ? jsonl.size() : end + 1);
    const std::string where = fmt::format("{}:{}", path, line_number);
    if (line_number == 1) {
      TRY_ASSIGN(header, parse_header(line, where));
    } else {
      TRY(parse_workload(line, where, header));
      ++workloads;
    }
  }
  TRY(finish(header.records, workloads, path));
  return std::move(header.records);
}

Result<std::vector<PublishedRecord>> load_published(const fs::path& home, const std::string& definition) {
  const auto definitions = published_definitions(home);
  if (!std::binary_search(definitions.begin(), definitions.end(), definition))
    return std::vector<PublishedRecord>{};
  const fs::path path = home / "configs" / "published" / (definition + ".jsonl");
  TRY_ASSIGN(const std::string text, read_file(path));
  return parse_published(text, path.string());
}

std::vector<std::string> published_definitions(const fs::path& home) {
  std::vector<std::string> names;
  for (const fs::path& path : list_files(home / "configs" / "published", ".jsonl"))
    names.push_back(path.stem().string());
  return names;
}

}  // namespace warpwright::score
