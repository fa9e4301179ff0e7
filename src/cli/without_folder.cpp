// warpwright without-folder FOLDER -- PROGRAM ...: starts a program that a run asks for kernels, with a
// folder hidden.
#include <cstdlib>

#include "src/base/confine.h"
#include "src/cli/commands.h"

namespace warpwright::cli {

int run_without_folder(int argc, char** argv) {
  if (argc < 5 || std::string_view(argv[3]) != "--")
    return report_error(
        {ErrorKind::kUsage, "without-folder FOLDER -- PROGRAM ...: started by a run, not by people"});
  return report_error(exec_without({argv[2]}, {argv + 4, argv + argc}));
}

}  // namespace warpwright::cli
