// What a server can do wrong, by name, and the steps of a response that does so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/llm_server/wire.h"

namespace warpwright::llm_server {

// One piece of a response. When it is sent, `delay_ms` after the one before it.
struct Step {
  enum class Then { kGoOn, kClose, kReset, kHang };
  std::string bytes;
  int64_t delay_ms = 0;
  int64_t repeat = 1;  // how often it is sent; -1: until the client goes
  Then then = Then::kGoOn;
  bool completes_answer = false;  // with it an answer has been sent whole
};

struct Manner {
  size_t answer_bytes = 400;
  size_t pieces = 8;
  int64_t delay_ms = 0;     // between the events of a stream
  int64_t pause_ms = 400;   // of the faults that are slow
  std::string redirect_to;  // empty: port 9 of this host
};

// "none", "429-seconds", ...: see faults.cpp for what each does.
const std::vector<std::string_view>& fault_names();

// The name is taken from the header x-fault, else from the model's name behind its last '+'
// ("mock+cut"), else it is `scripted`. An unknown name is answered with status 418.
std::string fault_of(const Request& request, const std::string& scripted);
std::vector<Step> respond(const Request& request, const std::string& fault, const Manner& manner);

}  // namespace warpwright::llm_server
