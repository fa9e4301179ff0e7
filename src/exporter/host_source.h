// The host side of an exported solution: a launch plan as C++ (`kernel.cu`).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"
#include "src/plan/ast.h"
#include "src/trace/definition.h"

namespace warpwright::exporter {

// The template arguments with which a launch statement runs, over all bindings of the export: one list of
// argument texts ("16", "float") per distinct instantiation. No entry: no binding reaches the statement.
using Instantiations = std::vector<std::vector<std::string>>;
using LaunchSites = std::map<std::pair<int, int>, Instantiations>;  // by line and column of the statement

struct HostSourceInputs {
  const plan::Ast& ast;
  const trace::Definition& definition;
  const KnobValues& knobs;  // complete
  const LaunchSites& sites;
  // If set, a launch that no binding reaches becomes an error at run time: its kernel was never compiled,
  // let alone checked.
  bool refuse_unreached = true;
  std::string entry_symbol;
  std::string header_comment;  // lines that start with //
};

// Usage error, with line and column of the plan: what cannot be written as host code (tensor maps).
Result<std::string> host_source(const HostSourceInputs& inputs);

}  // namespace warpwright::exporter
