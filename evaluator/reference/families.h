// The oracles there are; a new family adds its line here and in oracle.cpp. Private to reference.
#pragma once

#include "evaluator/reference/oracle.h"

namespace warpwright::reference {

const Oracle& gdn_decode_oracle();
const Oracle& gdn_prefill_oracle();
const Oracle& dsa_sparse_attention_oracle();
const Oracle& dsa_topk_indexer_oracle();
const Oracle& moe_fp8_block_scale_oracle();

}  // namespace warpwright::reference
