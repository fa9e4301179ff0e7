// A report as JSON text, written in one go: dump_json(to_json(report)) to the letter, in a tenth of the time.
#pragma once

#include <string>

#include "src/base/json_writer.h"
#include "src/contract/evaluation.h"

namespace warpwright {

std::string to_json_text(const EvaluationReport& report);
void write_json(JsonWriter& writer, const KernelReport& kernel);

}  // namespace warpwright
