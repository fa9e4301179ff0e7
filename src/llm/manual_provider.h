// A person, or any chat window, as a model. Each prompt is a file of one folder, its answer another
// one:
//
//   t0012.0.prompt.md   written here: ticket 12, turn 0. A head that says where the answer goes, then
//   plain_text.h t0012.0.reply.md    written by the person; taken once it is not empty and has not changed
//   for two seconds, so
//                       that a file is never read while it is being written. One that was finished earlier
//                       and then moved here is taken at once
//   t0012.0.skip        an empty file: the person passes, and the ticket has no answer
//
// There is no time limit: a person is waited for as long as the run lasts. A reply that lies there when its
// prompt is asked again (a run that was stopped and goes on) is taken. If the folder still has another prompt
// of the same name, its reply answers that one: it is moved to t0012.0.reply.md.old.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/llm/model_config.h"
#include "src/llm/provider.h"

namespace warpwright::llm {

class ManualProvider final : public Provider {
 public:
  // Of the configuration only the names are used. The folder is made at the first prompt, not before. The
  // clock must outlive the provider.
  ManualProvider(const ModelConfig& config, std::filesystem::path folder, Clock& clock);

  void start(const Call& call) override;
  std::vector<Completion> poll() override;
  void cancel(int64_t ticket) override;  // the files stay: the run may go on later
  void wait_on(WaitSet& waits) const override;

 private:
  struct State {  // of a reply file, as last seen
    uint64_t size = 0, inode = 0;
    int64_t changed_ns = 0;
    bool operator==(const State&) const = default;
  };
  struct Question {
    int turn = 0, attempt = 0;
    std::string stem;  // "t0012.0"
    int64_t asked_ms = 0, seen_ms = 0;
    State seen;
  };
  std::filesystem::path path(const Question& question, std::string_view suffix) const;
  Result<void> write_prompt(const Question& question, const Conversation& conversation) const;
  bool is_settled(Question& question) const;
  std::optional<std::variant<Reply, Failure>> look(Question& question) const;

  std::filesystem::path folder_;
  std::string model_;
  Clock& clock_;
  std::map<int64_t, Question> questions_;  // by ticket
  std::vector<Completion> completed_;
  int64_t next_look_ms_ = 0;
};

}  // namespace warpwright::llm
