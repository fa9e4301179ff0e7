#define WW_ISA level_v4
#include "evaluator/sim/isa/tile_product.h"
