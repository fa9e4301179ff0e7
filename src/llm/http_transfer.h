// One request on its way through libcurl: the settings of its easy handle, what has arrived and was not yet
// handed on, and its timers. Inner part of http_client.
#pragma once

#include <curl/curl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "src/llm/http_client.h"

namespace warpwright::llm {

class HttpTransfer {
 public:
  HttpTransfer(HttpPost post, HttpReceiver& receiver, Clock& clock);
  HttpTransfer(const HttpTransfer&) = delete;

  CURL* easy() const { return easy_.get(); }  // null: out of memory
  HttpReceiver& receiver() const { return receiver_; }
  void on_admitted();  // libcurl has it now: the connect timer runs

  // Bytes arrive in libcurl's callbacks, which may hold the loop for as long as a compressed body unfolds;
  // they are handed on from here, a slice at a time.
  bool has_delivery() const { return (headers_done_ && !headers_told_) || delivered_ < inbox_.size(); }
  void deliver_slice();

  void on_libcurl_done(CURLcode code);
  bool is_done() const { return done_; }

  struct Deadline {
    int64_t at_ms = 0;
    HttpEnd end = HttpEnd::kTimeout;
    std::string_view what;     // did not happen in time
    std::string_view setting;  // that limits it, as model_config.h names it
    int64_t limit_ms = 0;
  };
  Deadline deadline() const;

  HttpResult result() const;                           // after on_libcurl_done
  HttpResult expired(const Deadline& deadline) const;  // ended by us
 private:
  void apply_settings();
  void apply_security();
  void apply_protocol();
  bool on_connected();  // false: not to be sent again
  size_t on_header_line(std::string_view line);
  size_t on_bytes(std::string_view bytes);
  HttpResult measured() const;
  std::string libcurl_reason() const;

  static size_t header_callback(char* text, size_t size, size_t count, void* self);
  static size_t body_callback(char* text, size_t size, size_t count, void* self);
  static int connected_callback(void* self, char*, char*, int, int);
  static curl_socket_t open_socket_callback(void*, curlsocktype, curl_sockaddr* address);

  struct FreeEasy {
    void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  };
  struct FreeList {
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
  };

  HttpPost post_;
  HttpReceiver& receiver_;
  Clock& clock_;
  std::unique_ptr<curl_slist, FreeList> header_list_;
  std::array<char, CURL_ERROR_SIZE> error_text_{};
  std::unique_ptr<CURL, FreeEasy> easy_;  // before what it points to

  int status_ = 0;
  Headers headers_;
  size_t header_bytes_ = 0, body_bytes_ = 0;
  bool headers_done_ = false, headers_told_ = false, oversized_ = false, lost_ = false;
  int resends_ = 0;
  std::string inbox_;
  size_t delivered_ = 0;  // of the inbox

  int64_t started_ms_, admitted_ms_ = -1, connected_ms_ = -1;
  int64_t first_byte_ms_ = -1, last_byte_ms_ = -1, last_growth_ms_ = -1, complete_ms_ = -1;
  size_t answer_bytes_ = 0;
  bool done_ = false;
  CURLcode code_ = CURLE_OK;
};

}  // namespace warpwright::llm
