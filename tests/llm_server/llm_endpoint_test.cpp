// Every wire format, streamed and whole, against everything a server can do wrong: what comes of it, that
// tokens are counted, that no answered call is lost and no unanswered one counted, and that the key is
// nowhere to be found.
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>

#include <memory>
#include <sstream>

#include "src/base/log.h"
#include "src/llm/command_provider.h"
#include "src/llm/endpoint_provider.h"
#include "src/llm/http_client.h"
#include "tests/llm_server/loop.h"
#include "tests/llm_server/server.h"

namespace warpwright::llm {
namespace {
using llm_server::answer_text;
using llm_server::Server;
using llm_server::ServerOptions;

constexpr const char* kKey = "sk-SENTINEL-5eNt1nEl-0123456789";
constexpr const char* kPartOfKey = "5eNt1nEl";
constexpr const char* kPrompt = "Write a kernel. é 漢 🚀";

struct Form {
  ProviderKind kind;
  bool stream;
};
std::string name_of(const Form& form) {
  std::string name = std::string(to_string(form.kind)) + (form.stream ? "_stream" : "_whole");
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

struct Row {
  const char* fault;
  const char* streamed;         // the finish or the failure's class
  const char* whole = nullptr;  // nullptr: the same
  int64_t limit_ms = 0;         // timers of this length, where the fault is a silence
  const char* says = "";        // part of a failure's reason
};
const Row kRows[] = {
    {"none", "complete"},
    {"split-utf8", "complete"},
    {"crlf", "complete"},
    {"slow-first-byte", "complete"},
    {"stays-open", "complete"},
    {"key-in-answer", "complete"},
    {"refusal", "refused"},
    {"length", "truncated"},
    {"429-seconds", "rate-limited"},
    {"429-date", "rate-limited"},
    {"429-ms", "rate-limited"},
    {"529", "overloaded"},
    {"503", "overloaded"},
    {"500", "server"},
    {"502-html", "server"},
    {"400", "invalid"},
    {"401", "unauthorized"},
    {"billing", "billing"},
    {"redirect", "invalid", nullptr, 0, "redirect"},
    {"cut", "transport"},
    {"cut-by-reset", "transport"},
    {"no-terminal-event", "transport"},
    {"reset", "transport"},
    {"empty-reply", "transport"},
    {"late-reset", "transport"},
    {"empty-choices", "bad-reply"},
    {"error-in-200", "server"},
    {"error-mid-stream", "overloaded", "server"},
    {"malformed", "bad-reply"},
    {"html", "bad-reply"},
    {"huge", "bad-reply", nullptr, 0, "larger than"},
    {"huge-headers", "bad-reply", nullptr, 0, "headers are larger"},
    {"silence", "timeout", nullptr, 700, "first_byte_timeout_ms"},
    {"idle-gap", "timeout", nullptr, 700, "idle_timeout_ms"},
    {"stalled-answer", "timeout", nullptr, 700},
    {"endless-reasoning", "timeout", nullptr, 700},
};

// What the program would have logged, all levels.
class CapturedLog {
 public:
  CapturedLog() : before_(spdlog::default_logger()) {
    auto logger =
        std::make_shared<spdlog::logger>("captured", std::make_shared<spdlog::sinks::ostream_sink_st>(text_));
    logger->set_level(spdlog::level::trace);
    spdlog::set_default_logger(logger);
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }
  std::string text() const { return text_.str(); }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

class MatrixTest : public ::testing::TestWithParam<Form> {
 protected:
  CapturedLog log;
  SystemClock clock;
  std::unique_ptr<HttpClient> http = HttpClient::create(clock).value();
  std::unique_ptr<Server> server = Server::start({}).value();
  struct Asked {
    const Row* row;
    std::unique_ptr<EndpointProvider> provider;
    std::optional<std::variant<Reply, Failure>> outcome;
  };
  std::vector<Asked> asked;

  ModelConfig config_for(const Row& row) const {
    ModelConfig config;
    config.name = "mock";
    config.provider = GetParam().kind;
    config.stream = GetParam().stream;
    config.base_url = server->address();
    config.model = std::string("mock+") + row.fault;
    config.max_output_tokens = 1000;
    if (row.limit_ms > 0) {
      config.first_byte_timeout_ms = config.idle_timeout_ms = config.progress_timeout_ms = row.limit_ms;
      config.total_timeout_ms = 2 * row.limit_ms;
    }
    return config;
  }
  void ask_all() {
    for (const Row& row : kRows) {
      Call call;
      call.conversation.system = "You write kernels.";
      call.conversation.messages = {{Message::Role::kUser, kPrompt}};
      const ModelConfig config = config_for(row);
      auto provider = std::make_unique<EndpointProvider>(config, make_codec(config.provider), kKey, *http);
      provider->start(call);
      asked.push_back({&row, std::move(provider), std::nullopt});
    }
    const int64_t end_ms = clock.monotonic_ms() + 100'000;
    for (size_t open = asked.size(); open > 0 && clock.monotonic_ms() < end_ms;) {
      WaitSet waits;
      waits.wake_within(50);
      for (const Asked& one : asked) one.provider->wait_on(waits);
      ::poll(waits.descriptors.data(), waits.descriptors.size(), static_cast<int>(waits.timeout_ms));
      for (Asked& one : asked) {
        for (Completion& done : one.provider->poll()) {
          EXPECT_FALSE(one.outcome) << one.row->fault << " completed twice";
          one.outcome = std::move(done.outcome);
          --open;
        }
      }
    }
  }
  void expect_the_servers_wait_to_be_heard(const std::string& fault, const Failure& failure) const {
    ASSERT_TRUE(failure.retry_after_ms) << fault;
    EXPECT_LE(*failure.retry_after_ms, fault == "429-ms" ? 1500 : fault == "429-date" ? 5000 : 3000);
    EXPECT_GE(*failure.retry_after_ms, fault == "429-ms" ? 1500 : fault == "429-date" ? 1000 : 3000);
    EXPECT_FALSE(failure.maybe_billed) << fault;
  }
  void expect_the_key_only_in_its_header() const {
    for (const llm_server::Request& request : server->requests()) {
      size_t seen = 0;
      for (const auto& [name, value] : request.headers) seen += value.find(kKey) != std::string::npos;
      EXPECT_EQ(seen, 1u);
      EXPECT_EQ(request.target.find(kPartOfKey), std::string::npos) << "addresses are logged by servers";
      EXPECT_EQ(request.body.find(kPartOfKey), std::string::npos);
    }
    EXPECT_NE(log.text().find("POST " + server->address()), std::string::npos) << "nothing was captured";
    EXPECT_EQ(log.text().find(kPartOfKey), std::string::npos);
  }
  int64_t requests_of(const std::string& fault) const {
    int64_t count = 0;
    for (const auto& request : server->requests()) count += request.model == "mock+" + fault;
    return count;
  }
};

std::string outcome_of(const std::variant<Reply, Failure>& outcome) {
  if (const auto* reply = std::get_if<Reply>(&outcome)) return std::string(to_string(reply->finish));
  return std::string(to_string(std::get<Failure>(outcome).kind));
}

const char* wanted_of(const Row& row, const Form& form) {
  // A Gemini stream has no terminal event: without a candidate it might as well have been cut.
  const bool is_cut =
      form.stream && form.kind == ProviderKind::kGemini && std::string_view(row.fault) == "empty-choices";
  if (is_cut) return "transport";
  return !form.stream && row.whole ? row.whole : row.streamed;
}

void expect_usage(const Usage& usage, const Form& form, const std::string& fault) {
  EXPECT_TRUE(usage.known) << fault;
  EXPECT_EQ(usage.input, llm_server::kInputTokens) << fault;
  const bool blocked =
      form.kind == ProviderKind::kGemini && fault == "refusal";  // before anything was generated
  EXPECT_EQ(usage.output, blocked ? 0 : llm_server::kOutputTokens) << fault;
  EXPECT_EQ(usage.reasoning, blocked ? 0 : llm_server::kReasoningTokens) << fault;
  EXPECT_EQ(usage.cached_read, blocked ? 0 : llm_server::kCachedTokens) << fault;
  EXPECT_EQ(usage.cache_write,
            form.kind == ProviderKind::kAnthropicMessages ? llm_server::kCacheWriteTokens : 0)
      << fault;
}

TEST_P(MatrixTest, EveryFaultHasItsOutcome) {
  ask_all();
  int64_t replies = 0;
  for (const Asked& one : asked) {
    const std::string fault = one.row->fault;
    ASSERT_TRUE(one.outcome) << fault << " never completed";
    const char* wanted = wanted_of(*one.row, GetParam());
    const auto* failure = std::get_if<Failure>(&*one.outcome);
    EXPECT_EQ(outcome_of(*one.outcome), wanted) << fault << ": " << (failure ? failure->reason : "");
    const bool may_be_resent =
        fault == "reset" || fault == "empty-reply";  // at once, on a connection used before
    EXPECT_GE(requests_of(fault), 1) << fault;
    EXPECT_LE(requests_of(fault), may_be_resent ? 3 : 1) << fault;
    if (failure) {
      EXPECT_NE(failure->reason.find(one.row->says), std::string::npos) << fault << ": " << failure->reason;
      EXPECT_FALSE(failure->reason.empty()) << fault;
      EXPECT_EQ(failure->reason.find('\n'), std::string::npos) << fault;
      EXPECT_EQ(failure->reason.find(kPartOfKey), std::string::npos) << fault << ": " << failure->reason;
      if (fault.starts_with("429")) expect_the_servers_wait_to_be_heard(fault, *failure);
      continue;
    }
    ++replies;
    const Reply& reply = std::get<Reply>(*one.outcome);
    expect_usage(reply.usage, GetParam(), fault);
    EXPECT_EQ(reply.text.find(kPartOfKey), std::string::npos) << fault;
    const bool is_usual = reply.finish != FinishClass::kRefused && fault != "key-in-answer";
    EXPECT_TRUE(!is_usual || reply.text == answer_text(kPrompt, 400)) << fault << ": " << reply.text;
    EXPECT_EQ(reply.request_id, "req-42") << fault;
    EXPECT_GE(reply.total_ms, reply.first_byte_ms) << fault;
  }
  EXPECT_EQ(server->counts().answered, replies) << "an answered call was lost, or an unanswered one counted";
  expect_the_key_only_in_its_header();
}

INSTANTIATE_TEST_SUITE_P(
    AllForms, MatrixTest,
    ::testing::Values(Form{ProviderKind::kOpenAiChat, true}, Form{ProviderKind::kOpenAiChat, false},
                      Form{ProviderKind::kOpenAiResponses, true}, Form{ProviderKind::kOpenAiResponses, false},
                      Form{ProviderKind::kAnthropicMessages, true},
                      Form{ProviderKind::kAnthropicMessages, false}, Form{ProviderKind::kGemini, true},
                      Form{ProviderKind::kGemini, false}),
    [](const auto& tested) { return name_of(tested.param); });

TEST(Secrecy, AKeyCutInTheMiddleIsNotShownEither) {
  // The codec quotes a message's beginning only: the key stands where it cuts.
  SystemClock clock;
  auto http = HttpClient::create(clock).value();
  auto server = Server::start({}).value();
  for (int length = 180; length < 300; length += 3) {
    ModelConfig config;
    config.name = "mock";
    config.base_url = server->address();
    config.stream = false;
    config.model = "mock+401";
    config.extra_headers["x-pad"] = "";
    const std::string key = std::string(static_cast<size_t>(length), 'p') + kKey;
    EndpointProvider provider(config, make_codec(config.provider), key, *http);
    Call call;
    call.conversation.messages = {{Message::Role::kUser, "x"}};
    provider.start(call);
    const auto done = llm_server::collect(provider, 1);
    ASSERT_EQ(done.size(), 1u);
    EXPECT_EQ(std::get<Failure>(done[0].outcome).reason.find("pppppppp"), std::string::npos);
  }
}

TEST(Secrecy, AChildOfTheCommandProviderHasNoKeyInItsEnvironment) {
  ::setenv("OPENAI_API_KEY", kKey, 1);
  SystemClock clock;
  ModelConfig config;
  config.command = {"sh", "-c", "cat /proc/self/environ /proc/$PPID/cmdline | tr '\\0' '\\n'"};
  CommandProvider provider(config, clock);
  provider.start({});
  const auto done = llm_server::collect(provider, 1);
  ASSERT_EQ(done.size(), 1u);
  const auto* reply = std::get_if<Reply>(&done[0].outcome);
  ASSERT_NE(reply, nullptr) << std::get<Failure>(done[0].outcome).reason;
  EXPECT_NE(reply->text.find("PATH="), std::string::npos);
  EXPECT_EQ(reply->text.find(kPartOfKey), std::string::npos);
  ::unsetenv("OPENAI_API_KEY");
}

}  // namespace
}  // namespace warpwright::llm
