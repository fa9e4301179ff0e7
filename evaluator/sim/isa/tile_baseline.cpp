#define WW_ISA level_baseline
#include "evaluator/sim/isa/tile_product.h"
