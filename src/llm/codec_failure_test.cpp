// Responses that are not answers: what each means for the endpoint, how long to wait, and what is said of it.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "src/llm/codecs/provider_error.h"

namespace warpwright::llm {
namespace {

Failure fail(int status, const std::string& body, const Headers& headers = {}) {
  const Failure failure = make_codec(ProviderKind::kOpenAiChat)->failure(status, headers, body);
  for (ProviderKind kind :
       {ProviderKind::kOpenAiResponses, ProviderKind::kAnthropicMessages, ProviderKind::kGemini})
    EXPECT_EQ(make_codec(kind)->failure(status, headers, body).reason, failure.reason);
  EXPECT_EQ(failure.http_status, status);
  return failure;
}

TEST(Failures, StatusAndBodyGiveTheClassAndOneLine) {
  struct Case {
    int status;
    const char *body, *expected;
  };
  const Case cases[] = {
      // OpenAI
      {401, R"({"error":{"message":"Incorrect API key provided","type":"invalid_request_error","code":"invalid_api_key"}})", "unauthorized: HTTP 401 invalid_api_key: Incorrect API key provided"},
      {429, R"({"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}})", "rate-limited: HTTP 429 rate_limit_exceeded: Rate limit reached"},
      {429, R"({"error":{"message":"slow","code":"slow_down"}})", "rate-limited: HTTP 429 slow_down: slow"},
      {429, R"({"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}})", "billing: HTTP 429 insufficient_quota: You exceeded your current quota"},
      {429, R"({"error":{"message":"x","type":"insufficient_quota","code":"credit_balance_exhausted"}})", "billing: HTTP 429 credit_balance_exhausted: x"},
      {429, R"({"error":{"message":"x","code":"project_spend_limit_exceeded"}})", "billing: HTTP 429 project_spend_limit_exceeded: x"},
      {429, R"({"error":{"message":"x","code":"organization_spend_limit_exceeded"}})", "billing: HTTP 429 organization_spend_limit_exceeded: x"},
      {429, R"({"error":{"message":"x","code":"organization_usage_limit_exceeded"}})", "billing: HTTP 429 organization_usage_limit_exceeded: x"},
      {400, R"({"error":{"message":"Billing hard limit has been reached","code":"billing_hard_limit_reached"}})", "billing: HTTP 400 billing_hard_limit_reached: Billing hard limit has been reached"},
      {400, R"({"error":{"message":"Unsupported parameter","param":"max_tokens","code":"unsupported_parameter"}})", "invalid: HTTP 400 unsupported_parameter: Unsupported parameter"},
      {503, R"({"error":{"message":"busy","code":"server_is_overloaded"}})", "overloaded: HTTP 503 server_is_overloaded: busy"},
      // Anthropic
      {529, R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"})", "overloaded: HTTP 529 overloaded_error: Overloaded"},
      {500, R"({"type":"error","error":{"type":"api_error","message":"x"}})", "server: HTTP 500 api_error: x"},
      {400, R"({"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}})", "billing: HTTP 400 invalid_request_error: Your credit balance is too low to access the API."},
      {429, R"({"type":"error","error":{"type":"rate_limit_error","message":"x","details":{"error_code":"enforced_spend_limit_reached"}}})", "billing: HTTP 429 enforced_spend_limit_reached: x"},
      {402, R"({"type":"error","error":{"type":"billing_error","message":"x"}})", "billing: HTTP 402 billing_error: x"},
      {413, R"({"type":"error","error":{"type":"request_too_large","message":"x"}})", "invalid: HTTP 413 request_too_large: x"},
      // Google
      {429, R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"quota","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerMinutePerProject"}]}]}})", "rate-limited: HTTP 429 RESOURCE_EXHAUSTED: quota"},
      {429, R"({"error":{"code":429,"status":"RESOURCE_EXHAUSTED","message":"quota","details":[{"@type":"type.googleapis.com/google.rpc.QuotaFailure","violations":[{"quotaId":"GenerateRequestsPerDayPerProject"}]}]}})", "billing: HTTP 429 RESOURCE_EXHAUSTED: a daily quota is used up: quota"},
      {400, R"([{"error":{"code":400,"status":"INVALID_ARGUMENT","message":"API key not valid","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}])", "unauthorized: HTTP 400 API_KEY_INVALID: API key not valid"},
      {403, R"({"error":{"code":403,"status":"PERMISSION_DENIED","message":"x","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"BILLING_DISABLED"}]}})", "billing: HTTP 403 BILLING_DISABLED: x"},
      // routers and servers of one's own
      {402, R"({"error":{"code":402,"message":"This request requires more credits"}})", "billing: HTTP 402: This request requires more credits"},
      {403, R"({"error":{"code":403,"message":"Key limit exceeded (total limit) now"}})", "billing: HTTP 403: Key limit exceeded (total limit) now"},
      {403, R"({"error":{"code":403,"message":"flagged","metadata":{"reasons":["violence"],"flagged_input":"x"}}})", "invalid: HTTP 403: flagged"},
      {502, R"({"error":{"code":502,"message":"Provider returned error","metadata":{"provider_name":"P","raw":"boom"}}})", "server: HTTP 502: Provider returned error: P: boom"},
      {400, R"({"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400})", "invalid: HTTP 400 BadRequestError: too long"},
      {503, R"({"error":{"code":503,"message":"Loading model","type":"unavailable_error"}})", "overloaded: HTTP 503 unavailable_error: Loading model"},
      {404, R"({"error":"model \"x\" not found, try pulling it first"})", "invalid: HTTP 404: model \"x\" not found, try pulling it first"},
      {422, R"({"detail":[{"loc":["body","messages"],"msg":"field required"}]})", R"(invalid: HTTP 422: [{"loc":["body","messages"],"msg":"field required"}])"},
      {404, R"({"detail":"Not Found"})", "invalid: HTTP 404: Not Found"},
      {400, R"({"message":"bad"})", "invalid: HTTP 400: bad"},
      {400, R"({"odd":1})", R"(invalid: HTTP 400: {"odd":1})"},
      // bodies that are no JSON
      {502, "<html><head><title>502 Bad Gateway</title></head>", "server: HTTP 502: an HTML page: 502 Bad Gateway"},
      {404, "404 page not found\n", "invalid: HTTP 404: 404 page not found (is base_url the one of this provider?)"},
      {500, "", "server: HTTP 500: an empty body"},
      {500, "[[", "server: HTTP 500: [["},
      {500, "7", "server: HTTP 500: 7"},
      // statuses alone
      {403, "{}", "unauthorized: HTTP 403: {}"},
      {408, "{}", "server: HTTP 408: {}"},
      {409, "{}", "server: HTTP 409: {}"},
      {425, "{}", "server: HTTP 425: {}"},
      {429, "{}", "rate-limited: HTTP 429: {}"},
      {418, "{}", "invalid: HTTP 418: {}"},
      {501, "{}", "invalid: HTTP 501: {}"},
      {
    504, "{}", "server: HTTP 504: {}"
  }
};
for (const Case& c : cases) {
  const Failure failure = fail(c.status, c.body);
  EXPECT_EQ(fmt::format("{}: {}", to_string(failure.kind), failure.reason), c.expected) << c.body;
  EXPECT_EQ(failure.maybe_billed, c.status == 502 || c.status == 504);
}
}

TEST(Failures, RedirectsNameTheMend) {
  const Failure failure = fail(307, "", {{"location", "https://elsewhere/v1"}});
  EXPECT_EQ(failure.kind, FailureClass::kInvalid);
  EXPECT_EQ(
      failure.reason,
      "HTTP 307 to https://elsewhere/v1: redirects are not followed, put the final address into base_url");
}

TEST(Failures, ReasonsAreOneBoundedPrintableLine) {
  const std::string message = "a\\n\\u001b[31m" + std::string(5000, 'x');
  const std::string reason = fail(400, R"({"error":{"message":")" + message + R"("}})").reason;
  EXPECT_LE(reason.size(), 300u);
  EXPECT_TRUE(reason.starts_with("HTTP 400: a [31mxxx")) << reason;
  EXPECT_LE(fail(500, std::string(100'000, '\n') + std::string(1000, 'y')).reason.size(), 300u);
}

TEST(Failures, HowLongToWait) {
  const std::string date = "Mon, 23 Nov 2026 07:00:00 GMT";
  struct Case {
    Headers headers;
    std::optional<int64_t> wait_ms;
  };
  const Case cases[] = {
      {{}, std::nullopt},
      {{{"retry-after", "7"}}, 7000},
      {{{"retry-after", " 1.5 "}}, 1500},
      {{{"retry-after", "0"}}, 0},
      {{{"retry-after", "-5"}}, 0},
      {{{"retry-after-ms", "250"}, {"retry-after", "7"}}, 250},
      {{{"retry-after", "soon"}}, std::nullopt},
      {{{"retry-after", "1e9"}}, std::nullopt},
      {{{"retry-after", "99999999999999999999"}}, int64_t{366} * 86'400'000},
      {{{"retry-after", "Mon, 23 Nov 2026 07:02:00 GMT"}, {"date", date}}, 120'000},
      {{{"retry-after", "Monday, 23-Nov-26 07:02:00 GMT"}, {"date", date}}, 120'000},
      {{{"retry-after", "Mon Nov 23 07:02:00 2026"}, {"date", date}}, 120'000},
      {{{"retry-after", "Sun, 22 Nov 2026 07:02:00 GMT"}, {"date", date}}, 0},
      {{{"retry-after", "Fri, 23 Nov 2099 07:02:00 GMT"}, {"date", date}}, int64_t{366} * 86'400'000},
      {{{"retry-after", "Mon, 23 Nov 2026 07:02:00 GMT"}}, std::nullopt},
      {{{"retry-after", "Mon, 31 Feb 2026 07:02:00 GMT"}, {"date", date}}, std::nullopt},
      {{{"x-ratelimit-remaining-requests", "0"}, {"x-ratelimit-reset-requests", "6m1.5s"}}, 361'500},
      {{{"x-ratelimit-remaining-requests", "5"}, {"x-ratelimit-reset-requests", "6m0s"}}, std::nullopt}};
  for (const Case& c : cases)
    EXPECT_EQ(fail(429, "{}", c.headers).retry_after_ms, c.wait_ms) << testing::PrintToString(c.headers);
}

TEST(Failures, GooglesDelayCountsWhereNoHeaderSaysMore) {
  const std::string body =
      R"({"error":{"code":429,"message":"x","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"12.5s"}]}})";
  EXPECT_EQ(fail(429, body).retry_after_ms, 12'500);
  EXPECT_EQ(fail(429, body, {{"retry-after", "3"}}).retry_after_ms, 3000);
}

TEST(Failures, TheServersWordOnRetrying) {
  EXPECT_EQ(fail(500, "").should_retry, std::nullopt);
  EXPECT_EQ(fail(500, "", {{"x-should-retry", "false"}}).should_retry, false);
  EXPECT_EQ(fail(400, "", {{"x-should-retry", "true"}}).should_retry, true);
  EXPECT_EQ(fail(400, "", {{"x-should-retry", "maybe"}}).should_retry, std::nullopt);
}

TEST(Failures, Durations) {
  EXPECT_EQ(duration_ms("1h2m3s4ms"), 3'723'004);
  EXPECT_EQ(duration_ms("1us"), 1) << "rounded up";
  for (const char* text : {"", "s", "12", "1d", "1.2.3s", "-1s", "1 s"})
    EXPECT_EQ(duration_ms(text), std::nullopt) << text;
}

}  // namespace
}  // namespace warpwright::llm
