__global__ void broken(const float* x, float* y) { y[0] = x[0] + undeclared; }
