// What the decoders of all wire formats share: whether the body is a stream or a whole answer, the parts of
// the reply as they come, and what an end means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/json.h"
#include "src/llm/codec.h"
#include "src/llm/codecs/provider_error.h"
#include "src/llm/sse.h"

namespace warpwright::llm {

// A format says what an event and a whole answer hold (on_chunk, on_whole) by filling `draft_`.
class BodyDecoder : public ReplyDecoder {
 public:
  explicit BodyDecoder(const Headers& headers);
  void on_body(std::string_view bytes) final;
  bool is_complete() const final { return is_complete_ || failure_; }
  size_t answer_bytes() const final { return draft_.text.size(); }
  std::variant<Reply, Failure> finish() final;

 protected:
  enum class Ending { kNone, kComplete, kTruncated, kRefused, kFailed };
  struct Draft {
    std::string text;
    std::string refusal;  // the model's own words of declining
    std::string model, id;
    Ending ending = Ending::kNone;  // the provider said why it stopped
    std::string finish_detail;      // in the provider's word
    Usage usage;
    std::optional<double> cost_dollars;
    bool has_reasoning = false;
  };
  Draft draft_;

  // One event of a stream that holds JSON without an error.
  virtual void on_chunk(const std::string& event_name, const Json& chunk) = 0;
  // A whole answer without an error. What it leaves without an ending was complete, unless it calls `fail`.
  virtual void on_whole(const Json& answer) = 0;
  virtual void on_done() {
  }  // "data: [DONE]", which ends the streams of one format and means nothing in others
  // The stream ended without its terminal event: whether the answer stands nevertheless.
  virtual bool may_end_here() const { return false; }
  // An error event in a form that find_error does not know.
  void fail(const ProviderError& error);
  void fail(FailureClass kind, const std::string& reason);

  void add_text(std::string_view text);
  void end(Ending ending, std::string_view detail);
  void set_complete() { is_complete_ = true; }  // the terminal event
  bool has_generated() const;

 private:
  enum class Form { kUnknown, kStream, kWhole, kPage };
  void settle_form(std::string_view bytes);
  void on_stream(std::string_view bytes);
  void on_events(const std::vector<SseEvent>& events);
  void on_event(const SseEvent& event);
  void read_whole();
  void finish_stream();
  Reply reply() const;
  Failure failure() const;

  Form form_ = Form::kUnknown;
  bool declared_stream_ = false;  // by content-type
  std::string body_;              // of a whole answer, or of the first bytes
  SseParser parser_;
  bool is_complete_ = false;
  std::optional<Failure> failure_;
  std::string request_id_;
  std::optional<double> header_cost_dollars_;
};

// A codec whose answers `Decoder` reads.
template <class Decoder>
class CodecOf : public Codec {
 public:
  std::unique_ptr<ReplyDecoder> decoder(const ModelConfig&, const Headers& headers) const final {
    return std::make_unique<Decoder>(headers);
  }
  Failure failure(int http_status, const Headers& headers, std::string_view body) const final {
    return failure_of_response(http_status, headers, body);
  }
};

// The text of a content that may be null, a string or an array of parts; parts that are not text are left
// out.
std::string content_text(const Json& content);

}  // namespace warpwright::llm
