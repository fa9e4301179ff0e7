// A study in tables. Pure: what it found in, text, Markdown or JSON out.
#pragma once

#include <string>

#include "src/report/study_result.h"

namespace warpwright::report {

struct StudyTextOptions {
  std::string command;  // how it was called, or can be again; may be empty
};

std::string render_study_text(const Study& study);
std::string render_study_markdown(const Study& study, const StudyTextOptions& options);
Json to_json(const Study& study);

}  // namespace warpwright::report
