// warpwright config: what can be configured, what is wrong with a file, and what a file makes.
#include <fmt/format.h>

#include <iostream>

#include "src/cli/commands.h"
#include "src/engine/check_config.h"
#include "src/engine/config_reference.h"

namespace warpwright::cli {
namespace {

int explain(const ConfigOptions& options) {
  if (options.markdown) {
    std::cout << engine::configuration_markdown();
    return 0;
  }
  const auto found = engine::find_options(*options.explain);
  if (!found) return report_error(found.error());
  if (options.form == OutputForm::kJson) {
    std::cout << dump_json(engine::options_json(*found), 2) << "\n";
  } else {
    std::cout << engine::options_text(*found);
  }
  return 0;
}

int worst_code(const std::vector<Error>& problems) {
  int code = 0;
  for (const Error& problem : problems)
    code = std::max(code, problem.kind == ErrorKind::kInfrastructure ? 3 : 2);
  return code;
}

int check(const ConfigOptions& options) {
  const engine::CheckedConfig checked = engine::check_config_file(options.check);
  if (options.form == OutputForm::kJson) {
    Json problems = Json::array();
    for (const Error& problem : checked.problems) problems.push_back(problem.message);
    std::cout << dump_json({{"file", options.check.string()}, {"problems", problems}}, 2) << "\n";
  } else {
    for (const Error& problem : checked.problems) std::cout << problem.message << "\n";
    if (checked.problems.empty()) std::cout << options.check.string() << ": sound\n";
  }
  return worst_code(checked.problems);
}

int show(const ConfigOptions& options) {
  const engine::CheckedConfig checked = engine::check_config_file(options.show);
  if (!checked.problems.empty()) {
    for (const Error& problem : checked.problems) report_error(problem);
    return worst_code(checked.problems);
  }
  if (options.form == OutputForm::kJson) {
    std::cout << dump_json(engine::to_json(checked.config), 2) << "\n";
  } else {
    std::cout << fmt::format("# All of {}, with the agent's part; the machine settles what is \"auto\".\n{}",
                             options.show.string(), engine::to_toml(checked.config));
  }
  return 0;
}

}  // namespace

int run_config(const ConfigOptions& options) {
  if (options.explain) return explain(options);
  if (!options.check.empty()) return check(options);
  if (!options.show.empty()) return show(options);
  return report_error({ErrorKind::kUsage, "say --explain [TABLE|TABLE.KEY], --check FILE or --show FILE"});
}

}  // namespace warpwright::cli
