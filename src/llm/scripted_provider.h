// Answers from files: request i gets the i-th file of a folder in the order of names. Deterministic, and
// resumable because the request bears its index. For tests, offline runs and candidates written by hand.
//
//   *.md, *.txt  a model's reply as it stands (a fenced code block, or SEARCH/REPLACE blocks)
//   *.cu         a whole candidate; handed on as a reply with one fenced block
#pragma once

#include <filesystem>

#include "src/llm/provider.h"

namespace warpwright::llm {

class ScriptedProvider final : public Provider {
 public:
  // Error: the folder is missing or holds no answers.
  static Result<ScriptedProvider> open(const std::filesystem::path& folder);

  int64_t answer_count() const { return static_cast<int64_t>(files_.size()); }

  void start(const Call& call) override;
  std::vector<Completion> poll() override;
  void cancel(int64_t ticket) override;
  void wait_on(WaitSet& waits) const override;

 private:
  explicit ScriptedProvider(std::vector<std::filesystem::path> files) : files_(std::move(files)) {}
  std::vector<std::filesystem::path> files_;
  std::vector<Completion> ready_;
};

}  // namespace warpwright::llm
