// wrong_values
/*@plan
wrong<<<dim3(batch_size), 96>>>(q, output, new_state);
*/
__global__ void wrong() {}
