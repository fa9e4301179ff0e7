#include "src/llm/http_client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/epoll.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <filesystem>
#include <map>
#include <set>

#include "src/base/check.h"
#include "src/base/unique_fd.h"
#include "src/llm/http_transfer.h"

namespace warpwright::llm {
namespace {

// What one poll() may do before the loop has its turn again. Counted in real time: this is about sharing a
// core, and no decision depends on it.
constexpr auto kBudget = std::chrono::milliseconds(4);
constexpr int kEventsAtOnce = 4;  // between two looks at the budget; each may be a TLS handshake's arithmetic
constexpr size_t kAdmittedAtOnce = 8;  // libcurl begins all that it is given in one go
constexpr long kIdleConnections = 64;
constexpr int64_t kTimersAtLeastEveryMs = 1000;

using Instant = std::chrono::steady_clock::time_point;
Instant real_now() {
  return std::chrono::steady_clock::now();
}

std::set<int> inheritable_descriptors() {
  std::set<int> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", error)) {
    const int fd = std::atoi(entry.path().filename().c_str());
    const int flags = ::fcntl(fd, F_GETFD);
    if (flags >= 0 && (flags & FD_CLOEXEC) == 0) found.insert(fd);
  }
  return found;
}

// The multi handle wakes itself through a pair of sockets that libcurl opens without SOCK_CLOEXEC and shows
// to nobody.
CURLM* init_multi_closed_in_children() {
  const std::set<int> before = inheritable_descriptors();
  CURLM* multi = curl_multi_init();
  for (const int fd : inheritable_descriptors())
    if (!before.contains(fd)) ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  return multi;
}

struct FreeMulti {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};

}  // namespace

struct HttpClient::Multi {
  explicit Multi(Clock& given_clock) : clock(given_clock) {}
  ~Multi();

  void poll();
  void admit();
  void run_timer();
  bool run_sockets(Instant end);
  void collect_done();
  bool deliver(Instant end);
  void finish(int64_t id, const HttpResult& result);
  void finish_done();
  void expire();
  void forget(int64_t id);

  static int socket_callback(CURL*, curl_socket_t fd, int what, void* self, void*);
  static int timer_callback(CURLM*, long timeout_ms, void* self);

  struct Entry {
    HttpTransfer transfer;
    bool admitted = false;
    Entry(HttpPost post, HttpReceiver& receiver, Clock& clock) : transfer(std::move(post), receiver, clock) {}
  };

  Clock& clock;
  UniqueFd epoll;
  std::unique_ptr<CURLM, FreeMulti> handle;
  std::map<int64_t, Entry> entries;
  std::deque<int64_t> waiting;   // not yet given to libcurl
  std::map<CURL*, int64_t> ids;  // of those that are
  int64_t next_id = 1, deliver_after = 0;
  std::optional<Instant> timer_due;  // libcurl's
  bool backlog = false;              // the budget ended before the work
  int64_t timers_seen_ms = 0;
};

HttpClient::Multi::~Multi() {
  if (handle)
    for (const auto& [easy, id] : ids) curl_multi_remove_handle(handle.get(), easy);
  entries.clear();
  handle.reset();  // closes its sockets through the callbacks, which use what is declared after it
}

int HttpClient::Multi::socket_callback(CURL*, curl_socket_t fd, int what, void* self, void*) {
  const int epoll = static_cast<Multi*>(self)->epoll.get();
  epoll_event event{};
  event.data.fd = fd;
  if (what == CURL_POLL_REMOVE) {
    ::epoll_ctl(epoll, EPOLL_CTL_DEL, fd, &event);
    return 0;
  }
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  if (::epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) != 0 && errno == ENOENT)
    ::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
  return 0;
}

int HttpClient::Multi::timer_callback(CURLM*, long timeout_ms, void* self) {
  auto& due = static_cast<Multi*>(self)->timer_due;
  due.reset();
  if (timeout_ms >= 0) due = real_now() + std::chrono::milliseconds(timeout_ms);
  return 0;
}

void HttpClient::Multi::poll() {
  const Instant end = real_now() + kBudget;
  admit();
  run_timer();
  const bool sockets_done = run_sockets(end);
  collect_done();
  const bool delivered = deliver(end);
  finish_done();
  backlog = !sockets_done || !delivered;
  // After a long pause of the loop the bytes are there and only unread: no timer is judged before they are.
  const int64_t now_ms = clock.monotonic_ms();
  if (!backlog || now_ms - timers_seen_ms >= kTimersAtLeastEveryMs) {
    timers_seen_ms = now_ms;
    expire();
  }
}

void HttpClient::Multi::admit() {
  for (size_t i = 0; i < kAdmittedAtOnce && !waiting.empty(); ++i) {
    const int64_t id = waiting.front();
    waiting.pop_front();
    Entry& entry = entries.at(id);
    if (entry.transfer.easy() == nullptr ||
        curl_multi_add_handle(handle.get(), entry.transfer.easy()) != CURLM_OK) {
      HttpResult result;
      result.end = HttpEnd::kNoContact;
      result.reason = "out of memory for another connection";
      finish(id, result);
      continue;
    }
    entry.admitted = true;
    ids[entry.transfer.easy()] = id;
    entry.transfer.on_admitted();
  }
}

void HttpClient::Multi::run_timer() {
  if (!timer_due || real_now() < *timer_due) return;
  timer_due.reset();  // it is set anew from within
  int running = 0;
  curl_multi_socket_action(handle.get(), CURL_SOCKET_TIMEOUT, 0, &running);
}

bool HttpClient::Multi::run_sockets(Instant end) {
  epoll_event events[kEventsAtOnce];
  while (true) {
    const int count = ::epoll_wait(epoll.get(), events, kEventsAtOnce, 0);
    if (count <= 0) return true;
    for (int i = 0; i < count; ++i) {
      int what = 0;  // 0: libcurl looks itself, as it must after an error
      if ((events[i].events & (EPOLLERR | EPOLLHUP)) == 0) {
        if (events[i].events & EPOLLIN) what |= CURL_CSELECT_IN;
        if (events[i].events & EPOLLOUT) what |= CURL_CSELECT_OUT;
      }
      int running = 0;
      curl_multi_socket_action(handle.get(), events[i].data.fd, what, &running);
    }
    if (real_now() >= end) return false;
  }
}

void HttpClient::Multi::collect_done() {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(handle.get(), &left)) {
    if (message->msg != CURLMSG_DONE) continue;
    const auto found = ids.find(message->easy_handle);
    if (found != ids.end()) entries.at(found->second).transfer.on_libcurl_done(message->data.result);
  }
}

// Round robin, so that one chatty stream shares the budget with all others. At least one slice: a loop whose
// sockets use up every budget still gets on.
bool HttpClient::Multi::deliver(Instant end) {
  for (bool more = true; more;) {
    more = false;
    auto entry = entries.upper_bound(deliver_after);
    for (size_t i = 0; i < entries.size(); ++i, ++entry) {
      if (entry == entries.end()) entry = entries.begin();
      HttpTransfer& transfer = entry->second.transfer;
      if (!transfer.has_delivery()) continue;
      transfer.deliver_slice();
      more |= transfer.has_delivery();
      deliver_after = entry->first;
      if (real_now() >= end) return false;
    }
  }
  return true;
}

void HttpClient::Multi::finish_done() {
  std::vector<int64_t> done;
  for (const auto& [id, entry] : entries)
    if (entry.transfer.is_done() && !entry.transfer.has_delivery()) done.push_back(id);
  for (const int64_t id : done)
    if (const auto entry = entries.find(id); entry != entries.end())
      finish(id, entry->second.transfer.result());
}

void HttpClient::Multi::expire() {
  const int64_t now_ms = clock.monotonic_ms();
  std::vector<int64_t> over;
  for (const auto& [id, entry] : entries)
    if (!entry.transfer.is_done() && !entry.transfer.has_delivery() &&
        entry.transfer.deadline().at_ms <= now_ms)
      over.push_back(id);
  for (const int64_t id : over)
    if (const auto entry = entries.find(id); entry != entries.end())
      finish(id, entry->second.transfer.expired(entry->second.transfer.deadline()));
}

// The receiver hears of it last, when nothing here refers to the transfer any more.
void HttpClient::Multi::finish(int64_t id, const HttpResult& result) {
  const HttpResult kept = result;
  HttpReceiver& receiver = entries.at(id).transfer.receiver();
  forget(id);
  receiver.on_end(kept);
}

void HttpClient::Multi::forget(int64_t id) {
  const auto entry = entries.find(id);
  if (entry == entries.end()) return;
  if (entry->second.admitted) {
    curl_multi_remove_handle(handle.get(), entry->second.transfer.easy());
    ids.erase(entry->second.transfer.easy());
  } else {
    std::erase(waiting, id);
  }
  entries.erase(entry);
}

HttpClient::HttpClient(std::unique_ptr<Multi> multi) : multi_(std::move(multi)) {}
HttpClient::~HttpClient() = default;

Result<std::unique_ptr<HttpClient>> HttpClient::create(Clock& clock) {
  static const CURLcode global = curl_global_init(CURL_GLOBAL_ALL);
  if (global != CURLE_OK) return infrastructure_error("libcurl cannot be initialised");
  if ((curl_version_info(CURLVERSION_NOW)->features & CURL_VERSION_ASYNCHDNS) == 0)
    return infrastructure_error(
        "this libcurl resolves names in the foreground, which would stop every other call meanwhile: install "
        "one with "
        "the threaded or the c-ares resolver (Debian's has it)");
  auto multi = std::make_unique<Multi>(clock);
  multi->epoll = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  if (!multi->epoll) return infrastructure_error(fmt::format("epoll: {}", std::strerror(errno)));
  multi->handle.reset(init_multi_closed_in_children());
  if (!multi->handle) return infrastructure_error("libcurl has no memory for a multi handle");
  CURLM* handle = multi->handle.get();
  curl_multi_setopt(handle, CURLMOPT_SOCKETFUNCTION, Multi::socket_callback);
  curl_multi_setopt(handle, CURLMOPT_SOCKETDATA, multi.get());
  curl_multi_setopt(handle, CURLMOPT_TIMERFUNCTION, Multi::timer_callback);
  curl_multi_setopt(handle, CURLMOPT_TIMERDATA, multi.get());
  curl_multi_setopt(handle, CURLMOPT_MAXCONNECTS, kIdleConnections);
  // CURLMOPT_MAX_HOST_CONNECTIONS stays unlimited: over HTTP/1.1 each call in flight needs a connection of
  // its own, and how many may be in flight is decided above (gate.h). A limit here would queue calls while
  // their timers run.
  return std::unique_ptr<HttpClient>(new HttpClient(std::move(multi)));
}

int64_t HttpClient::start(HttpPost post, HttpReceiver& receiver) {
  const int64_t id = multi_->next_id++;
  multi_->entries.try_emplace(id, std::move(post), receiver, multi_->clock);
  multi_->waiting.push_back(id);
  return id;
}

void HttpClient::cancel(int64_t id) {
  multi_->forget(id);
}

void HttpClient::poll() {
  multi_->poll();
}

size_t HttpClient::active() const {
  return multi_->entries.size();
}

void HttpClient::wait_on(WaitSet& waits) const {
  const int epoll = multi_->epoll.get();
  bool known = false;
  for (const pollfd& descriptor : waits.descriptors) known |= descriptor.fd == epoll;
  if (!known) waits.descriptors.push_back({epoll, POLLIN, 0});
  if (multi_->backlog || !multi_->waiting.empty()) waits.wake_within(0);
  if (multi_->timer_due) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(*multi_->timer_due - real_now());
    waits.wake_within(std::max<int64_t>(0, left.count()));
  }
  const int64_t now_ms = multi_->clock.monotonic_ms();
  for (const auto& [id, entry] : multi_->entries)
    waits.wake_within(std::max<int64_t>(0, entry.transfer.deadline().at_ms - now_ms));
}

}  // namespace warpwright::llm
