// warpwright report: a run in tables, finished or not.
#include "src/report/run_report.h"

#include <iostream>

#include "src/cli/commands.h"
#include "src/engine/evolve.h"

namespace warpwright::cli {

int run_report(const ReportOptions& options) {
  auto run = engine::load_run(options.run_dir);
  if (!run) return report_error(run.error());
  report::RunReportOptions report_options;
  report_options.run_directory = options.run_dir.string();
  if (options.form == OutputForm::kJson)
    std::cout << dump_json(report::to_json(run->view, report_options), 2) << "\n";
  else
    std::cout << report::render_text(run->view, report_options);
  return 0;
}

}  // namespace warpwright::cli
