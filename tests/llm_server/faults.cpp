#include "tests/llm_server/faults.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <functional>
#include <map>

namespace warpwright::llm_server {
namespace {

using Then = Step::Then;
using Steps = std::vector<Step>;

struct Reply {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::string> headers;
  std::string body;
};

std::string date_in(int64_t seconds) {
  const std::time_t at = std::time(nullptr) + seconds;
  std::tm parts{};
  ::gmtime_r(&at, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return text;
}

std::string head(int status, const std::string& content_type, const std::vector<std::string>& headers) {
  std::string text =
      fmt::format("HTTP/1.1 {} Status\r\ndate: {}\r\ncontent-type: {}\r\nx-request-id: req-42\r\n", status,
                  date_in(0), content_type);
  for (const std::string& header : headers) text += header + "\r\n";
  return text;
}
Steps whole(const Reply& reply, bool answers = false) {
  Step step;
  step.bytes = head(reply.status, reply.content_type, reply.headers) +
               fmt::format("content-length: {}\r\n\r\n", reply.body.size()) + reply.body;
  step.completes_answer = answers;
  return {step};
}
std::string chunk(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}
Step chunk_step(std::string_view bytes, int64_t delay_ms = 0) {
  Step step;
  step.bytes = chunk(bytes);
  step.delay_ms = delay_ms;
  return step;
}
Step stream_head() {
  Step step;
  step.bytes = head(200, "text/event-stream; charset=utf-8", {"transfer-encoding: chunked"}) + "\r\n";
  return step;
}
Step end_of_stream() {
  Step step;
  step.bytes = "0\r\n\r\n";
  return step;
}

struct Asked {
  const Request& request;
  const Manner& manner;
  Wire wire() const { return *request.wire; }
  Answer answer(Finish finish = Finish::kStop) const {
    Answer answer;
    answer.text = answer_text(request.prompt, manner.answer_bytes);
    answer.reasoning = "Thinking…";
    answer.pieces = manner.pieces;
    answer.finish = finish;
    return answer;
  }
};

Steps steps_of(const Events& events, int64_t delay_ms) {
  Steps steps = {stream_head()};
  for (const std::string& frame : events.frames) steps.push_back(chunk_step(frame, delay_ms));
  steps.back().completes_answer = true;
  steps.push_back(end_of_stream());
  return steps;
}
Steps answered(const Asked& asked, Finish finish = Finish::kStop) {
  const Answer answer = asked.answer(finish);
  if (!asked.request.stream)
    return whole({200, "application/json", {}, whole_body(asked.request, answer)}, true);
  return steps_of(stream_events(asked.request, answer), asked.manner.delay_ms);
}

Steps error(const Asked& asked, int status, std::string_view type, std::vector<std::string> headers,
            std::string_view message = "the server says no") {
  return whole(
      {status, "application/json", std::move(headers), error_body(asked.wire(), status, type, message)});
}

// A stream (or a whole body) that stops somewhere in the middle.
Steps half(const Asked& asked, Then then) {
  if (!asked.request.stream) {
    const std::string body = whole_body(asked.request, asked.answer());
    Step step;
    step.bytes = head(200, "application/json", {}) + fmt::format("content-length: {}\r\n\r\n", body.size()) +
                 body.substr(0, body.size() / 2);
    step.then = then;
    return {step};
  }
  Steps steps = {stream_head()};
  const Events events = stream_events(asked.request, asked.answer());
  const size_t kept = (events.frames.size() - events.tail + 1) / 2 + 1;
  for (size_t i = 0; i < std::min(kept, events.frames.size() - events.tail); ++i)
    steps.push_back(chunk_step(events.frames[i]));
  steps.back().then = then;
  return steps;
}

// Ends in good order, but for its last events: only the decoder can tell.
Steps without_terminal_event(const Asked& asked) {
  if (!asked.request.stream) return half(asked, Then::kClose);
  Events events = stream_events(asked.request, asked.answer());
  events.frames.resize(events.frames.size() - events.tail);
  Steps steps = steps_of(events, 0);
  for (Step& step : steps) step.completes_answer = false;
  return steps;
}

Steps delayed(Steps steps, size_t index, int64_t delay_ms) {
  steps[std::min(index, steps.size() - 1)].delay_ms = delay_ms;
  return steps;
}
Steps slow_first_byte(const Asked& asked) {
  return delayed(answered(asked), 1, asked.manner.pause_ms);
}

Steps empty_choices(const Asked& asked) {
  Json body;
  switch (asked.wire()) {
    case Wire::kChat:
      body = {{"id", "x"}, {"choices", Json::array()}};
      break;
    case Wire::kResponses:
      body = {{"id", "x"}, {"status", "completed"}, {"output", Json::array()}};
      break;
    case Wire::kMessages:
      body = {{"id", "x"}, {"type", "message"}, {"content", Json::array()}, {"stop_reason", "end_turn"}};
      break;
    case Wire::kGemini:
      body = {{"candidates", Json::array()}};
      break;
  }
  if (!asked.request.stream) return whole({200, "application/json", {}, dump_json(body)});
  Steps steps = {stream_head()};
  if (asked.wire() == Wire::kChat) {
    steps.push_back(chunk_step("data: " + dump_json(body) + "\n\ndata: [DONE]\n\n"));
  } else if (asked.wire() == Wire::kResponses) {
    steps.push_back(chunk_step("event: response.completed\ndata: " +
                               dump_json({{"type", "response.completed"}, {"response", body}}) + "\n\n"));
  } else if (asked.wire() == Wire::kMessages) {
    steps.push_back(chunk_step(
        "event: message_start\ndata: " + dump_json({{"type", "message_start"}, {"message", body}}) +
        "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"));
  } else {
    steps.push_back(chunk_step("data: " + dump_json(body) + "\n\n"));
  }
  steps.push_back(end_of_stream());
  return steps;
}

Steps error_in_200(const Asked& asked) {
  return whole(
      {200, "application/json", {}, error_body(asked.wire(), 502, "server_error", "upstream went away")});
}
Steps error_mid_stream(const Asked& asked) {
  if (!asked.request.stream) return error_in_200(asked);
  Steps steps = half(asked, Then::kGoOn);
  steps.push_back(chunk_step(error_event(asked.wire(), 529, "overloaded_error", "Overloaded")));
  steps.push_back(end_of_stream());
  return steps;
}
Steps malformed(const Asked& asked) {
  if (!asked.request.stream) return whole({200, "application/json", {}, "{\"choices\": [{\"message\": "});
  Steps steps = {stream_head()};
  steps.push_back(chunk_step("event: message\ndata: {\"choices\": [{\"delta\": {\"content\": \"a\n\n"));
  steps.push_back(end_of_stream());
  return steps;
}
Steps html(const Asked&) {
  return whole(
      {200, "text/html", {}, "<html><body><h1>Please log in to the hotel network</h1></body></html>"});
}

// Bytes one at a time, each its own chunk, so that characters, lines and chunk heads are cut everywhere.
Steps byte_by_byte(const Asked& asked) {
  Steps cut;
  for (const Step& step : answered(asked)) {
    for (const char byte : step.bytes) {
      Step one;
      one.bytes = std::string(1, byte);
      cut.push_back(one);
    }
    cut.back().completes_answer = step.completes_answer;
  }
  return cut;
}
// As nginx, some routers and Windows servers send it: CRLF, comments between the events.
Steps carriage_returns(const Asked& asked) {
  if (!asked.request.stream) return answered(asked);
  Events events = stream_events(asked.request, asked.answer());
  for (std::string& frame : events.frames) {
    std::string changed = ": OPENROUTER PROCESSING\r\n\r\n";
    for (const char c : frame) changed += c == '\n' ? std::string("\r\n") : std::string(1, c);
    frame = changed;
  }
  return steps_of(events, 0);
}

Steps huge(const Asked& asked) {
  Step first = stream_head();
  if (!asked.request.stream)
    first.bytes = head(200, "application/json", {"transfer-encoding: chunked"}) + "\r\n";
  Step more =
      chunk_step(asked.request.stream ? ": " + std::string(1 << 18, 'x') + "\n" : std::string(1 << 18, ' '));
  more.repeat = -1;
  return {first, more};
}
Steps huge_headers(const Asked&) {
  Step first, more;
  first.bytes = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
  more.bytes = "x-more: " + std::string(1000, 'y') + "\r\n";
  more.repeat = 200;
  return {first, more};
}
Steps endless_reasoning(const Asked& asked) {
  if (!asked.request.stream) return delayed(answered(asked), 0, 600'000);
  Step more = chunk_step(reasoning_event(asked.wire(), "hm, "), 20);
  more.repeat = -1;
  return {stream_head(), more};
}
// Some text, and then for ever something that is not text.
Steps stalled_answer(const Asked& asked) {
  if (!asked.request.stream) return delayed(answered(asked), 0, 600'000);
  Steps steps = half(asked, Then::kGoOn);
  Step more = chunk_step(reasoning_event(asked.wire(), "hm, "), 20);
  more.repeat = -1;
  steps.push_back(more);
  return steps;
}
// The answer is there, the connection stays open without an end.
Steps stays_open(const Asked& asked) {
  if (!asked.request.stream) return answered(asked);
  Steps steps = answered(asked);
  steps.pop_back();
  steps.back().then = Then::kHang;
  return steps;
}

Steps at_once(Then then) {
  Step step;
  step.then = then;
  return {step};
}

std::string sent_key(const Request& request) {
  for (const char* name : {"authorization", "x-api-key", "x-goog-api-key"})
    if (const auto found = request.headers.find(name); found != request.headers.end()) return found->second;
  return "nothing";
}
// Servers have been seen to say which key they did not like.
Steps unauthorized(const Asked& asked) {
  return error(asked, 401, "authentication_error", {"x-seen-key: " + sent_key(asked.request)},
               "Incorrect API key provided: " + sent_key(asked.request));
}
Steps key_in_answer(const Asked& asked) {
  Answer answer = asked.answer();
  answer.text = "your key is " + sent_key(asked.request);
  if (!asked.request.stream)
    return whole({200, "application/json", {}, whole_body(asked.request, answer)}, true);
  return steps_of(stream_events(asked.request, answer), 0);
}
Steps redirect(const Asked& asked) {
  const std::string to = asked.manner.redirect_to.empty() ? "http://127.0.0.1:9/" : asked.manner.redirect_to;
  return whole({307, "text/plain", {"location: " + to + "?key=" + sent_key(asked.request)}, ""});
}
Steps billing(const Asked& asked) {
  if (asked.wire() == Wire::kMessages) {
    const Json body = {{"type", "error"},
                       {"error",
                        {{"type", "rate_limit_error"},
                         {"message", "This organization's spend limit is reached"},
                         {"details", {{"error_code", "enforced_spend_limit_reached"}}}}}};
    return whole({429, "application/json", {}, dump_json(body)});
  }
  if (asked.wire() == Wire::kGemini)
    return error(asked, 402, "PAYMENT_REQUIRED", {}, "Billing account not active");
  const Json body = {{"error",
                      {{"message", "You exceeded your current quota"},
                       {"type", "insufficient_quota"},
                       {"param", nullptr},
                       {"code", "credit_balance_exhausted"}}}};
  return whole({429, "application/json", {}, dump_json(body)});
}

using Responder = std::function<Steps(const Asked&)>;

Responder limited(std::string_view header) {
  return [header](const Asked& asked) {
    const std::string_view type = asked.wire() == Wire::kGemini ? "RESOURCE_EXHAUSTED" : "rate_limit_error";
    const std::string value = header == "date" ? "retry-after: " + date_in(5) : std::string(header);
    return error(asked, 429, type, {value});
  };
}
Responder status(int code, std::string_view type) {
  return [code, type](const Asked& asked) { return error(asked, code, type, {}); };
}
Responder finished(Finish finish) {
  return [finish](const Asked& asked) { return answered(asked, finish); };
}

const std::map<std::string_view, Responder>& responders() {
  static const std::map<std::string_view, Responder> table = {
      {"none", finished(Finish::kStop)},
      {"429-seconds", limited("retry-after: 3")},
      {"429-date", limited("date")},
      {"429-ms", limited("retry-after-ms: 1500")},
      {"529", status(529, "overloaded_error")},
      {"503", status(503, "server_is_overloaded")},
      {"500", status(500, "server_error")},
      {"502-html",
       [](const Asked&) {
         return whole({502, "text/html", {}, "<html>Bad <b>Gateway</b></html>"});
       }},
      {"400", status(400, "invalid_request_error")},
      {"401", unauthorized},
      {"key-in-answer", key_in_answer},
      {"billing", billing},
      {"redirect", redirect},
      {"cut", [](const Asked& asked) { return half(asked, Then::kClose); }},
      {"cut-by-reset", [](const Asked& asked) { return half(asked, Then::kReset); }},
      {"no-terminal-event", without_terminal_event},
      {"reset", [](const Asked&) { return at_once(Then::kReset); }},
      {"late-reset",
       [](const Asked& asked) { return delayed(at_once(Then::kReset), 0, asked.manner.pause_ms); }},
      {"empty-reply", [](const Asked&) { return at_once(Then::kClose); }},
      {"silence", [](const Asked&) { return at_once(Then::kHang); }},
      {"slow-first-byte", slow_first_byte},
      {"idle-gap", [](const Asked& asked) { return half(asked, Then::kHang); }},
      {"stays-open", stays_open},
      {"empty-choices", empty_choices},
      {"error-in-200", error_in_200},
      {"error-mid-stream", error_mid_stream},
      {"malformed", malformed},
      {"html", html},
      {"refusal", finished(Finish::kRefusal)},
      {"length", finished(Finish::kLength)},
      {"split-utf8", byte_by_byte},
      {"crlf", carriage_returns},
      {"huge", huge},
      {"huge-headers", huge_headers},
      {"endless-reasoning", endless_reasoning},
      {"stalled-answer", stalled_answer},
  };
  return table;
}

}  // namespace

const std::vector<std::string_view>& fault_names() {
  static const std::vector<std::string_view> names = [] {
    std::vector<std::string_view> list;
    for (const auto& [name, responder] : responders()) list.push_back(name);
    return list;
  }();
  return names;
}

std::string fault_of(const Request& request, const std::string& scripted) {
  if (const auto header = request.headers.find("x-fault"); header != request.headers.end())
    return header->second;
  if (const size_t plus = request.model.rfind('+'); plus != std::string::npos)
    return request.model.substr(plus + 1);
  return scripted;
}

std::vector<Step> respond(const Request& request, const std::string& fault, const Manner& manner) {
  if (request.method != "POST" || !request.wire) return whole({404, "text/plain", {}, "no such page"});
  const auto found = responders().find(fault);
  if (found == responders().end()) return whole({418, "text/plain", {}, "no fault is called " + fault});
  return found->second({request, manner});
}

}  // namespace warpwright::llm_server
