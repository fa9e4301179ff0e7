#include "src/llm/codecs/reply_decoder.h"

#include <fmt/format.h>

#include <cstdlib>
#include <utility>

#include "src/base/quotable.h"
#include "src/llm/codecs/wire_json.h"

namespace warpwright::llm {
namespace {

constexpr size_t kMaxWholeBytes = size_t{64} << 20;
constexpr size_t kMaxTextBytes = size_t{16} << 20;
constexpr size_t kMaxNameBytes = 200;
constexpr size_t kMaxBlankBytes = size_t{64} << 10;  // some servers send line ends while the model thinks

std::string_view header(const Headers& headers, const char* name) {
  const auto found = headers.find(name);
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

}  // namespace

BodyDecoder::BodyDecoder(const Headers& headers) {
  declared_stream_ = header(headers, "content-type").find("event-stream") != std::string_view::npos;
  for (const char* name : {"x-request-id", "request-id", "x-generation-id", "x-litellm-call-id"})
    if (request_id_.empty()) request_id_ = quotable_line(header(headers, name), kMaxNameBytes);
  // A router that prices calls itself.
  const std::string cost(header(headers, "x-litellm-response-cost"));
  char* end = nullptr;
  const double dollars = std::strtod(cost.c_str(), &end);
  if (end != cost.c_str() && dollars >= 0 && dollars < 1e6) header_cost_dollars_ = dollars;
}

void BodyDecoder::on_body(std::string_view bytes) {
  if (is_complete()) return;
  if (form_ == Form::kUnknown) {
    body_ += bytes;
    settle_form(body_);
    if (form_ == Form::kStream) on_stream(std::exchange(body_, {}));
    if (form_ == Form::kUnknown && body_.size() > kMaxBlankBytes)
      fail(FailureClass::kBadReply, "the answer is white space");
  } else if (form_ == Form::kStream) {
    on_stream(bytes);
  } else {
    body_ += bytes;
  }
  if (body_.size() > kMaxWholeBytes) fail(FailureClass::kBadReply, "the answer exceeds 64 MiB");
}

void BodyDecoder::on_stream(std::string_view bytes) {
  std::vector<SseEvent> events;
  parser_.feed(bytes, events);
  on_events(events);
}

// Servers mislabel: an error as JSON in a stream's clothes, a stream without content-type. The first
// character tells JSON and markup from a stream, which begins with a field's name or a colon.
void BodyDecoder::settle_form(std::string_view bytes) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (bytes.size() < kByteOrderMark.size() && kByteOrderMark.starts_with(bytes)) return;
  if (bytes.starts_with(kByteOrderMark)) bytes.remove_prefix(kByteOrderMark.size());
  const size_t begin = bytes.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return;
  bytes.remove_prefix(begin);
  if (bytes[0] == '{' || bytes[0] == '[') {
    form_ = Form::kWhole;
  } else if (bytes[0] == '<') {
    form_ = Form::kPage;
  } else if (declared_stream_ || bytes[0] == ':') {
    form_ = Form::kStream;
  } else {
    bool may_become_field = false;
    for (std::string_view field : {"data:", "event:", "id:", "retry:"}) {
      if (bytes.starts_with(field)) form_ = Form::kStream;
      may_become_field |= field.starts_with(bytes);
    }
    if (form_ == Form::kUnknown && !may_become_field) form_ = Form::kWhole;  // which then is no JSON
  }
}

void BodyDecoder::on_events(const std::vector<SseEvent>& events) {
  for (const SseEvent& event : events) {
    if (is_complete()) return;
    on_event(event);
  }
  if (parser_.failed() && !is_complete())
    fail(FailureClass::kBadReply, "a line of the stream exceeds 16 MiB");
}

void BodyDecoder::on_event(const SseEvent& event) {
  if (event.data.empty()) return;
  if (event.data == "[DONE]") return on_done();
  const auto chunk = parse_wire_json(event.data);
  if (!chunk) {
    if (event.name == "error") return fail(FailureClass::kServer, "error inside the answer: " + event.data);
    return fail(FailureClass::kBadReply, chunk.error().message);
  }
  if (const auto error = find_error(*chunk)) return fail(*error);
  on_chunk(event.name, *chunk);
}

void BodyDecoder::read_whole() {
  if (form_ == Form::kPage)
    return fail(FailureClass::kBadReply, "HTTP 200 with a page of HTML instead of an answer");
  if (body_.find_first_not_of(" \t\r\n") == std::string::npos)
    return fail(declared_stream_ ? FailureClass::kTransport : FailureClass::kBadReply,
                "HTTP 200 with an empty body");
  const auto answer = parse_wire_json(body_);
  if (!answer) return fail(FailureClass::kBadReply, answer.error().message);
  if (const auto error = find_error(*answer)) return fail(*error);
  on_whole(*answer);
  if (draft_.ending == Ending::kNone) draft_.ending = Ending::kComplete;
  set_complete();
}

void BodyDecoder::finish_stream() {
  std::vector<SseEvent> events;
  parser_.end(events);
  on_events(events);
  if (is_complete() || may_end_here()) return;
  fail(FailureClass::kTransport, has_generated() ? "the stream ended in the middle of the answer"
                                                 : "the stream ended before the answer began");
}

std::variant<Reply, Failure> BodyDecoder::finish() {
  if (!is_complete()) {
    if (form_ == Form::kStream)
      finish_stream();
    else
      read_whole();
  }
  if (failure_) return failure();
  if (!draft_.refusal.empty() && draft_.ending <= Ending::kComplete) end(Ending::kRefused, "refusal");
  const bool is_blank = draft_.text.find_first_not_of(" \t\r\n") == std::string::npos;
  if (draft_.ending == Ending::kFailed || (draft_.ending <= Ending::kComplete && is_blank)) {
    const char* what = is_blank && draft_.has_reasoning ? "the model reasoned but gave no answer"
                       : is_blank                       ? "the answer has no text"
                                                        : "the model did not end its answer";
    fail(FailureClass::kBadReply, fmt::format("{} (finish reason '{}')", what, draft_.finish_detail));
    return failure();
  }
  return reply();
}

Reply BodyDecoder::reply() const {
  Reply reply;
  reply.text = draft_.text.empty() ? draft_.refusal : draft_.text;
  reply.model = quotable_line(draft_.model, kMaxNameBytes);
  reply.finish = draft_.ending == Ending::kTruncated ? FinishClass::kTruncated
                 : draft_.ending == Ending::kRefused ? FinishClass::kRefused
                                                     : FinishClass::kComplete;
  reply.finish_detail = quotable_line(draft_.finish_detail, kMaxNameBytes);
  reply.usage = draft_.usage;
  reply.cost_dollars = draft_.cost_dollars ? draft_.cost_dollars : header_cost_dollars_;
  reply.request_id = request_id_.empty() ? quotable_line(draft_.id, kMaxNameBytes) : request_id_;
  return reply;
}

Failure BodyDecoder::failure() const {
  Failure failure = *failure_;
  failure.usage = draft_.usage;
  return failure;
}

void BodyDecoder::fail(const ProviderError& error) {
  if (!failure_) failure_ = failure_in_answer(error, has_generated());
}

void BodyDecoder::fail(FailureClass kind, const std::string& reason) {
  if (failure_) return;
  failure_.emplace();
  failure_->kind = kind;
  failure_->http_status = 200;
  failure_->reason = failure_reason(reason);
  failure_->maybe_billed = form_ != Form::kPage;  // a page comes from a portal or a proxy, not from a model
}

void BodyDecoder::add_text(std::string_view text) {
  if (draft_.text.size() + text.size() > kMaxTextBytes)
    return fail(FailureClass::kBadReply, "the answer's text exceeds 16 MiB");
  draft_.text += text;
}

void BodyDecoder::end(Ending ending, std::string_view detail) {
  draft_.ending = ending;
  draft_.finish_detail = detail;
}

bool BodyDecoder::has_generated() const {
  return !draft_.text.empty() || !draft_.refusal.empty() || draft_.has_reasoning || draft_.usage.known;
}

std::string content_text(const Json& content) {
  if (content.is_string()) return content.get<std::string>();
  std::string text;
  if (!content.is_array()) return text;
  for (const Json& part : content) {
    if (part.is_string()) text += part.get_ref<const std::string&>();
    const std::string_view type = text_at(part, "type");
    if (type.empty() || type == "text" || type == "output_text") text += text_at(part, "text");
  }
  return text;
}

}  // namespace warpwright::llm
