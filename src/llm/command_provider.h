// A program as a model: any command that reads a prompt on stdin and prints its answer on stdout, such as a
// coding agent's headless mode or a shell script around one.
//
// stdin gets the conversation as plain_text.h writes it, then its end. All of stdout is the reply; stderr is
// only read for its last line, which a failure quotes. Exit code 0 and some text is an answer; any other exit
// is a failure that may be tried again; no text at all is a bad reply.
//
// The program runs in a temporary folder of its own that is removed afterwards, in a process group of its own
// that is killed whole at its end, with no environment but PATH, HOME, LANG and what `keep_environment`
// names: so a key of another endpoint never reaches it. argv[0] with a slash in it is looked up from where
// warpwright was started.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/llm/model_config.h"
#include "src/llm/provider.h"

namespace warpwright::llm {

class CommandProvider final : public Provider {
 public:
  // REQUIRES: config.command is not empty. The clock must outlive the provider.
  CommandProvider(ModelConfig config, Clock& clock);
  ~CommandProvider() override;  // kills what still runs

  // REQUIRES: the ticket has no attempt in flight.
  void start(const Call& call) override;
  std::vector<Completion> poll() override;
  void cancel(int64_t ticket) override;
  void wait_on(WaitSet& waits) const override;

 private:
  class Run;
  Result<std::unique_ptr<Run>> begin(const Call& call) const;
  std::string without_secrets(std::string text) const;
  void complete(const Call& call, std::variant<Reply, Failure> outcome);

  ModelConfig config_;
  Clock& clock_;
  std::vector<std::string> secrets_;              // values of the variables that the command keeps
  std::map<int64_t, std::unique_ptr<Run>> runs_;  // by ticket
  std::vector<Completion> completed_;
};

}  // namespace warpwright::llm
