#include "src/llm/endpoint_provider.h"

#include <fmt/format.h>

#include "src/base/check.h"
#include "src/base/log.h"
#include "src/base/quotable.h"

namespace warpwright::llm {
namespace {

constexpr size_t kMaxErrorBytes = size_t{256} << 10;  // of a body that only explains a status
constexpr size_t kMaxReasonBytes = 500;
constexpr size_t kTellingBytes = 8;              // of a key: less is its maker's prefix
constexpr std::string_view kCutMark = " [cut]";  // quotable_line's

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
  std::variant<Reply, Failure> judge(const HttpResult& result);
  Failure failure_of(const HttpResult& result);

  EndpointProvider& provider_;
  std::unique_ptr<ReplyDecoder> decoder_;
  Headers headers_;
  std::string error_body_;
};

// A decoder gives a reply only if it saw the end of it; how the connection ended afterwards does not matter
// then.
std::variant<Reply, Failure> EndpointProvider::Attempt::judge(const HttpResult& result) {
  std::variant<Reply, Failure> outcome = decoder_ ? decoder_->finish() : failure_of(result);
  if (auto* reply = std::get_if<Reply>(&outcome)) {
    reply->first_byte_ms = result.first_byte_ms;
    reply->total_ms = result.total_ms;
    return outcome;
  }
  auto& failure = std::get<Failure>(outcome);
  failure.http_status = result.status;
  // An error that the server spelled out says more than the connection's end; a half-read answer says less.
  const bool unfinished = failure.kind == FailureClass::kTransport || failure.kind == FailureClass::kBadReply;
  if (decoder_ && result.end != HttpEnd::kWhole && unfinished) {
    failure.kind = class_of(result.end);
    failure.reason =
        fmt::format("{} (after {} bytes of the answer)", result.reason, decoder_->answer_bytes());
    failure.maybe_billed = result.request_sent;
  }
  return outcome;
}

Failure EndpointProvider::Attempt::failure_of(const HttpResult& result) {
  if (result.status >= 300) {
    // Before the codec cuts what it quotes: half a key would not be found afterwards.
    for (auto& [header, value] : headers_) value = provider_.redactor_.redact(value);
    return provider_.codec_->failure(result.status, headers_, provider_.redactor_.redact(error_body_));
  }
  Failure failure;
  failure.kind = class_of(result.end);
  failure.reason = result.reason + mend(result.end);
  failure.maybe_billed = result.request_sent;
  return failure;
}

EndpointProvider::EndpointProvider(ModelConfig config, std::unique_ptr<Codec> codec, std::string key,
                                   HttpClient& http)
    : config_(std::move(config)), codec_(std::move(codec)), key_(std::move(key)), http_(http) {
  redactor_.add(config_.name, key_);
}

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
      *text = redactor_.redact(*text);
    spdlog::debug("{} {}: {} in {} ms, {} bytes", config_.name, attempt.name, to_string(reply->finish),
                  reply->total_ms, reply->text.size());
  } else {
    auto& failure = std::get<Failure>(outcome);
    // First without the key, then cut: a cut in the middle of it would hide its beginning from the search.
    failure.reason = quotable_line(without_key(failure.reason), kMaxReasonBytes);
    spdlog::debug("{} {}: {}: {}", config_.name, attempt.name, to_string(failure.kind), failure.reason);
  }
  completed_.push_back({attempt.ticket, attempt.turn, attempt.number, std::move(outcome)});
  attempts_.erase(attempt.ticket);
}

// Of what may have been cut already, also the beginning of a key at the cut.
std::string EndpointProvider::without_key(std::string_view text) const {
  std::string clean = redactor_.redact(text);
  std::string_view kept = clean;
  if (kept.ends_with(kCutMark)) kept.remove_suffix(kCutMark.size());
  for (size_t shown = std::min(kept.size(), key_.size()); shown >= kTellingBytes; --shown)
    if (kept.ends_with(std::string_view(key_).substr(0, shown)))
      return std::string(kept.substr(0, kept.size() - shown)) + "[key]";
  return clean;
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
