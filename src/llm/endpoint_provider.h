// A model behind HTTP: a codec says the request and reads the answer, the HTTP client carries both. One
// provider per [models.NAME] table; all of a run share one HttpClient.
//
// The key joins the request's headers as the last step before it is sent; it is in no reason, no log line and
// no reply: whatever a server sends back is searched for it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/llm/codec.h"
#include "src/llm/http_client.h"
#include "src/llm/provider.h"
#include "src/llm/secrets.h"

namespace warpwright::llm {

class EndpointProvider final : public Provider {
 public:
  // `key`: empty if the endpoint wants none. `http` must outlive the provider.
  EndpointProvider(ModelConfig config, std::unique_ptr<Codec> codec, std::string key, HttpClient& http);
  ~EndpointProvider() override;

  // REQUIRES: the ticket has no attempt in flight.
  void start(const Call& call) override;
  std::vector<Completion> poll() override;
  void cancel(int64_t ticket) override;
  void wait_on(WaitSet& waits) const override;

 private:
  class Attempt;
  HttpPost post_for(const Call& call) const;
  void complete(const Attempt& attempt, std::variant<Reply, Failure> outcome);  // destroys the attempt
  std::string without_key(std::string_view text) const;

  ModelConfig config_;
  std::unique_ptr<Codec> codec_;
  std::string key_;
  Redactor redactor_;
  HttpClient& http_;
  std::map<int64_t, std::unique_ptr<Attempt>> attempts_;  // by ticket
  std::vector<Completion> completed_;
};

}  // namespace warpwright::llm
