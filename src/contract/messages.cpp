#include "src/contract/messages.h"

#include <fmt/format.h>

namespace warpwright {
namespace {

template <class... Handlers>
struct Overloaded : Handlers... {
  using Handlers::operator()...;
};

Result<HelloMessage> hello_from_json(JsonObjectReader& reader) {
  HelloMessage hello;
  TRY_ASSIGN(hello.protocol, reader.integer("protocol"));
  TRY_ASSIGN(hello.features, reader.strings_or("features", {}));
  TRY_ASSIGN(hello.executor, reader.string_or("executor", ""));
  TRY_ASSIGN(hello.device, reader.string_or("device", ""));
  TRY_ASSIGN(hello.device_model, reader.string_or("device_model", "b200"));
  TRY_ASSIGN(hello.target, reader.string_or("target", "sm_100a"));
  TRY_ASSIGN(hello.no_gpu, reader.string_or("no_gpu", ""));
  TRY_ASSIGN(hello.datasets, reader.strings_or("datasets", {}));
  if (const Json* versions = reader.find("versions"); versions != nullptr && versions->is_object()) {
    for (const auto& [name, version] : versions->items())
      if (version.is_string()) hello.versions[name] = version.get<std::string>();
  }
  return hello;
}

Json body_of(const Message& message) {
  return std::visit(Overloaded{
                        [](const HelloMessage& m) -> Json {
                          return {{"kind", "hello"},        {"protocol", m.protocol},
                                  {"features", m.features}, {"executor", m.executor},
                                  {"device", m.device},     {"device_model", m.device_model},
                                  {"target", m.target},     {"no_gpu", m.no_gpu},
                                  {"versions", m.versions}, {"datasets", m.datasets}};
                        },
                        [](const EvaluateMessage& m) -> Json {
                          return {{"kind", "evaluate"}, {"request", to_json(m.request)}};
                        },
                        [](const ProgressMessage& m) -> Json {
                          return {{"kind", "progress"}, {"id", m.id}, {"stage", to_string(m.stage)}};
                        },
                        [](const HeartbeatMessage&) -> Json {
                          return {{"kind", "heartbeat"}};
                        },
                        [](const CancelMessage& m) -> Json {
                          return {{"kind", "cancel"}, {"id", m.id}};
                        },
                        [](const ReportMessage& m) -> Json {
                          return {{"kind", "report"}, {"report", to_json(m.report)}};
                        },
                        [](const ByeMessage& m) -> Json {
                          return {{"kind", "bye"}, {"reason", m.reason}};
                        },
                    },
                    message);
}

}  // namespace

std::string encode_line(const Message& message) {
  return dump_json(body_of(message)) + "\n";
}

Result<Message> decode_line(std::string_view line) {
  TRY_ASSIGN(const Json json, parse_json(line, "message"));
  TRY_ASSIGN(auto reader, JsonObjectReader::open(json, "message"));
  TRY_ASSIGN(const std::string kind, reader.string("kind"));
  if (kind == "heartbeat") return HeartbeatMessage{};
  if (kind == "hello") {
    TRY_ASSIGN(HelloMessage hello, hello_from_json(reader));
    return hello;
  }
  if (kind == "evaluate") {
    TRY_ASSIGN(const Json* body, reader.object("request"));
    TRY_ASSIGN(EvaluationRequest request, evaluation_request_from_json(*body));
    return EvaluateMessage{std::move(request)};
  }
  if (kind == "report") {
    TRY_ASSIGN(const Json* body, reader.object("report"));
    TRY_ASSIGN(EvaluationReport report, evaluation_report_from_json(*body));
    return ReportMessage{std::move(report)};
  }
  if (kind == "progress") {
    ProgressMessage progress;
    TRY_ASSIGN(progress.id, reader.string("id"));
    TRY_ASSIGN(const std::string text, reader.string("stage"));
    const auto stage = stage_from_string(text);
    if (!stage) return usage_error(fmt::format("message: unknown stage '{}'", text));
    progress.stage = *stage;
    return progress;
  }
  if (kind == "cancel") {
    TRY_ASSIGN(std::string id, reader.string("id"));
    return CancelMessage{std::move(id)};
  }
  if (kind == "bye") {
    TRY_ASSIGN(std::string reason, reader.string_or("reason", ""));
    return ByeMessage{std::move(reason)};
  }
  return usage_error(fmt::format("message: unknown kind '{}'", kind));
}

void LineBuffer::append(std::string_view bytes) {
  if (skipping_) {
    const size_t end = bytes.find('\n');
    if (end == std::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    skipping_ = false;
  }
  buffer_.append(bytes);
  if (buffer_.size() > kMaxLineBytes && buffer_.find('\n') == std::string::npos) {
    buffer_.clear();
    skipping_ = overflowed_ = true;
  }
}

bool LineBuffer::next(std::string& line) {
  const size_t end = buffer_.find('\n');
  if (end == std::string::npos) return false;
  line.assign(buffer_, 0, end);
  buffer_.erase(0, end + 1);
  return true;
}

}  // namespace warpwright
