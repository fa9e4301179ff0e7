// No launch plan.
// expect: COMPILE_ERROR
// message: /*@plan
__global__ void gdn_decode(float* p) { *p = 1.0f; }
