#include "src/llm/codecs/provider_error.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <set>

#include "src/base/quotable.h"
#include "src/llm/codecs/wire_json.h"

namespace warpwright::llm {
namespace {

using Words = std::set<std::string_view>;

const Words kBillingWords = {"insufficient_quota",
                             "credit_balance_exhausted",
                             "organization_spend_limit_exceeded",
                             "project_spend_limit_exceeded",
                             "organization_usage_limit_exceeded",
                             "billing_hard_limit_reached",
                             "billing_not_active",
                             "billing_error",
                             "enforced_spend_limit_reached",
                             "insufficient_credits",
                             "insufficient_balance",
                             "BILLING_DISABLED"};
// Where the code says less than the sentence (Anthropic's and some routers' 400 and 403).
const char* const kBillingPhrases[] = {
    "credit balance is too low", "insufficient credits", "insufficient balance", "insufficient funds",
    "billing hard limit",        "spend limit",          "spending limit",       "out of credits",
    "key limit exceeded",        "requires more credits"};
const Words kRateWords = {"rate_limit_error",   "rate_limit_exceeded", "too_many_requests",
                          "RESOURCE_EXHAUSTED", "slow_down",           "tokens_per_minute",
                          "rate_limited"};
const Words kOverloadWords = {"overloaded_error", "overloaded", "server_is_overloaded", "UNAVAILABLE",
                              "service_unavailable"};
const Words kUnauthorizedWords = {"authentication_error", "invalid_api_key",    "permission_error",
                                  "UNAUTHENTICATED",      "API_KEY_INVALID",    "PERMISSION_DENIED",
                                  "invalid_issuer",       "account_deactivated"};
const Words kContentWords = {"invalid_prompt", "content_filter", "content_policy_violation",
                             "moderation_blocked"};
const Words kInvalidWords = {"invalid_request_error",
                             "not_found_error",
                             "request_too_large",
                             "INVALID_ARGUMENT",
                             "NOT_FOUND",
                             "FAILED_PRECONDITION",
                             "OUT_OF_RANGE",
                             "context_length_exceeded",
                             "model_not_found",
                             "exceed_context_size_error",
                             "unsupported_parameter",
                             "unsupported_value",
                             "BadRequestError",
                             "NotFoundError"};
const Words kServerWords = {"api_error", "server_error", "timeout_error", "INTERNAL", "DEADLINE_EXCEEDED"};

bool says(const Words& words, const ProviderError& error) {
  return words.contains(error.code) || words.contains(error.status) || words.contains(error.type);
}

bool is_billing(const ProviderError& error) {
  if (says(kBillingWords, error)) return true;
  std::string message = error.message;
  std::transform(message.begin(), message.end(), message.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::any_of(std::begin(kBillingPhrases), std::end(kBillingPhrases),
                     [&](const char* phrase) { return message.find(phrase) != std::string::npos; });
}

FailureClass class_of_word(const ProviderError& error) {
  if (says(kRateWords, error)) return FailureClass::kRateLimited;
  if (says(kOverloadWords, error)) return FailureClass::kOverloaded;
  if (says(kUnauthorizedWords, error)) return FailureClass::kUnauthorized;
  if (says(kServerWords, error)) return FailureClass::kServer;  // a server_error may bear a vague type
  if (says(kContentWords, error) || says(kInvalidWords, error)) return FailureClass::kInvalid;
  return FailureClass::kServer;
}

FailureClass class_of_status(int status, const ProviderError& error) {
  switch (status) {
    case 401:
      return FailureClass::kUnauthorized;
    case 402:
      return FailureClass::kBilling;
    case 403:  // a prompt that was declined says nothing about the key
      return error.is_moderation || says(kContentWords, error) ? FailureClass::kInvalid
                                                               : FailureClass::kUnauthorized;
    case 408:
    case 409:
    case 421:  // misdirected: another connection may do
    case 424:
    case 425:
    case 499:
      return FailureClass::kServer;
    case 429:
      return FailureClass::kRateLimited;
    case 501:
    case 505:
      return FailureClass::kInvalid;
    case 503:
    case 529:
      return FailureClass::kOverloaded;
    default:
      break;
  }
  if (status >= 500) return says(kOverloadWords, error) ? FailureClass::kOverloaded : FailureClass::kServer;
  return says(kUnauthorizedWords, error) ? FailureClass::kUnauthorized : FailureClass::kInvalid;
}

void read_google_details(const Json& details, ProviderError& error) {
  if (!details.is_array()) return;
  for (const Json& detail : details) {
    const std::string_view type = text_at(detail, "@type");
    if (type.ends_with(".RetryInfo")) error.retry_delay_ms = duration_ms(text_at(detail, "retryDelay"));
    if (type.ends_with(".ErrorInfo")) error.code = word_at(detail, "reason");
    const Json& violations = at(detail, "violations");
    if (!violations.is_array()) continue;
    for (const Json& violation : violations)
      error.is_daily_quota |= text_at(violation, "quotaId").find("PerDay") != std::string_view::npos;
  }
}

// A router's "Provider returned error" says nothing; what the provider said stands beside it.
void read_router_metadata(const Json& metadata, ProviderError& error) {
  error.is_moderation = at(metadata, "reasons").is_array() || !is_void(at(metadata, "flagged_input"));
  const std::string_view provider = text_at(metadata, "provider_name"), raw = text_at(metadata, "raw");
  if (!raw.empty()) error.message += fmt::format(": {}{}{}", provider, provider.empty() ? "" : ": ", raw);
}

// 429 of "429"; 0 of any other word.
int http_status_of(const std::string& code) {
  const bool is_status = code.size() == 3 && (code[0] == '4' || code[0] == '5') &&
                         std::isdigit(code[1]) != 0 && std::isdigit(code[2]) != 0;
  return is_status ? std::stoi(code) : 0;
}

ProviderError read_error(const Json& object) {
  ProviderError error;
  error.message = text_at(object, "message");
  error.type = word_at(object, "type");
  error.code = word_at(object, "code");
  error.status = word_at(object, "status");
  if (const int number = http_status_of(error.code); number > 0) {
    error.number = number;
    error.code.clear();
  }
  const Json& details = at(object, "details");
  if (const std::string code = word_at(details, "error_code"); !code.empty()) error.code = code;
  read_google_details(details, error);
  read_router_metadata(at(object, "metadata"), error);
  if (error.message.empty()) error.message = dump_json(object);
  return error;
}

ProviderError plain_error(std::string_view message) {
  ProviderError error;
  error.message = message;
  return error;
}

// Forms that only the status tells from an answer: FastAPI's {"detail": ...}, {"message": ...}.
ProviderError error_of_body(const Json& body) {
  if (auto error = find_error(body)) return *error;
  if (const Json& detail = at(body, "detail"); !is_void(detail))
    return plain_error(detail.is_string() ? detail.get<std::string>() : dump_json(detail));
  return read_error(body);
}

std::string page_title(std::string_view html) {
  const size_t begin = html.find("<title>");
  if (begin == std::string_view::npos) return "an HTML page";
  const std::string_view title = html.substr(begin + 7);
  return fmt::format("an HTML page: {}", title.substr(0, title.find('<')));
}

std::string plain_body(int status, std::string_view body) {
  constexpr std::string_view kSpace = " \t\r\n";
  constexpr size_t kShown = 1000;
  body.remove_prefix(std::min(body.find_first_not_of(kSpace), body.size()));
  body = body.substr(0, kShown);
  body = body.substr(0, body.find_last_not_of(kSpace) + 1);
  const std::string said = body.empty()     ? "an empty body"
                           : body[0] == '<' ? page_title(body)
                                            : std::string(body);
  return status == 404 ? said + " (is base_url the one of this provider?)" : said;
}

}  // namespace

std::string ProviderError::word() const {
  for (const std::string* word : {&code, &status, &type})
    if (!word->empty()) return *word;
  return number > 0 ? std::to_string(number) : std::string();
}

std::optional<ProviderError> find_error(const Json& whole) {
  const Json& body = whole.is_array() ? first(whole) : whole;  // Google without alt=sse: an array of chunks
  const Json& inner = at(body, "error");
  std::optional<ProviderError> error;
  if (inner.is_object() && !inner.empty()) error = read_error(inner);
  if (inner.is_string() && !is_void(inner)) error = plain_error(inner.get_ref<const std::string&>());
  if (!error && (text_at(body, "type") == "error" || text_at(body, "object") == "error"))
    error = read_error(body);
  if (error) error->request_id = text_at(body, "request_id");
  return error;
}

FailureClass classify(int http_status, const ProviderError& error) {
  const bool in_answer = http_status >= 200 && http_status < 300;
  const int status = in_answer ? error.number : http_status;
  if ((status < 500 && is_billing(error)) || (status == 429 && error.is_daily_quota))
    return FailureClass::kBilling;
  return status > 0 ? class_of_status(status, error) : class_of_word(error);
}

std::string failure_reason(std::string_view text) {
  constexpr size_t kMaxBytes = 300, kMark = std::string_view(" [cut]").size();
  return quotable_line(text, kMaxBytes - kMark);
}

Failure failure_in_answer(const ProviderError& error, bool generated) {
  Failure failure;
  failure.kind = classify(200, error);
  failure.http_status = 200;
  const std::string word = error.word();
  failure.reason = failure_reason(
      fmt::format("error inside the answer: {}{}{}", word, word.empty() ? "" : ": ", error.message));
  failure.retry_after_ms = error.retry_delay_ms;
  failure.maybe_billed = generated;
  return failure;
}

Failure failure_of_response(int http_status, const Headers& headers, std::string_view body) {
  Failure failure;
  failure.http_status = http_status;
  failure.retry_after_ms = retry_after_ms(headers);
  if (const auto found = headers.find("x-should-retry"); found != headers.end())
    if (found->second == "true" || found->second == "false") failure.should_retry = found->second == "true";
  // A gateway gave up waiting: what stands behind it may have answered, and billed.
  failure.maybe_billed = http_status == 502 || http_status == 504 || http_status == 524;
  if (http_status >= 300 && http_status < 400) {
    const auto location = headers.find("location");
    failure.kind = FailureClass::kInvalid;
    failure.reason = failure_reason(
        fmt::format("HTTP {} to {}: redirects are not followed, put the final address into base_url",
                    http_status, location == headers.end() ? "nowhere" : location->second));
    return failure;
  }
  const auto json = parse_wire_json(body);
  const bool is_error = json && (json->is_object() || find_error(*json));
  const ProviderError error = is_error ? error_of_body(*json) : plain_error(plain_body(http_status, body));
  failure.kind = classify(http_status, error);
  if (!failure.retry_after_ms) failure.retry_after_ms = error.retry_delay_ms;
  const std::string word = is_error && error.word() != std::to_string(http_status) ? error.word() : "";
  failure.reason =
      failure_reason(fmt::format("HTTP {}{}{}: {}{}", http_status, word.empty() ? "" : " ", word,
                                 error.is_daily_quota ? "a daily quota is used up: " : "", error.message));
  return failure;
}

}  // namespace warpwright::llm
