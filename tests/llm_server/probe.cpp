// llm_probe: one call to an endpoint that somebody else wrote; prints what came of it as one line of JSON.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "src/llm/endpoint_provider.h"
#include "src/llm/http_client.h"
#include "src/llm/secrets.h"
#include "tests/llm_server/loop.h"

namespace {
using namespace warpwright;

Json json_of(const llm::Usage& usage) {
  return {{"known", usage.known},
          {"input", usage.input},
          {"cached_read", usage.cached_read},
          {"cache_write", usage.cache_write},
          {"output", usage.output},
          {"reasoning", usage.reasoning}};
}

Json json_of(const llm::Completion& completion) {
  if (const auto* reply = std::get_if<llm::Reply>(&completion.outcome))
    return {{"outcome", llm::to_string(reply->finish)},
            {"text", reply->text},
            {"model", reply->model},
            {"finish_detail", reply->finish_detail},
            {"ms", reply->total_ms},
            {"usage", json_of(reply->usage)}};
  const auto& failure = std::get<llm::Failure>(completion.outcome);
  Json json = {{"outcome", llm::to_string(failure.kind)},
               {"reason", failure.reason},
               {"status", failure.http_status},
               {"maybe_billed", failure.maybe_billed},
               {"usage", json_of(failure.usage)}};
  if (failure.retry_after_ms) json["retry_after_ms"] = *failure.retry_after_ms;
  return json;
}

}  // namespace

int main(int argc, char** argv) {
  llm::ModelConfig config;
  std::string provider_name = "openai-chat", prompt = "Hello", header;
  bool whole = false;
  CLI::App app("One call to an endpoint, its outcome as JSON");
  app.add_option("--provider", provider_name, "openai-chat, openai-responses, anthropic-messages, gemini");
  app.add_option("--base-url", config.base_url)->required();
  app.add_option("--model", config.model)->required();
  app.add_option("--key-env", config.key_env, "variable that holds the key");
  app.add_option("--prompt", prompt);
  app.add_option("--header", header, "Name: value, sent along");
  app.add_option("--idle-ms", config.idle_timeout_ms);
  app.add_option("--ca-file", config.ca_file);
  app.add_flag("--whole", whole, "no stream");
  CLI11_PARSE(app, argc, argv);
  const auto kind = llm::provider_kind_from_string(provider_name);
  if (!kind || !llm::is_http(*kind))
    return fmt::print(stderr, "llm_probe: no provider {}\n", provider_name), 2;
  config.name = "probe";
  config.provider = *kind;
  config.stream = !whole;
  config.max_output_tokens = 1000;
  if (const size_t colon = header.find(": "); colon != std::string::npos)
    config.extra_headers[header.substr(0, colon)] = header.substr(colon + 2);
  const auto key = llm::load_key(config);
  if (!key) return fmt::print(stderr, "llm_probe: {}\n", key.error().message), 2;
  SystemClock clock;
  const auto http = llm::HttpClient::create(clock);
  if (!http) return fmt::print(stderr, "llm_probe: {}\n", http.error().message), 3;
  llm::EndpointProvider provider(config, llm::make_codec(*kind), *key ? (*key)->value : "", **http);
  llm::Call call;
  call.conversation.system = "You answer briefly.";
  call.conversation.messages = {{llm::Message::Role::kUser, prompt}};
  provider.start(call);
  const auto done = llm_server::collect(provider, 1, 60'000);
  if (done.empty()) return fmt::print(stderr, "llm_probe: no outcome within a minute\n"), 1;
  fmt::print("{}\n", dump_json(json_of(done[0])));
  return 0;
}
