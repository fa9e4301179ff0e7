#include "tests/llm_server/server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>

#include "src/base/clock.h"

namespace warpwright::llm_server {
namespace {

int64_t now_ms() {
  return SystemClock().monotonic_ms();
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// The head of a request, or nothing while it is not whole.
std::optional<Request> read_head(const std::string& bytes, size_t& body_at) {
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos) return std::nullopt;
  body_at = end + 4;
  Request request;
  size_t at = bytes.find("\r\n");
  const std::string first = bytes.substr(0, at);
  request.method = first.substr(0, first.find(' '));
  const size_t target = std::min(first.size(), request.method.size() + 1);
  request.target = first.substr(target, first.find(' ', target) - target);
  while (at < end) {
    at += 2;
    const size_t next = std::min(bytes.find("\r\n", at), end);
    const std::string line = bytes.substr(at, next - at);
    const size_t colon = line.find(':');
    if (colon != std::string::npos) {
      const size_t value = line.find_first_not_of(' ', colon + 1);
      request.headers[lower(line.substr(0, colon))] = value == std::string::npos ? "" : line.substr(value);
    }
    at = next;
  }
  return request;
}

}  // namespace

struct Server::Connection {
  explicit Connection(UniqueFd given) : fd(std::move(given)) {}
  UniqueFd fd;
  std::string input, output;
  std::deque<Step> steps;
  int64_t due_ms = -1;  // of the first step; -1: none waits
  bool hangs = false, watches_output = false;
};

Server::Server(ServerOptions options) : options_(std::move(options)) {}

Result<std::unique_ptr<Server>> Server::start(ServerOptions options) {
  std::unique_ptr<Server> server(new Server(std::move(options)));
  TRY(server->listen());
  server->thread_ = std::thread([raw = server.get()] { raw->run(); });
  return server;
}

Server::~Server() {
  const uint64_t one = 1;
  if (stop_) [[maybe_unused]]
    const ssize_t ignored = ::write(stop_.get(), &one, sizeof one);
  if (thread_.joinable()) thread_.join();
}

Result<void> Server::listen() {
  listener_ = UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(options_.port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_.get(), 1024) != 0)
    return infrastructure_error(
        fmt::format("cannot listen on port {}: {}", options_.port, std::strerror(errno)));
  ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.sin_port);
  epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  stop_ = UniqueFd(::eventfd(0, EFD_CLOEXEC));
  for (const int fd : {listener_.get(), stop_.get()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }
  return {};
}

std::string Server::address() const {
  return fmt::format("http://127.0.0.1:{}", port_);
}
Counts Server::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}
std::vector<Request> Server::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

int64_t Server::next_due_ms() const {
  int64_t due = -1;
  for (const auto& [fd, connection] : connections_)
    if (connection->due_ms >= 0 && connection->output.empty() && (due < 0 || connection->due_ms < due))
      due = connection->due_ms;
  return due;
}

void Server::run() {
  while (true) {
    const int64_t due = next_due_ms();
    const int timeout = due < 0 ? -1 : static_cast<int>(std::clamp<int64_t>(due - now_ms(), 0, 1000));
    epoll_event events[64];
    const int count = ::epoll_wait(epoll_.get(), events, 64, timeout);
    for (int i = 0; i < count; ++i) {
      const int fd = events[i].data.fd;
      if (fd == stop_.get()) return;
      if (fd == listener_.get()) {
        accept_all();
        continue;
      }
      const auto found = connections_.find(fd);
      if (found == connections_.end()) continue;
      if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) read_from(*found->second);
      if (events[i].events & EPOLLOUT) advance(*found->second);
    }
    const int64_t now = now_ms();
    for (const auto& [fd, connection] : connections_)
      if (connection->due_ms >= 0 && connection->due_ms <= now && connection->output.empty())
        advance(*connection);
    for (const int fd : std::exchange(closing_, {})) close(fd);
  }
}

void Server::accept_all() {
  while (true) {
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return;
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd.get();
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event);
    const int number = fd.get();
    connections_[number] = std::make_unique<Connection>(std::move(fd));
    const std::lock_guard lock(mutex_);
    ++counts_.connections;
    ++counts_.open_now;
  }
}

void Server::close(int fd) {
  if (connections_.erase(fd) == 0) return;
  const std::lock_guard lock(mutex_);
  --counts_.open_now;
}

void Server::read_from(Connection& connection) {
  char buffer[65536];
  while (true) {
    const ssize_t got = ::read(connection.fd.get(), buffer, sizeof buffer);
    if (got > 0) {
      connection.input.append(buffer, static_cast<size_t>(got));
      continue;
    }
    if (got == 0 || (errno != EAGAIN && errno != EINTR)) closing_.push_back(connection.fd.get());
    break;
  }
  take_requests(connection);
}

void Server::take_requests(Connection& connection) {
  size_t body_at = 0;
  if (!connection.steps.empty() || connection.hangs) return;
  std::optional<Request> request = read_head(connection.input, body_at);
  if (!request) return;
  const auto length = request->headers.find("content-length");
  const size_t size =
      length == request->headers.end() ? 0 : std::strtoull(length->second.c_str(), nullptr, 10);
  if (connection.input.size() < body_at + size) return;
  request->body = connection.input.substr(body_at, size);
  connection.input.erase(0, body_at + size);
  interpret(*request);
  std::string scripted = "none";
  {
    const std::lock_guard lock(mutex_);
    request->number = counts_.received++;
    if (static_cast<size_t>(request->number) < options_.script.size())
      scripted = options_.script[static_cast<size_t>(request->number)];
    if (options_.keeps_requests) requests_.push_back(*request);
  }
  const std::vector<Step> steps = respond(*request, fault_of(*request, scripted), options_.manner);
  connection.steps.assign(steps.begin(), steps.end());
  connection.due_ms = now_ms() + connection.steps.front().delay_ms;
  if (connection.steps.front().delay_ms == 0) advance(connection);
}

void Server::watch(Connection& connection) {
  const bool wants_output = !connection.output.empty();
  if (wants_output == connection.watches_output) return;
  connection.watches_output = wants_output;
  epoll_event event{};
  event.events = EPOLLIN | (wants_output ? EPOLLOUT : 0u);
  event.data.fd = connection.fd.get();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, connection.fd.get(), &event);
}

void Server::advance(Connection& connection) {
  const int64_t start_ms = now_ms();
  for (int turns = 0; turns < 1000; ++turns) {  // then the others have their turn
    if (connection.output.empty()) {
      if (connection.steps.empty() || connection.due_ms > start_ms || connection.due_ms < 0) break;
      connection.output = connection.steps.front().bytes;
    }
    // Whoever has read an answer's last byte and asks finds it counted, however fast he is.
    std::unique_lock lock(mutex_, std::defer_lock);
    if (connection.steps.front().completes_answer) lock.lock();
    while (!connection.output.empty()) {
      const ssize_t put =
          ::send(connection.fd.get(), connection.output.data(), connection.output.size(), MSG_NOSIGNAL);
      if (put < 0 && errno != EAGAIN) return closing_.push_back(connection.fd.get());
      if (put < 0) return watch(connection);
      connection.output.erase(0, static_cast<size_t>(put));
    }
    if (lock.owns_lock()) {
      ++counts_.answered;
      lock.unlock();
    }
    end_step(connection);
  }
  watch(connection);
  if (connection.steps.empty()) take_requests(connection);
}

// The first step's bytes are out: what follows them?
void Server::end_step(Connection& connection) {
  Step& step = connection.steps.front();
  const Step::Then then = step.then;
  if (step.repeat > 1)
    --step.repeat;
  else if (step.repeat >= 0)
    connection.steps.pop_front();
  connection.due_ms = connection.steps.empty() ? -1 : now_ms() + connection.steps.front().delay_ms;
  if (then == Step::Then::kGoOn) return;
  connection.steps.clear();
  connection.due_ms = -1;
  connection.hangs = true;
  if (then == Step::Then::kHang) return;
  if (then == Step::Then::kReset) {
    const linger at_once{1, 0};
    ::setsockopt(connection.fd.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  closing_.push_back(connection.fd.get());
}

}  // namespace warpwright::llm_server
