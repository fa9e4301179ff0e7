// A call of two launches that do nothing.
/*@plan
empty<<<1, 32>>>(y);
empty<<<1, 32>>>(y);
*/
__global__ void empty(float* y) {
  if (y == nullptr) *reinterpret_cast<volatile float*>(y) = 0;
}
