#define WW_ISA level_v3
#include "evaluator/sim/isa/tile_product.h"
