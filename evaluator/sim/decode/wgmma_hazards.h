// Which registers a function touches although wgmma has not been fenced from them, or may still be using them
// (PTX ISA, "wgmma.fence" and "wgmma.mma_async"). A forward data-flow analysis over the text: what may be on
// some way through it. What is in flight is checked again when it is executed.
//
// A move from register to register is taken for a change of name, as ptxas does: compilers write them between
// a fence and a wgmma, and between a wgmma and its wait.
#pragma once

#include <map>
#include <vector>

#include "evaluator/ptx/flow.h"
#include "evaluator/ptx/module.h"
#include "evaluator/sim/ops/wgmma.h"

namespace warpwright::sim {

// By instruction of the function.
struct WgmmaHazards {
  struct Touch {
    int reg = -1;
    WgmmaTouch touch = kReadsResult;
  };
  std::map<int, std::vector<Touch>> touches;  // of what may be in flight
  std::map<int, int> copies;                  // moves of what may be in flight: its register
  // Products whose accumulators or A may have been written since the last fence: line of the write in the
  // text, 0 if there may have been no fence at all.
  std::map<int, int> unfenced;
};

WgmmaHazards find_wgmma_hazards(const ptx::Function& function, const ptx::FlowGraph& flow);

}  // namespace warpwright::sim
