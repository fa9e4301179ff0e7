// The models of a run, ready to be asked: providers behind one desk, which keeps the budget.
#pragma once

#include <filesystem>
#include <memory>

#include "src/base/clock.h"
#include "src/engine/run_config.h"
#include "src/events/run_view.h"
#include "src/llm/call_desk.h"
#include "src/llm/replay_provider.h"

namespace warpwright::llm {
class HttpClient;
}

namespace warpwright::engine {

// `warpwright <this> FOLDER -- PROGRAM ...`: the program, from which the folder is hidden. Not for people.
inline constexpr const char* kWithoutCommand = "without-folder";

class Models {
 public:
  Models();
  ~Models();
  llm::CallDesk* desk() const { return desk_.get(); }  // null: this run asks nobody

 private:
  friend Result<std::unique_ptr<Models>> open_models(const RunConfig&, const std::filesystem::path&,
                                                     const events::RunView&, Clock&);
  friend Result<std::unique_ptr<Models>> open_recorded_models(const std::filesystem::path&, bool);
  std::unique_ptr<llm::HttpClient> http_;  // must outlive the desk's providers
  std::unique_ptr<llm::CallDesk> desk_;
};

// Opens every provider: keys are read, folders found. `run_directory` is where a person's prompts go
// (manual); what `view` says was spent counts against the budget. Errors (usage) name the model and the mend:
// no key, no price under a cap, no folder.
Result<std::unique_ptr<Models>> open_models(const RunConfig& config,
                                            const std::filesystem::path& run_directory,
                                            const events::RunView& view, Clock& clock);

// The recorded answers of a run, by ticket and turn.
Result<std::unique_ptr<llm::ReplayProvider>> open_recorded_answers(const std::filesystem::path& run_directory,
                                                                   bool to_any_prompt = false);

// The answers of a recorded run, whoever gave them, to be asked again offline. They cost what they cost then.
Result<std::unique_ptr<Models>> open_recorded_models(const std::filesystem::path& run_directory,
                                                     bool to_any_prompt);

// What the events say was spent: answers, attempts that may have been billed, calls that died in flight.
llm::Spent spent_so_far(const events::RunView& view);

}  // namespace warpwright::engine
