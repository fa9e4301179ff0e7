// Answers from files. Deterministic, and resumable because a request bears its index and its attempt. For
// tests, offline runs and candidates written by hand.
//
//   folder/            request i of any operator gets file i in the order of names
//   folder/<operator>/ if there: request i of this operator gets file i of it
//
//   *.md, *.txt  a model's reply as it stands (a fenced code block, or SEARCH/REPLACE blocks)
//   *.cu         a whole candidate; handed on as a reply with one fenced block
//   NAME.turn1.* beside NAME.*: the answer to the follow-up; not counted as an answer of its own
//
// Lines at the very top of a file direct the provider and are no part of the answer:
//
//   <!-- usage input=1200 output=800 cached=0 -->         tokens, as if counted by a provider
//   <!-- fail rate-limited times=2 retry_after_ms=50 -->  the first attempts fail: a FailureClass by name;
//                                                         also status=529, billed=1
//   <!-- finish truncated -->                             complete | truncated | refused
#pragma once

#include <filesystem>
#include <map>

#include "src/llm/provider.h"

namespace warpwright::llm {

class ScriptedProvider final : public Provider {
 public:
  // Error: the folder is missing or holds no answers.
  static Result<ScriptedProvider> open(const std::filesystem::path& folder);

  // Of an operator; without one: of the folder itself.
  int64_t answer_count(const std::string& op = "") const;

  void start(const Call& call) override;
  std::vector<Completion> poll() override;
  void cancel(int64_t ticket) override;
  void wait_on(WaitSet& waits) const override;

 private:
  using Files = std::vector<std::filesystem::path>;
  ScriptedProvider(std::filesystem::path folder, std::map<std::string, Files> files)
      : folder_(std::move(folder)), files_(std::move(files)) {}
  const Files& files_of(const std::string& op) const;
  std::variant<Reply, Failure> answer(const Call& call) const;

  std::filesystem::path folder_;
  std::map<std::string, Files> files_;  // by operator; "": the folder's own
  std::vector<Completion> ready_;
};

}  // namespace warpwright::llm
