// wgmma.
#include "evaluator/sim/decode/decoder.h"

namespace warpwright::sim {

void Decoder::decode_wgmma() {
  fail("wgmma");
}

}  // namespace warpwright::sim
