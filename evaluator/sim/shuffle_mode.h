// How shfl picks the lane it reads from.
#pragma once

#include <cstdint>

namespace warpwright::sim {
enum class ShuffleMode : uint8_t { kUp, kDown, kButterfly, kIndex };
}
