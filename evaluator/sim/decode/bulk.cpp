// bulk copies.
#include "evaluator/sim/decode/decoder.h"

namespace warpwright::sim {

void Decoder::decode_bulk() {
  fail("bulk copies");
}
void Decoder::decode_store_async() {
  fail("bulk copies");
}
void Decoder::decode_tensormap() {
  fail("bulk copies");
}

}  // namespace warpwright::sim
