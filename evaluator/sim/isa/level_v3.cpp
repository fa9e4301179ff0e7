#define WW_ISA level_v3
#define WW_ISA_NAME "v3"
#include "evaluator/sim/isa/level.h"
