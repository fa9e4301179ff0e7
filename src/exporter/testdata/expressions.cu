// For the export test: every operator and function of the plan's expressions.
/*@plan
tune STEP = 3 in {3, 5};
tune LIMIT = 2.5 in {2.5};
tune ON = true in {true, false};
const int n = batch_size;
const float mid = n / 2;                       // an int becomes a float after the division
const bool even = n % 2 == 0;
values<STEP, (STEP > 2), STEP * 2 - 1><<<n, 32>>>(
    output, new_state,
    i64(n + STEP * 2), i64((n + STEP) * 2), i64(n - (STEP - 1)), i64(n - STEP - 1), i64(-n + -STEP), i64(+n),
    i64(-(n - 70)), i64((n - 70) / 3), i64((n - 70) % 3), i64(n * n / 7 % 5), i64(n / (7 % 5)),
    i64(n << 3), i64((n - 70) >> 1), i64(n + 1 << 2), i64(1 << (n % 8)), i64(5000000000 + n),
    min(n, 7), max(n, 7, STEP), ceil_div(n, STEP), round_up(n, 16), min(n - 7, max(STEP, 3 - n)),
    n < 8 ? 1 : n < 32 ? 2 : 3, even ? n : 0 - n, (even || n > 40) && !(n == 48) ? 1 : 0, n != 16 ? 1 : 0,
    (n >= 8) == (n <= 32) ? 1 : 0, ON != even ? 4 : 5, true ? STEP : n, 12 * 4 - 3, (12 - 4) * (3 - 1),
    f64(mid), f64(n * 0.5), f64(LIMIT * n - scale), f64(n > 8 ? 1 : LIMIT), f64(min(n, LIMIT)), f64(max(scale, 0.25, n)),
    f64(scale / (n + 1)), f64(-scale), f64(f32(scale) * 2), f64(1e-3), f64(i64(n * 0.3) + 0.5), f64(1 / 2 + 1 / 2.0),
    f32(scale * log2e), scale * log2e, scale, mid, LIMIT, i32(n * 1.75), i64(-n * 1.75), even, ON && n > 4, arch * 1000 + sm_count);
*/
#include <cuda_bf16.h>

template <int A, bool B, int C>
__global__ void values(__nv_bfloat16*, float*, long long, long long, long long, long long, long long, long long,
                       long long, long long, long long, long long, long long, long long, long long, long long,
                       long long, long long, int, int, int, int, int, int, int, int, int, int, int, int, int, int,
                       double, double, double, double, double, double, double, double, double, double, double,
                       double, float, float, float, float, float, int, long long, bool, bool, int) {}
