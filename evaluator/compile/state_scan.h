// Refuses code that could carry something from one call to the next, or see which call it is in.
//
// A declaration is no signal: CUDA's own headers declare a thousand device variables that nothing uses. What
// counts is what the bodies of the reachable kernels can get at: through calls, through addresses in
// initialisers
// (`__constant__ int* p = buffer;` names only a constant), and through declarations inside inline assembly.
//
// A device variable that is only ever loaded from passes (sinf's argument tables are such): its address is
// followed through registers, and the variable is refused when the address reaches a store, an atomic, a call
// or a comparison with something else. What this cannot see is an address guessed or smuggled through control
// flow; for that the evaluator reloads modules and changes buffers between calls.
#pragma once

#include <string>
#include <vector>

#include "evaluator/ptx/module.h"

namespace warpwright::compile {

enum class Severity {
  kRefused,  // REJECTED, with the rule's name
  kWarning,  // shown in the report; legitimate uses exist
};

struct StateFinding {
  Severity severity = Severity::kRefused;
  std::string rule;     // see below
  std::string message;  // one line: what was found, where, and the mend
  int ptx_line = 0;
};

// A module that ptx::parse refuses must be refused too: nothing is known about it.
//
// Rules that refuse: state-between-calls, forbidden-register (clocks, grid id), device-runtime-call (printf,
// malloc, assert, ...), system-scope (.sys stores and atomics), multimem, breakpoint. `trap` is allowed: it
// cannot alter a result, it only ends the launch with an error, and the CUDA headers use it for unreachable
// paths. Warnings: sleep, cache-policy (evict_last, createpolicy, cache hints), sm-id, grid-workspace (the
// driver's memory behind cooperative_groups' grid barrier).
//
// `entries` are mangled names; one that the module lacks is skipped. Findings come in order of functions, at
// most one per rule and name. Cost is linear in the module's size.
std::vector<StateFinding> scan_for_state(const ptx::Module& module, const std::vector<std::string>& entries);

// Whether the entry, or what it calls, has griddepcontrol.wait: a [[pdl]] launch without it may end before
// those it depends on. True for an entry that the module lacks.
bool waits_for_prerequisites(const ptx::Module& module, const std::string& entry);

}  // namespace warpwright::compile
