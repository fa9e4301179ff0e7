// The oracles there are; a new family adds its line here and in oracle.cpp. Private to reference.
#pragma once

#include "evaluator/reference/oracle.h"

namespace warpwright::reference {

const Oracle& gdn_decode_oracle();

}  // namespace warpwright::reference
