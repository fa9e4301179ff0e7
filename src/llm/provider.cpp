#include "src/llm/provider.h"

#include "src/base/check.h"

namespace warpwright::llm {

std::string_view to_string(FinishClass finish) {
  switch (finish) {
    case FinishClass::kStop:
      return "stop";
    case FinishClass::kLength:
      return "length";
    case FinishClass::kRefusal:
      return "refusal";
  }
  CHECK(false);
}

}  // namespace warpwright::llm
