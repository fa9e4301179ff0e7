#include "src/llm/endpoint_provider.h"

#include <fmt/format.h>

#include "src/base/check.h"
#include "src/base/log.h"
#include "src/base/quotable.h"

namespace warpwright::llm {
namespace {

constexpr size_t kMaxErrorBytes = size_t{256} << 10;  // of a body that only explains a status
constexpr size_t kMaxReasonBytes = 500;

FailureClass class_of(HttpEnd end) {
  switch (end) {
    case HttpEnd::kNoContact:
    case HttpEnd::kCut:
      return FailureClass::kTransport;
    case HttpEnd::kTimeout:
      return FailureClass::kTimeout;
    case HttpEnd::kOversized:
    case HttpEnd::kGarbled:
      return FailureClass::kBadReply;
    case HttpEnd::kUnusable:
      return FailureClass::kInvalid;
    case HttpEnd::kWhole:
      break;
  }
  CHECK(false);
}

// A server that says no before it works bills nothing. All else that took the whole request may have.
bool may_have_worked(int status) {
  const bool refused_at_the_door = (status >= 300 && status < 500 && status != 408) || status == 501 ||
                                   status == 503 || status == 505 || status == 529;
  return !refused_at_the_door;
}

Failure failed(FailureClass kind, std::string reason) {
  Failure failure;
  failure.kind = kind;
  failure.reason = std::move(reason);
  return failure;
}

std::string mend(HttpEnd end) {
  if (end == HttpEnd::kUnusable) return "; mend base_url, or name the authorities in ca_file";
  if (end == HttpEnd::kNoContact) return "; check base_url and the proxy";
  return "";
}

}  // namespace

class EndpointProvider::Attempt final : public HttpReceiver {
 public:
  Attempt(EndpointProvider& provider, const Call& call)
      : ticket(call.ticket), turn(call.turn), number(call.attempt), name(call.id()), provider_(provider) {}

  const int64_t ticket;
  const int turn, number;
  const std::string name;
  int64_t http_id = 0;

  void on_headers(int status, const Headers& headers) override {
    headers_ = headers;
    if (status >= 200 && status < 300) decoder_ = provider_.codec_->decoder(provider_.config_, headers);
  }
  void on_body(std::string_view bytes) override {
    if (decoder_)
      decoder_->on_body(bytes);
    else
      error_body_.append(bytes.substr(0, kMaxErrorBytes - std::min(kMaxErrorBytes, error_body_.size())));
  }
  size_t answer_bytes() const override { return decoder_ ? decoder_->answer_bytes() : 0; }
  bool is_complete() const override { return decoder_ && decoder_->is_complete(); }
  void on_end(const HttpResult& result) override { provider_.complete(*this, judge(result)); }

 private:
  std::variant<Reply, Failure> judge(const HttpResult& result) const;
  Failure failure_of(const HttpResult& result) const;
  Failure decoded_failure(const HttpResult& result, Failure failure) const;

  EndpointProvider& provider_;
  std::unique_ptr<ReplyDecoder> decoder_;
  Headers headers_;
  std::string error_body_;
};

// A decoder gives a reply only if it saw the end of it; how the connection ended afterwards does not matter
// then.
std::variant<Reply, Failure> EndpointProvider::Attempt::judge(const HttpResult& result) const {
  std::variant<Reply, Failure> outcome;
  if (decoder_) {
    outcome = decoder_->finish();
    if (auto* reply = std::get_if<Reply>(&outcome)) {
      reply->first_byte_ms = result.first_byte_ms;
      reply->total_ms = result.total_ms;
      return outcome;
    }
    outcome = decoded_failure(result, std::get<Failure>(std::move(outcome)));
  } else {
    outcome = failure_of(result);
  }
  auto& failure = std::get<Failure>(outcome);
  failure.http_status = result.status;
  failure.maybe_billed = result.request_sent && !failure.usage.known && may_have_worked(result.status);
  return outcome;
}

// An error that the server spelled out says more than the connection's end; a half-read answer says less.
Failure EndpointProvider::Attempt::decoded_failure(const HttpResult& result, Failure failure) const {
  const bool unfinished = failure.kind == FailureClass::kTransport || failure.kind == FailureClass::kBadReply;
  if (result.end == HttpEnd::kWhole || !unfinished) return failure;
  failure.kind = class_of(result.end);
  failure.reason = fmt::format("{} (after {} bytes of the answer)", result.reason, decoder_->answer_bytes());
  return failure;
}

Failure EndpointProvider::Attempt::failure_of(const HttpResult& result) const {
  if (!result.redirect_url.empty())
    return failed(
        FailureClass::kInvalid,
        fmt::format("status {}: redirected to {}, which is not followed; set base_url to where it leads",
                    result.status, result.redirect_url));
  if (result.status >= 300) return provider_.codec_->failure(result.status, headers_, error_body_);
  if (result.end == HttpEnd::kWhole)
    return failed(FailureClass::kBadReply, fmt::format("status {} is no answer", result.status));
  return failed(class_of(result.end), result.reason + mend(result.end));
}

EndpointProvider::EndpointProvider(ModelConfig config, std::unique_ptr<Codec> codec, std::string key,
                                   HttpClient& http)
    : config_(std::move(config)), codec_(std::move(codec)), key_(std::move(key)), http_(http) {}

EndpointProvider::~EndpointProvider() {
  for (const auto& [ticket, attempt] : attempts_) http_.cancel(attempt->http_id);
}

HttpPost EndpointProvider::post_for(const Call& call) const {
  HttpRequest request = codec_->encode(config_, call);
  HttpPost post;
  post.url = std::move(request.url);
  post.headers = std::move(request.headers);
  if (!key_.empty()) post.headers.push_back(request.key_header + key_);
  post.body = std::move(request.body);
  post.proxy = config_.proxy;
  post.ca_file = config_.ca_file;
  post.http2 = config_.http2;
  post.timeouts = {config_.connect_timeout_ms, config_.first_byte_timeout_ms, config_.idle_timeout_ms,
                   config_.progress_timeout_ms, config_.total_timeout_ms};
  return post;
}

void EndpointProvider::start(const Call& call) {
  auto attempt = std::make_unique<Attempt>(*this, call);
  HttpPost post = post_for(call);
  spdlog::debug("{} {}: POST {}, {} bytes", config_.name, attempt->name, without_key(post.url),
                post.body.size());
  attempt->http_id = http_.start(std::move(post), *attempt);
  const bool fresh = attempts_.try_emplace(call.ticket, std::move(attempt)).second;
  CHECK(fresh);
}

void EndpointProvider::complete(const Attempt& attempt, std::variant<Reply, Failure> outcome) {
  if (auto* reply = std::get_if<Reply>(&outcome)) {
    for (std::string* text : {&reply->text, &reply->model, &reply->finish_detail, &reply->request_id})
      *text = without_key(std::move(*text));
    spdlog::debug("{} {}: {} in {} ms, {} bytes", config_.name, attempt.name, to_string(reply->finish),
                  reply->total_ms, reply->text.size());
  } else {
    auto& failure = std::get<Failure>(outcome);
    // First without the key, then cut: a cut in the middle of it would hide its beginning from the search.
    failure.reason = quotable_line(without_key(std::move(failure.reason)), kMaxReasonBytes);
    spdlog::debug("{} {}: {}: {}", config_.name, attempt.name, to_string(failure.kind), failure.reason);
  }
  completed_.push_back({attempt.ticket, attempt.turn, attempt.number, std::move(outcome)});
  attempts_.erase(attempt.ticket);
}

std::string EndpointProvider::without_key(std::string text) const {
  if (key_.empty()) return text;
  for (size_t at = 0; (at = text.find(key_, at)) != std::string::npos; ++at)
    text.replace(at, key_.size(), "[key]");
  return text;
}

std::vector<Completion> EndpointProvider::poll() {
  http_.poll();
  return std::exchange(completed_, {});
}

void EndpointProvider::cancel(int64_t ticket) {
  if (const auto attempt = attempts_.find(ticket); attempt != attempts_.end()) {
    http_.cancel(attempt->second->http_id);
    attempts_.erase(attempt);
  }
  std::erase_if(completed_, [ticket](const Completion& completion) { return completion.ticket == ticket; });
}

void EndpointProvider::wait_on(WaitSet& waits) const {
  if (!attempts_.empty()) http_.wait_on(waits);
  if (!completed_.empty()) waits.wake_within(0);
}

}  // namespace warpwright::llm
