// For tests and benchmarks: a model whose answers are a function of the call, given at once or in a random
// order.
#pragma once

#include <fmt/format.h>

#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/base/rng.h"
#include "src/llm/provider.h"

namespace warpwright::engine {

// A candidate of about so many bytes; variants differ in one line.
inline std::string test_source(int64_t variant, int source_bytes) {
  std::string text = fmt::format(
      "/*@plan\n"
      "tune ROWS = 4 in {{1, 2, 4, 8, 16, 32, 64, 128}};\n"
      "tune WARPS = 4 in {{1, 2, 3, 4, 5, 6, 7, 8}};\n"
      "tune STAGES = 2 in {{1, 2, 3, 4, 5, 6, 7, 8}};\n"
      "tune UNROLL = 4 in {{1, 2, 4, 8, 16, 32}};\n"
      "tune VECTOR = 4 in {{1, 2, 4, 8, 16}};\n"
      "tune SPLIT = 1 in {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};\n"
      "require WARPS * STAGES <= 60 else \"more stages than shared memory holds\";\n"
      "gdn_decode<<<dim3(num_v_heads, batch_size), 32 * WARPS>>>(\n"
      "    q, k, v, state, A_log, a, dt_bias, b, scale, output, new_state);\n"
      "*/\n"
      "constexpr int kVariant = {};\n"
      "__global__ void gdn_decode(const __nv_bfloat16* q, const __nv_bfloat16* k, const __nv_bfloat16* v,\n"
      "                           const float* state, const float* A_log, const __nv_bfloat16* a,\n"
      "                           const float* dt_bias, const __nv_bfloat16* b, float scale,\n"
      "                           __nv_bfloat16* output, float* new_state) {{\n",
      variant);
  for (int i = 0; static_cast<int>(text.size()) < source_bytes; ++i)
    text +=
        fmt::format("  const float part_{0} = {0}.0f * scale + kVariant * __bfloat162float(q[{0}]);\n", i);
  return text + "  output[threadIdx.x] = __float2bfloat16(part_0);\n}\n";
}

class TestModel final : public llm::Provider {
 public:
  // With an order seed a poll gives one of the calls under way, drawn at random, or none.
  explicit TestModel(int source_bytes, std::optional<uint64_t> order_seed = std::nullopt)
      : source_bytes_(source_bytes) {
    if (order_seed) order_ = Rng(*order_seed);
  }

  void start(const llm::Call& call) override {
    llm::Completion& done = out_.emplace_back();
    done.ticket = call.ticket;
    done.turn = call.turn;
    done.attempt = call.attempt;
    auto& reply = std::get<llm::Reply>(done.outcome);
    reply.text = answer(call);
    int64_t bytes = static_cast<int64_t>(call.conversation.system.size());
    for (const llm::Message& message : call.conversation.messages)
      bytes += static_cast<int64_t>(message.text.size());
    reply.usage = {true, bytes / 4 + 1, 0, 0, 500, 0};
  }
  std::vector<llm::Completion> poll() override {
    if (!order_) return std::exchange(out_, {});
    std::vector<llm::Completion> done;
    if (out_.empty() || order_->below(3) == 0) return done;
    const auto at = out_.begin() + static_cast<std::ptrdiff_t>(order_->below(out_.size()));
    done.push_back(std::move(*at));
    out_.erase(at);
    return done;
  }
  void cancel(int64_t ticket) override {
    std::erase_if(out_, [&](const llm::Completion& call) { return call.ticket == ticket; });
  }
  void wait_on(llm::WaitSet& waits) const override {
    if (!out_.empty()) waits.wake_within(0);
  }

 private:
  std::string answer(const llm::Call& call) const {
    // In a random order: one answer in twelve cannot be read, one in eight is a program that was written before.
    if (order_ && call.ticket % 12 == 7 && call.turn == 0) return "I would rather not.";
    const bool repeats = order_ && call.ticket % 8 == 3;
    const int64_t variant = repeats ? 3 : call.ticket;
    const std::string line = fmt::format("constexpr int kVariant = {};", variant);
    if (call.op == "research")
      return fmt::format("LESSON: variant {} is slower with wide loads\nDIRECTION: split the state", variant);
    if (call.op == "plan") return fmt::format("IDEA: other rows\n```plan\n{}\n```\n", plan_of(variant));
    const std::string edit = call.op == "diff" && !repeats ? edit_of(call, line) : "";
    if (!edit.empty()) return edit;
    return "IDEA: another variant\n```cuda\n" + test_source(variant, source_bytes_) + "```\n";
  }
  static std::string edit_of(const llm::Call& call, const std::string& line) {
    if (call.conversation.messages.empty()) return "";
    const std::string& prompt = call.conversation.messages.front().text;
    const size_t at = prompt.find("constexpr int kVariant = ");
    if (at == std::string::npos) return "";
    return fmt::format("IDEA: another variant\n<<<<<<< SEARCH\n{}\n=======\n{}\n>>>>>>> REPLACE\n",
                       prompt.substr(at, prompt.find('\n', at) - at), line);
  }
  static std::string plan_of(int64_t variant) {
    std::string text = test_source(variant, 0);
    text = text.substr(0, text.find("*/") + 2);
    const std::string rows = "tune ROWS = 4";
    return text.replace(text.find(rows), rows.size(), fmt::format("// {}\n{}", variant, rows));
  }

  int source_bytes_;
  std::optional<Rng> order_;
  std::vector<llm::Completion> out_;
};

}  // namespace warpwright::engine
