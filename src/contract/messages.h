// The evaluator protocol: JSON lines on stdio, one object a line, both ways (src/contract/README.md).
//
// Liveness is the protocol's own: exit codes and end-of-file prove nothing behind srun or ssh. A worker says
// `hello` first, a `heartbeat` every two seconds, one `report` per `evaluate`, and `bye` when it ends on
// purpose.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "src/contract/evaluation.h"

namespace warpwright {

inline constexpr int kProtocolVersion = 1;
inline constexpr size_t kMaxLineBytes = 32 << 20;

struct HelloMessage {
  int protocol = kProtocolVersion;
  std::vector<std::string> features;
  std::string executor;  // what "auto" resolves to here: sim | cuda
  std::string device;
  std::string device_model;  // what a request's device and target "auto" resolve to here: "b200", "sm_100a"
  std::string target;
  std::string no_gpu;  // why executor `cuda` cannot be had here; empty: it can
  std::map<std::string, std::string> versions;
  std::vector<std::string> datasets;
};
struct EvaluateMessage {
  EvaluationRequest request;
};
struct ProgressMessage {
  std::string id;
  Stage stage = Stage::kPlan;
};
struct HeartbeatMessage {};
struct CancelMessage {
  std::string id;
};
struct ReportMessage {
  EvaluationReport report;
};
struct ByeMessage {
  std::string reason;
};

using Message = std::variant<HelloMessage, EvaluateMessage, ProgressMessage, HeartbeatMessage, CancelMessage,
                             ReportMessage, ByeMessage>;

std::string encode_line(const Message& message);     // ends in '\n'
Result<Message> decode_line(std::string_view line);  // without or with its '\n'

// Collects bytes of a stream into lines. A line over kMaxLineBytes is dropped and reported once by
// overflowed().
class LineBuffer {
 public:
  void append(std::string_view bytes);
  bool next(std::string& line);  // false: no whole line yet
  bool overflowed() { return std::exchange(overflowed_, false); }

 private:
  std::string buffer_;
  bool skipping_ = false;
  bool overflowed_ = false;
};

}  // namespace warpwright
