// How a provider's wire format says a conversation and its answer. Pure: no sockets, no clock, no keys.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "src/llm/model_config.h"
#include "src/llm/provider.h"

namespace warpwright::llm {

struct HttpRequest {
  std::string url;
  std::vector<std::string> headers;  // "Name: value"; without the key
  std::string key_header;            // what the key is put behind: "Authorization: Bearer ", "x-api-key: "
  std::string body;
};

using Headers = std::map<std::string, std::string>;  // of a response; names in lower case, the last one wins

// The answer of one attempt, as its bytes come (cut anywhere, also inside a character).
class ReplyDecoder {
 public:
  virtual ~ReplyDecoder() = default;
  virtual void on_body(std::string_view bytes) = 0;
  // The terminal event was seen: what follows changes nothing, and the connection may be let go.
  virtual bool is_complete() const = 0;
  // Bytes of answer text so far: what the progress timer watches.
  virtual size_t answer_bytes() const = 0;
  // The body has ended, or was cut: an answer whose end was seen stands even so (openai-chat: finish_reason
  // without [DONE]; gemini: finishReason). A stream without its terminal event is a transport failure,
  // whatever came before. Call once.
  virtual std::variant<Reply, Failure> finish() = 0;
};

class Codec {
 public:
  virtual ~Codec() = default;
  virtual HttpRequest encode(const ModelConfig& config, const Call& call) const = 0;
  // Of a response with a 2xx status; streams and whole answers (told apart by content-type).
  virtual std::unique_ptr<ReplyDecoder> decoder(const ModelConfig& config, const Headers& headers) const = 0;
  // Of any other response.
  virtual Failure failure(int http_status, const Headers& headers, std::string_view body) const = 0;
};

// REQUIRES: is_http(kind).
std::unique_ptr<Codec> make_codec(ProviderKind kind);

}  // namespace warpwright::llm
