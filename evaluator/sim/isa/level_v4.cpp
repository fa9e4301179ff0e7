#define WW_ISA level_v4
#define WW_ISA_NAME "v4"
#include "evaluator/sim/isa/level.h"
