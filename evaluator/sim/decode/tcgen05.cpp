// tcgen05.
#include "evaluator/sim/decode/decoder.h"

namespace warpwright::sim {

void Decoder::decode_tcgen05() {
  fail("tcgen05");
}

}  // namespace warpwright::sim
