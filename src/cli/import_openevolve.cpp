// warpwright import-openevolve: an OpenEvolve configuration as one of ours, and what of it has no equal.
#include <fmt/format.h>

#include <iostream>

#include "src/base/files.h"
#include "src/cli/commands.h"
#include "src/engine/check_config.h"
#include "src/engine/track_run.h"
#include "src/openevolve/import.h"

namespace warpwright::cli {
namespace {

// "gdn_decode" is the configuration below configs/ that evolve takes for it.
Result<std::string> whole_name(const std::string& definition) {
  if (definition.empty()) return definition;
  TRY_ASSIGN(const auto home, find_home());
  TRY_ASSIGN(const engine::RunConfig config, engine::config_of_definition(home, definition));
  return config.definition;
}

Result<void> import_file(const ImportOptions& options) {
  TRY_ASSIGN(const std::string yaml, read_file(options.config, 2 << 20));
  TRY_ASSIGN(const std::string definition, whole_name(options.definition));
  TRY_ASSIGN(const openevolve::Import import,
             openevolve::import_config(yaml, options.config.string(), {definition, options.lenient}));
  const std::string where = options.out.empty() ? "the configuration made" : options.out.string();
  const engine::CheckedConfig checked = engine::check_config_text(import.toml, where);
  if (!checked.problems.empty()) return tl::unexpected(checked.problems.front());
  if (!options.out.empty()) TRY(write_file_atomic(options.out, import.toml));
  if (options.form == OutputForm::kJson) {
    std::cout << dump_json(openevolve::to_json(import), 2) << "\n";
  } else if (options.out.empty()) {
    std::cout << import.toml;
    std::cerr << openevolve::to_text(import);
  } else {
    std::cout << openevolve::to_text(import)
              << fmt::format(
                     "\nwritten: {0}\n  warpwright config --check {0}\n  warpwright evolve --config {0}\n",
                     options.out.string());
  }
  return {};
}

}  // namespace

int run_import_openevolve(const ImportOptions& options) {
  const auto done = import_file(options);
  return done ? 0 : report_error(done.error());
}

}  // namespace warpwright::cli
