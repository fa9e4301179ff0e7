#define WW_ISA level_baseline
#define WW_ISA_NAME "baseline"
#include "evaluator/sim/isa/level.h"
