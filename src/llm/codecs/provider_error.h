// What providers say when they do not answer, and which of our failure classes it is.
//
// Sources: the error pages of OpenAI, Anthropic, Google and OpenRouter, and what vLLM, llama.cpp and FastAPI
// servers send. The same 429 may mean "wait" or "pay": only the code tells.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/llm/codec.h"

namespace warpwright::llm {

struct ProviderError {
  std::string message;
  std::string type;    // OpenAI's and Anthropic's error.type
  std::string code;    // error.code, error.details.error_code or ErrorInfo.reason, whichever there is
  std::string status;  // Google's "RESOURCE_EXHAUSTED"
  int number = 0;      // an HTTP status inside the body (Google, OpenRouter, vLLM); 0: none
  std::string request_id;
  std::optional<int64_t> retry_delay_ms;  // Google's RetryInfo
  bool is_daily_quota = false;            // Google: time heals it, but not within a run
  bool is_moderation = false;             // OpenRouter's 403 for a flagged prompt

  std::string word() const;  // the most specific of code, status and type
};

// Of an object (or an array that begins with one) that holds an error in any of the known forms.
std::optional<ProviderError> find_error(const Json& whole);

// `http_status` is 2xx where the error stands inside an answer.
FailureClass classify(int http_status, const ProviderError& error);

// Inside an answer that began well. `generated`: the model had begun, so that tokens may have been billed.
Failure failure_in_answer(const ProviderError& error, bool generated);

// Of a whole response with another status than 2xx.
Failure failure_of_response(int http_status, const Headers& headers, std::string_view body);

// retry-after-ms, Retry-After as seconds or as a date (against the response's own Date), else what the
// x-ratelimit-reset-* of an exhausted limit says. Never negative, at most a year.
std::optional<int64_t> retry_after_ms(const Headers& headers);

// "12s", "1.5s", "250ms", "6m0s".
std::optional<int64_t> duration_ms(std::string_view text);

// RFC 9110 dates, all three forms, as seconds since 1970.
std::optional<int64_t> http_date(std::string_view text);

// One printable line of at most 300 bytes.
std::string failure_reason(std::string_view text);

}  // namespace warpwright::llm
