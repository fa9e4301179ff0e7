// The HTTP client and the endpoint provider below any wire format: how connections end, timers, caps,
// sockets.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>

#include "src/llm/endpoint_provider.h"
#include "src/llm/http_client.h"
#include "tests/llm_server/loop.h"
#include "tests/llm_server/server.h"

namespace warpwright::llm {
namespace {
using llm_server::collect;
using llm_server::Server;
using llm_server::ServerOptions;

// Takes whatever comes; complete at the first "[DONE]".
class RawDecoder final : public ReplyDecoder {
 public:
  explicit RawDecoder(bool stream) : stream_(stream) {}
  void on_body(std::string_view bytes) override {
    text_ += bytes;
    complete_ |= stream_ && bytes.find("[DONE]") != std::string::npos;
    if (bytes.find("\"content\"") != std::string::npos) answer_bytes_ += bytes.size();
  }
  bool is_complete() const override { return complete_; }
  size_t answer_bytes() const override { return answer_bytes_; }
  std::variant<Reply, Failure> finish() override {
    if (stream_ ? is_complete() : Json::accept(text_)) {
      Reply reply;
      reply.text = text_;
      return reply;
    }
    Failure failure;
    failure.reason = "ended before its terminal event";
    failure.maybe_billed = true;
    return failure;
  }

 private:
  const bool stream_;
  bool complete_ = false;
  size_t answer_bytes_ = 0;
  std::string text_;
};

class RawCodec final : public Codec {
 public:
  HttpRequest encode(const ModelConfig& config, const Call& call) const override {
    const Json body = {
        {"model", config.model},
        {"stream", config.stream},
        {"messages", Json::array({{{"role", "user"}, {"content", call.conversation.system}}})}};
    return {config.base_url + "/chat/completions",
            {"content-type: application/json"},
            "x-api-key: ",
            dump_json(body)};
  }
  std::unique_ptr<ReplyDecoder> decoder(const ModelConfig& config, const Headers&) const override {
    return std::make_unique<RawDecoder>(config.stream);
  }
  Failure failure(int status, const Headers&, std::string_view body) const override {
    Failure failure;
    failure.kind = FailureClass::kServer;
    failure.reason = std::to_string(status) + " " + std::string(body);
    return failure;
  }
};

Call call_for(int64_t ticket, std::string text = "hello") {
  Call call;
  call.ticket = ticket;
  call.conversation.system = std::move(text);
  return call;
}

class TransportTest : public ::testing::Test {
 protected:
  static constexpr const char* kKey = "sk-SENTINEL-0123456789";
  FakeClock fake_clock;
  SystemClock clock;
  std::unique_ptr<Server> server;
  std::unique_ptr<HttpClient> http;
  std::unique_ptr<EndpointProvider> provider;
  ModelConfig config;

  void SetUp() override {
    config.name = "mock";
    restart({});
  }
  void restart(ServerOptions options) {
    provider.reset();
    server = Server::start(std::move(options)).value();
    http = HttpClient::create(clock).value();
    config.base_url = server->address();
  }
  EndpointProvider& with(const std::string& fault, HttpClient* client = nullptr) {
    config.model = "mock+" + fault;
    provider = std::make_unique<EndpointProvider>(config, std::make_unique<RawCodec>(), kKey,
                                                  client ? *client : *http);
    return *provider;
  }
  Completion ask(const std::string& fault, std::string text = "hello") {
    with(fault).start(call_for(1, std::move(text)));
    auto done = collect(*provider, 1);
    EXPECT_EQ(done.size(), 1u) << fault << " was not answered";
    return done.empty() ? Completion{} : done[0];
  }
  Failure failed(const std::string& fault) {
    const Completion completion = ask(fault);
    EXPECT_TRUE(std::holds_alternative<Failure>(completion.outcome)) << fault;
    return std::holds_alternative<Failure>(completion.outcome) ? std::get<Failure>(completion.outcome)
                                                               : Failure();
  }
  // Answered right away, or only by a timer: the server is given time to answer, then the clock is put
  // forward.
  Failure failed_after(const std::string& fault, int64_t quiet_ms) {
    auto client = HttpClient::create(fake_clock).value();
    with(fault, client.get()).start(call_for(1));
    EXPECT_TRUE(collect(*provider, 1, 300).empty()) << fault;
    fake_clock.now_ms += quiet_ms - 1;
    EXPECT_TRUE(collect(*provider, 1, 50).empty()) << fault << " ended early";
    fake_clock.now_ms += 1;
    const auto done = collect(*provider, 1, 2000);
    provider.reset();
    EXPECT_EQ(done.size(), 1u) << fault;
    return done.empty() ? Failure() : std::get<Failure>(done[0].outcome);
  }
};

TEST_F(TransportTest, AnAnswerComesWholeInBothForms) {
  for (const bool stream : {true, false}) {
    config.stream = stream;
    const Completion completion = ask("none");
    ASSERT_TRUE(std::holds_alternative<Reply>(completion.outcome))
        << std::get<Failure>(completion.outcome).reason;
  }
  EXPECT_EQ(server->counts().received, 2);
  EXPECT_EQ(server->counts().answered, 2);
}

TEST_F(TransportTest, TheRequestSaysWhatItMustAndNoMore) {
  ask("none", std::string(300'000, 'x'));
  const llm_server::Request request = server->requests().at(0);
  EXPECT_EQ(request.prompt.size(), 300'000u);
  EXPECT_EQ(request.headers.at("x-api-key"), kKey);
  EXPECT_EQ(request.headers.count("expect"), 0u) << "costs a second on servers that do not know it";
  EXPECT_NE(request.headers.at("accept-encoding").find("gzip"), std::string::npos);
}

TEST_F(TransportTest, EndsAreClassedAndSayWhetherTheyMayHaveBeenBilled) {
  struct Row {
    const char* fault;
    FailureClass kind;
    bool maybe_billed;
    const char* says;
  };
  const Row rows[] = {{"cut", FailureClass::kTransport, true, "after"},
                      {"cut-by-reset", FailureClass::kTransport, true, ""},
                      {"no-terminal-event", FailureClass::kTransport, true, "terminal"},
                      {"reset", FailureClass::kTransport, true, ""},
                      {"empty-reply", FailureClass::kTransport, true, "Empty reply"},
                      {"redirect", FailureClass::kServer, false, "307"},
                      {"500", FailureClass::kServer, false, "500"},
                      {"503", FailureClass::kServer, false, "503"},
                      {"529", FailureClass::kServer, false, "529"},
                      {"401", FailureClass::kServer, false, "[key of"},
                      {"huge", FailureClass::kBadReply, true, "larger than 64 MiB"},
                      {"huge-headers", FailureClass::kBadReply, true, "headers are larger"}};
  for (const Row& row : rows) {
    const Failure failure = failed(row.fault);
    EXPECT_EQ(to_string(failure.kind), to_string(row.kind)) << row.fault << ": " << failure.reason;
    EXPECT_EQ(failure.maybe_billed, row.maybe_billed) << row.fault << ": " << failure.reason;
    EXPECT_NE(failure.reason.find(row.says), std::string::npos) << row.fault << ": " << failure.reason;
    EXPECT_EQ(failure.reason.find(kKey), std::string::npos) << row.fault << ": " << failure.reason;
  }
}

TEST_F(TransportTest, ARedirectIsNotFollowed) {
  auto other = Server::start({}).value();
  ServerOptions options;
  options.manner.redirect_to = other->address() + "/chat/completions";
  restart(options);
  EXPECT_EQ(failed("redirect").http_status, 307);
  EXPECT_EQ(other->counts().connections, 0);
}

TEST_F(TransportTest, NoContactIsNotBilled) {
  const int port = server->port();
  server.reset();
  config.base_url = "http://127.0.0.1:" + std::to_string(port);
  Failure failure = failed("none");
  EXPECT_EQ(to_string(failure.kind), "transport") << failure.reason;
  EXPECT_FALSE(failure.maybe_billed);
  for (const char* url : {"ftp://127.0.0.1/", "http://a b", "no url at all", "file:///etc/passwd"}) {
    config.base_url = url;
    failure = failed("none");
    EXPECT_EQ(to_string(failure.kind), "invalid") << url << ": " << failure.reason;
  }
}

TEST_F(TransportTest, EachTimerFiresByTheClockAndSaysItsName) {
  config.first_byte_timeout_ms = 5000;
  config.idle_timeout_ms = 3000;
  config.progress_timeout_ms = 7000;
  config.total_timeout_ms = 60'000;
  struct Row {
    const char* fault;
    int64_t after_ms;
    const char* setting;
  };
  for (const Row& row :
       {Row{"silence", 5000, "first_byte_timeout_ms"}, Row{"idle-gap", 3000, "idle_timeout_ms"}}) {
    const Failure failure = failed_after(row.fault, row.after_ms);
    EXPECT_EQ(to_string(failure.kind), "timeout") << failure.reason;
    EXPECT_NE(failure.reason.find(row.setting), std::string::npos) << failure.reason;
    EXPECT_TRUE(failure.maybe_billed);
  }
}

TEST_F(TransportTest, BytesWithoutTextDoNotHoldACallForEver) {
  config.progress_timeout_ms = 300;
  Failure failure = failed("stalled-answer");
  EXPECT_NE(failure.reason.find("progress_timeout_ms"), std::string::npos) << failure.reason;
  config.total_timeout_ms = 300;
  failure = failed("endless-reasoning");
  EXPECT_NE(failure.reason.find("total_timeout_ms"), std::string::npos) << failure.reason;
}

TEST_F(TransportTest, AHostThatDoesNotAnswerEndsByTheConnectTimer) {
  // A listener whose queue is full drops what else would connect.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  std::vector<int> fillers;
  for (int i = 0; i < 4; ++i) {
    fillers.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    [[maybe_unused]] const int pending =
        ::connect(fillers.back(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  config.base_url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
  config.connect_timeout_ms = 200;
  const Failure failure = failed("none");
  EXPECT_EQ(to_string(failure.kind), "timeout") << failure.reason;
  EXPECT_NE(failure.reason.find("connect_timeout_ms"), std::string::npos) << failure.reason;
  EXPECT_FALSE(failure.maybe_billed);
  for (const int fd : fillers) ::close(fd);
  ::close(listener);
}

TEST_F(TransportTest, AnAnswerThatIsCompleteIsNotWaitedForAnyLonger) {
  const Completion completion = ask("stays-open");
  ASSERT_TRUE(std::holds_alternative<Reply>(completion.outcome));
  EXPECT_LT(std::get<Reply>(completion.outcome).total_ms, 5000);
}

TEST_F(TransportTest, AConnectionIsUsedAgainAndALostOneReplaced) {
  for (int i = 0; i < 3; ++i) ask("none");
  EXPECT_EQ(server->counts().connections, 1);
  const int port = server->port();
  server.reset();
  ServerOptions options;
  options.port = port;
  server = Server::start(options).value();
  EXPECT_TRUE(std::holds_alternative<Reply>(ask("none").outcome));
}

TEST_F(TransportTest, ARequestTheServerMayHaveWorkedOnIsNotSentAgainUnasked) {
  ServerOptions options;
  options.manner.pause_ms = 1300;
  restart(options);
  ask("none");
  const Failure failure = failed("late-reset");
  EXPECT_EQ(to_string(failure.kind), "transport") << failure.reason;
  EXPECT_TRUE(failure.maybe_billed);
  EXPECT_EQ(server->counts().received, 2);
}

TEST_F(TransportTest, ManyCallsRunAtOnceOverConnectionsOfTheirOwn) {
  ServerOptions options;
  options.manner.delay_ms = 5;
  options.manner.pieces = 1;
  restart(options);
  with("none");
  constexpr size_t kCalls = 200;
  for (size_t i = 0; i < kCalls; ++i) provider->start(call_for(static_cast<int64_t>(i), std::to_string(i)));
  const auto done = collect(*provider, kCalls);
  ASSERT_EQ(done.size(), kCalls);
  for (const Completion& completion : done) {
    ASSERT_TRUE(std::holds_alternative<Reply>(completion.outcome))
        << std::get<Failure>(completion.outcome).reason;
    const std::string mark = "<" + std::to_string(completion.ticket) + ">";
    EXPECT_NE(std::get<Reply>(completion.outcome).text.find(mark), std::string::npos);
  }
  EXPECT_EQ(server->counts().received, static_cast<int64_t>(kCalls));
  EXPECT_EQ(server->counts().answered, static_cast<int64_t>(kCalls));
}

TEST_F(TransportTest, ACancelledCallIsNotHeardOfAndLeavesTheOthersAlone) {
  ServerOptions options;
  options.manner.delay_ms = 20;
  restart(options);
  with("none");
  for (int64_t ticket : {1, 2, 3}) provider->start(call_for(ticket));
  llm_server::turn(*provider);
  provider->cancel(2);
  provider->cancel(77);
  const auto done = collect(*provider, 3, 2000);
  ASSERT_EQ(done.size(), 2u);
  EXPECT_NE(done[0].ticket, 2);
  EXPECT_NE(done[1].ticket, 2);
  EXPECT_EQ(http->active(), 0u);
  WaitSet idle;
  provider->wait_on(idle);
  EXPECT_EQ(idle.timeout_ms, -1);
}

TEST_F(TransportTest, TheLoopWaitsOnOneDescriptorHoweverManyProvidersShareTheClient) {
  with("silence").start(call_for(1));
  EndpointProvider second(config, std::make_unique<RawCodec>(), "", *http);
  second.start(call_for(2));
  WaitSet waits;
  provider->wait_on(waits);
  second.wait_on(waits);
  EXPECT_EQ(waits.descriptors.size(), 1u);
}

TEST_F(TransportTest, NoSocketOfOursIsInheritedByAChild) {
  const auto inheritable = [] {
    size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
      std::error_code error;
      const auto target = std::filesystem::read_symlink(entry.path(), error);
      const int flags = ::fcntl(std::atoi(entry.path().filename().c_str()), F_GETFD);
      if (target.string().starts_with("socket:") && flags >= 0 && (flags & FD_CLOEXEC) == 0) ++count;
    }
    return count;
  };
  const size_t before = inheritable();
  auto second = HttpClient::create(clock).value();
  with("idle-gap", second.get());
  for (int64_t ticket = 0; ticket < 8; ++ticket) provider->start(call_for(ticket));
  collect(*provider, 1, 300);
  EXPECT_EQ(server->counts().open_now, 8);
  EXPECT_EQ(inheritable(), before);
  provider.reset();
}

}  // namespace
}  // namespace warpwright::llm
