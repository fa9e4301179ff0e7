// The red team: kernels that cheat and must be refused, and honest ones that resemble them and must pass
// (evaluator/testdata/villains, evaluator/testdata/honest). An evaluator that lets one of the first score, or
// refuses one of the second, is not to be believed.
//
// Each file is a whole candidate; its first lines say what it tries and what is expected:
//   // beats: a checker that looks at the last outputs only
//   // cheat: a                       the kind, see villains/README.md
//   // applies: sim | cuda | both
//   // expect: STATUS rule            PASSED for a cheat that may pass if it is no faster than its twin
//   // on cuda: STATUS rule           where it differs
//   // message: text                  part of the report's message
//   // warning: text                  part of one of its warnings
//   // workloads: all                 a selection; smoke if it is left out
//   // twin: NAME                     the honest kernel that it may not be faster than
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/contract/evaluation.h"

namespace warpwright {

inline constexpr const char* kRedTeamDefinition = "gdn_decode_qk4_v8_d128_k_last";

struct RedTeamKernel {
  std::string name;  // of the file, without .cu
  bool is_villain = false;
  std::string title, cheat, applies = "both";
  std::string expected = "PASSED";  // "STATUS rule"
  std::string expected_on_cuda;     // empty: the same
  std::string message, warning, twin;
  std::string selection = "smoke";
  std::string source;

  bool applies_to(std::string_view executor) const { return applies == "both" || applies == executor; }
  const std::string& expected_on(std::string_view executor) const {
    return executor == "cuda" && !expected_on_cuda.empty() ? expected_on_cuda : expected;
  }
};

// Villains in order of names, then the honest ones. Error: a folder is missing or empty, or a file's first
// lines cannot be read.
Result<std::vector<RedTeamKernel>> read_red_team(const std::filesystem::path& home);
// One kernel's text.
Result<RedTeamKernel> parse_red_team_kernel(const std::string& name, bool is_villain, std::string source);
// Changes whenever one of them does.
std::string red_team_hash(const std::vector<RedTeamKernel>& kernels);

// Small budgets: the whole list takes less than a minute of a core on the simulator.
EvaluationRequest red_team_request(const RedTeamKernel& kernel);

enum class Standing {
  kAsExpected,
  kOtherwiseRefused,  // a villain that another rule caught than the expected one
  kScores,            // a villain that passed
  kHonestRefused,
  kNotJudged,  // the machine failed
};
struct RedTeamVerdict {
  Standing standing = Standing::kNotJudged;
  std::string got;  // "REJECTED out-of-bounds-read"
  std::string why;  // one line; empty if as expected
};
// `twin`: the report of the kernel that RedTeamKernel::twin names, null if there is none.
RedTeamVerdict judge_red_team(const RedTeamKernel& kernel, const EvaluationReport& report,
                              const EvaluationReport* twin, std::string_view executor);

}  // namespace warpwright
