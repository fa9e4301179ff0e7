// An HTTP/1.1 server that answers in four wire formats and goes wrong on request: on loopback, on a free
// port, in a thread of its own. It counts what it received and which answers it sent whole, so that a test
// can compare.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "src/base/result.h"
#include "src/base/unique_fd.h"
#include "tests/llm_server/faults.h"
#include "tests/llm_server/wire.h"

namespace warpwright::llm_server {

struct ServerOptions {
  int port = 0;  // 0: a free one
  Manner manner;
  std::vector<std::string> script;  // fault of the first request, the second ...; then "none"
  bool keeps_requests = true;       // for requests(); off for a benchmark
};

struct Counts {
  int64_t received = 0;  // whole requests
  int64_t answered = 0;  // answers sent to their last byte
  int64_t connections = 0, open_now = 0;
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> start(ServerOptions options);
  ~Server();

  int port() const { return port_; }
  std::string address() const;  // "http://127.0.0.1:PORT"
  Counts counts() const;
  std::vector<Request> requests() const;

 private:
  struct Connection;
  explicit Server(ServerOptions options);
  Result<void> listen();
  void run();
  int64_t next_due_ms() const;
  void accept_all();
  void read_from(Connection& connection);
  void take_requests(Connection& connection);
  void advance(Connection& connection);  // sends what is due
  void end_step(Connection& connection);
  void watch(Connection& connection);
  void close(int fd);

  ServerOptions options_;
  int port_ = 0;
  UniqueFd listener_, epoll_, stop_;
  std::map<int, std::unique_ptr<Connection>> connections_;
  std::vector<int> closing_;
  std::thread thread_;
  mutable std::mutex mutex_;  // of what follows
  Counts counts_;
  std::vector<Request> requests_;
};

}  // namespace warpwright::llm_server
