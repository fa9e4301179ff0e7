// A call of two launches that do nothing, the second of which starts while the first one ends.
/*@plan
first<<<1, 32>>>(y);
[[pdl]] second<<<1, 32>>>(y);
*/
__global__ void first(float* y) {
  asm volatile("griddepcontrol.launch_dependents;");
  if (y == nullptr) *reinterpret_cast<volatile float*>(y) = 0;
}
__global__ void second(float* y) {
  asm volatile("griddepcontrol.wait;" ::: "memory");
  if (y == nullptr) *reinterpret_cast<volatile float*>(y) = 0;
}
