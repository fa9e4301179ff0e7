// One file of a scripted provider: the lines that direct the provider, and the answer below them. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/llm/provider.h"

namespace warpwright::llm {

struct ScriptedAnswer {
  std::string text;
  Usage usage;
  FinishClass finish = FinishClass::kComplete;
  std::optional<Failure> failure;  // of the first `failing_attempts`
  int failing_attempts = 0;
};

// `where` names the file in errors: "<where>:2: unknown word 'inputs' ...".
Result<ScriptedAnswer> parse_scripted_answer(std::string_view text, const std::string& where);

}  // namespace warpwright::llm
