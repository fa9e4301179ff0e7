// For the export test: what goes wrong while a plan is bound for some batch goes wrong in exported code too.
/*@plan
const int n = batch_size;
const int huge = 9223372036854775807;
workspace float part[n * 128];
if (n == 101) { require 1 / (n - 101) == 0; }
if (n == 102) { require 1 % (n - 102) == 0; }
if (n == 103) { require huge + n > 0; }
if (n == 104) { require huge * n > 0; }
if (n == 105) { require -huge - n < 0; }
if (n == 106) { require 1 << (n - 43) > 0; }
if (n == 107) { require n >> -1 == 0; }
if (n == 108) { require huge / n << 20 > 0; }
if (n == 109) { require ceil_div(n - 110, 2) == 0; }
if (n == 110) { require round_up(n, n - 110) == 0; }
if (n == 111) { require 1e300 * n * 1e300 > 0; }
if (n == 112) { require scale / (n - 112) > 0; }
if (n == 113) { require i32(huge / n) > 0; }
if (n == 114) { require i64(1e19 * n) > 0; }
if (n == 115) { require f32(1e39 * n) > 0; }
if (n == 116) { require n != 116 else "never 116"; }
if (n == 117) { memset(part, 0, n * 513); }
if (n == 118) { memset(part + (n * 128 + 1), 0, 0); }
if (n == 119) { memset(part, 256 + n, 4); }
if (n == 120) { memset(bytes<float4>(part, 4), 0, 4); }
if (n == 121) { copy(part, q, n - 122); }
if (n == 122) { memset(part + (n - 123), 0, 4); }
if (n == 123) { workspace int more[n - 124]; }
fill<<<n < 124 ? n : 124 - n, 32>>>(output, new_state, n == 125 ? huge : n);
*/
#include <cuda_bf16.h>
__global__ void fill(__nv_bfloat16*, float*, int) {}
