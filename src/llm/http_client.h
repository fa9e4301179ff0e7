// HTTP for hundreds of calls inside one loop: all endpoints share one libcurl multi handle, whose sockets
// stand in one epoll descriptor, so that the loop waits on one descriptor and one timer. Nothing here blocks:
// names are resolved by libcurl's own threads, and one poll() works for a few milliseconds at most, however
// much has arrived.
//
// What libcurl could do by itself and must not: follow redirects (it would send an `x-api-key` to the new
// host), leave sockets open in children, judge silence by an average of its own. The timers here are read
// from the Clock.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/result.h"
#include "src/llm/codec.h"
#include "src/llm/provider.h"

namespace warpwright::llm {

struct HttpTimeouts {  // all in ms
  int64_t connect = 10'000;
  int64_t first_byte =
      1'200'000;           // of the body, once connected: headers may come long before a model has thought
  int64_t idle = 300'000;  // between bytes of the body
  int64_t progress = 1'800'000;  // between growths of answer_bytes(), once there are some
  int64_t total = 3'600'000;     // from start(), the wait for its turn included
};

struct HttpPost {
  std::string url;
  std::vector<std::string> headers;  // "Name: value", the key's among them; shown to nobody
  std::string body;
  std::string proxy;    // empty: from the environment (https_proxy, no_proxy)
  std::string ca_file;  // empty: the system's authorities
  bool http2 = true;    // offered over https; false: HTTP/1.1 only
  HttpTimeouts timeouts;
};

enum class HttpEnd {
  kWhole,      // the response came whole, or the receiver had all it wanted
  kNoContact,  // no name, no connection, a dead proxy
  kCut,        // the connection broke after it stood
  kTimeout,    // one of our timers
  kOversized,  // more than the caps below
  kGarbled,    // not HTTP, or a body whose encoding is broken
  kUnusable,   // this request can never work: a bad URL, a certificate that is not trusted
};

struct HttpResult {
  HttpEnd end = HttpEnd::kWhole;
  std::string reason;         // one line unless kWhole; holds no header
  int status = 0;             // 0: none came
  bool request_sent = false;  // all of it, so the server may work (and bill)
  int64_t first_byte_ms = 0;  // from start() to the body's first byte; 0: none came
  int64_t total_ms = 0;
};

inline constexpr size_t kMaxResponseBytes = size_t{64} << 20;  // after decompression
inline constexpr size_t kMaxHeaderBytes = size_t{64} << 10;

// Hears of one response. Only on_end may call the client.
class HttpReceiver {
 public:
  virtual ~HttpReceiver() = default;
  virtual void on_headers(int status, const Headers& headers) = 0;  // at most once, before the body
  virtual void on_body(std::string_view bytes) = 0;                 // in pieces of 64 KiB at most
  virtual size_t answer_bytes() const = 0;                          // what the progress timer watches
  virtual bool is_complete() const = 0;  // the rest is not waited for, save a moment to keep the connection
  virtual void on_end(const HttpResult& result) = 0;  // last; the receiver may be gone afterwards
};

class HttpClient {
 public:
  // Both must outlive it. Fails if libcurl resolves names in the foreground.
  static Result<std::unique_ptr<HttpClient>> create(Clock& clock);
  ~HttpClient();

  int64_t start(HttpPost post, HttpReceiver& receiver);  // the receiver must live until on_end or cancel
  void cancel(int64_t id);                               // no callback follows; unknown ones are ignored
  void poll();
  void wait_on(WaitSet& waits) const;  // safe to ask more than once for the same set
  size_t active() const;               // started and not ended

 private:
  struct Multi;
  explicit HttpClient(std::unique_ptr<Multi> multi);
  std::unique_ptr<Multi> multi_;
};

}  // namespace warpwright::llm
