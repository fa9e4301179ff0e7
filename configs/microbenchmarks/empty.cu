// A call of one launch that does nothing.
/*@plan
empty<<<1, 32>>>(y);
*/
__global__ void empty(float* y) {
  if (y == nullptr) *reinterpret_cast<volatile float*>(y) = 0;
}
