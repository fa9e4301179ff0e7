#include "src/llm/http_transfer.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "src/base/quotable.h"

namespace warpwright::llm {
namespace {

constexpr size_t kSliceBytes = size_t{64} << 10;
constexpr int64_t kGraceMs = 200;  // after the answer is complete, for the server to end the response
constexpr int64_t kResendWithinMs = 300;
constexpr int kMaxResends = 2;
constexpr long kKeepAliveSeconds = 30;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

// The kinds of failure that libcurl's codes fall into. (if, not switch: the enumeration has a hundred
// members.)
HttpEnd end_of(CURLcode code) {
  const auto is_one_of = [code](std::initializer_list<CURLcode> codes) {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
  };
  if (code == CURLE_OK) return HttpEnd::kWhole;
  if (code == CURLE_OPERATION_TIMEDOUT) return HttpEnd::kTimeout;
  if (is_one_of({CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY, CURLE_COULDNT_CONNECT,
                 CURLE_SSL_CONNECT_ERROR, CURLE_PROXY, CURLE_INTERFACE_FAILED}))
    return HttpEnd::kNoContact;
  if (is_one_of({CURLE_WEIRD_SERVER_REPLY, CURLE_BAD_CONTENT_ENCODING, CURLE_UNSUPPORTED_PROTOCOL}))
    return code == CURLE_UNSUPPORTED_PROTOCOL ? HttpEnd::kUnusable : HttpEnd::kGarbled;
  if (is_one_of({CURLE_URL_MALFORMAT, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
                 CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_ENGINE_NOTFOUND,
                 CURLE_BAD_FUNCTION_ARGUMENT, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_PINNEDPUBKEYNOTMATCH,
                 CURLE_LOGIN_DENIED}))
    return HttpEnd::kUnusable;
  return HttpEnd::kCut;
}

}  // namespace

HttpTransfer::HttpTransfer(HttpPost post, HttpReceiver& receiver, Clock& clock)
    : post_(std::move(post)),
      receiver_(receiver),
      clock_(clock),
      easy_(curl_easy_init()),
      started_ms_(clock.monotonic_ms()) {
  if (!easy_) return;
  apply_settings();
  apply_security();
  apply_protocol();
}

void HttpTransfer::apply_settings() {
  CURL* easy = easy_.get();
  for (const std::string& header : post_.headers)
    header_list_.reset(curl_slist_append(header_list_.release(), header.c_str()));
  // An "Expect: 100-continue" would cost a second on servers that do not know it.
  header_list_.reset(curl_slist_append(header_list_.release(), "Expect:"));
  curl_easy_setopt(easy, CURLOPT_URL, post_.url.c_str());
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, header_list_.get());
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post_.body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, post_.body.data());
  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(easy, CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text_.data());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, header_callback);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, body_callback);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, connected_callback);
  curl_easy_setopt(easy, CURLOPT_PREREQDATA, this);
  // Our own timer does the same; libcurl's shares the time among a host's addresses.
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(post_.timeouts.connect));
}

void HttpTransfer::apply_security() {
  CURL* easy = easy_.get();
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket_callback);
  curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (!post_.proxy.empty()) curl_easy_setopt(easy, CURLOPT_PROXY, post_.proxy.c_str());
  if (!post_.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, post_.ca_file.c_str());
  // libcurl keeps the parsed authorities between connections only where no folder of them is set; parsing
  // them anew holds the loop for tens of milliseconds each time.
  char* system_authorities = nullptr;
  curl_easy_getinfo(easy, CURLINFO_CAINFO, &system_authorities);
  if (!post_.ca_file.empty() || (system_authorities != nullptr && ::access(system_authorities, R_OK) == 0))
    curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
}

void HttpTransfer::apply_protocol() {
  CURL* easy = easy_.get();
  const bool http2 = post_.http2 && post_.url.starts_with("https:");
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                   static_cast<long>(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT,
                   http2 ? 1L : 0L);  // rather a stream of a connection than a connection
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);  // a cancelled name resolution is not waited for
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPIDLE, kKeepAliveSeconds);
  curl_easy_setopt(easy, CURLOPT_TCP_KEEPINTVL, kKeepAliveSeconds);
}

void HttpTransfer::on_admitted() {
  admitted_ms_ = clock_.monotonic_ms();
}

size_t HttpTransfer::header_callback(char* text, size_t size, size_t count, void* self) {
  return static_cast<HttpTransfer*>(self)->on_header_line({text, size * count});
}
size_t HttpTransfer::body_callback(char* text, size_t size, size_t count, void* self) {
  return static_cast<HttpTransfer*>(self)->on_bytes({text, size * count});
}
int HttpTransfer::connected_callback(void* self, char*, char*, int, int) {
  return static_cast<HttpTransfer*>(self)->on_connected() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}
curl_socket_t HttpTransfer::open_socket_callback(void*, curlsocktype, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// libcurl sends a request again by itself, up to five times, if a connection that was used before ends
// without a byte of an answer. That mends a connection that the server had just closed, which shows at once;
// later on the server may have worked, and a resend is a new bill.
bool HttpTransfer::on_connected() {
  const int64_t now_ms = clock_.monotonic_ms();
  lost_ = connected_ms_ >= 0 && (now_ms - connected_ms_ > kResendWithinMs || ++resends_ > kMaxResends);
  connected_ms_ = now_ms;
  return !lost_;
}

size_t HttpTransfer::on_header_line(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > kMaxHeaderBytes) {
    oversized_ = true;
    return CURL_WRITEFUNC_ERROR;
  }
  if (headers_done_) return line.size();  // a trailer
  if (line.starts_with("HTTP/")) {
    headers_.clear();  // what came before was a 1xx
    return line.size();
  }
  if (trimmed(line).empty()) {
    long status = 0;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
    status_ = static_cast<int>(status);
    headers_done_ = status_ >= 200;
    return line.size();
  }
  if (const size_t colon = line.find(':'); colon != std::string_view::npos)
    headers_[lower(trimmed(line.substr(0, colon)))] = trimmed(line.substr(colon + 1));
  return line.size();
}

size_t HttpTransfer::on_bytes(std::string_view bytes) {
  body_bytes_ += bytes.size();
  if (body_bytes_ > kMaxResponseBytes) {
    oversized_ = true;
    return CURL_WRITEFUNC_ERROR;
  }
  last_byte_ms_ = clock_.monotonic_ms();
  if (first_byte_ms_ < 0) first_byte_ms_ = last_byte_ms_;
  inbox_.append(bytes);
  return bytes.size();
}

void HttpTransfer::deliver_slice() {
  if (headers_done_ && !headers_told_) {
    headers_told_ = true;
    receiver_.on_headers(status_, headers_);
  }
  if (delivered_ == inbox_.size()) return;
  const std::string_view slice = std::string_view(inbox_).substr(delivered_, kSliceBytes);
  delivered_ += slice.size();
  receiver_.on_body(slice);
  if (delivered_ == inbox_.size()) {
    if (inbox_.capacity() > kSliceBytes) inbox_.shrink_to_fit();
    inbox_.clear();
    delivered_ = 0;
  }
  const int64_t now_ms = clock_.monotonic_ms();
  if (receiver_.answer_bytes() > answer_bytes_) last_growth_ms_ = now_ms;
  answer_bytes_ = receiver_.answer_bytes();
  if (complete_ms_ < 0 && receiver_.is_complete()) complete_ms_ = now_ms;
}

void HttpTransfer::on_libcurl_done(CURLcode code) {
  done_ = true;
  code_ = code;
}

HttpTransfer::Deadline HttpTransfer::deadline() const {
  const HttpTimeouts& limits = post_.timeouts;
  if (complete_ms_ >= 0) return {complete_ms_ + kGraceMs, HttpEnd::kWhole, "", "", kGraceMs};
  Deadline nearest{started_ms_ + limits.total, HttpEnd::kTimeout, "no end of the answer", "total_timeout_ms",
                   limits.total};
  const auto consider = [&nearest](int64_t since_ms, int64_t limit_ms, std::string_view what,
                                   std::string_view setting) {
    if (since_ms >= 0 && since_ms + limit_ms < nearest.at_ms)
      nearest = {since_ms + limit_ms, HttpEnd::kTimeout, what, setting, limit_ms};
  };
  if (connected_ms_ < 0)
    consider(admitted_ms_, limits.connect, "no connection", "connect_timeout_ms");
  else if (first_byte_ms_ < 0)
    consider(connected_ms_, limits.first_byte, "no first byte", "first_byte_timeout_ms");
  consider(last_byte_ms_, limits.idle, "no further byte", "idle_timeout_ms");
  consider(last_growth_ms_, limits.progress, "no further text of the answer", "progress_timeout_ms");
  return nearest;
}

HttpResult HttpTransfer::measured() const {
  HttpResult result;
  result.status = status_;
  curl_off_t uploaded = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &uploaded);
  result.request_sent = connected_ms_ >= 0 && static_cast<size_t>(uploaded) >= post_.body.size();
  result.first_byte_ms = first_byte_ms_ < 0 ? 0 : first_byte_ms_ - started_ms_;
  result.total_ms = clock_.monotonic_ms() - started_ms_;
  return result;
}

std::string HttpTransfer::libcurl_reason() const {
  const std::string_view detail(error_text_.data());
  return quotable_line(detail.empty() ? curl_easy_strerror(code_) : detail, 300);
}

HttpResult HttpTransfer::result() const {
  HttpResult result = measured();
  result.end = oversized_ ? HttpEnd::kOversized : lost_ ? HttpEnd::kCut : end_of(code_);
  result.request_sent |= lost_;
  if (result.end == HttpEnd::kWhole) return result;
  if (oversized_)
    result.reason = body_bytes_ > kMaxResponseBytes
                        ? fmt::format("the response is larger than {} MiB", kMaxResponseBytes >> 20)
                        : fmt::format("the headers are larger than {} KiB", kMaxHeaderBytes >> 10);
  else if (result.end == HttpEnd::kTimeout)
    result.reason = fmt::format("no connection within {} ms (connect_timeout_ms)", post_.timeouts.connect);
  else
    result.reason = lost_ ? "the connection was lost before the answer began" : libcurl_reason();
  return result;
}

HttpResult HttpTransfer::expired(const Deadline& deadline) const {
  HttpResult result = measured();
  result.end = deadline.end;
  if (result.end == HttpEnd::kTimeout)
    result.reason = fmt::format("{} within {} ms ({})", deadline.what, deadline.limit_ms, deadline.setting);
  return result;
}

}  // namespace warpwright::llm
