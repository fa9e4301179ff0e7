// syntax_error
/*@plan
broken<<<dim3(batch_size), 96>>>(q, output, new_state);
*/
__global__ void broken() {}
