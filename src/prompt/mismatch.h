// Why an edit found no place, in words that suffice to mend it: they go back to the model once.
#pragma once

#include <string>

#include "src/prompt/lines.h"

namespace warpwright::prompt {

// The source's lines that come nearest to the search text, numbered, and where each parts from it.
std::string show_nearest(const Lines& source, const Lines& search);

}  // namespace warpwright::prompt
