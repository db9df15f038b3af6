extern "C" __global__ void wrong(float* y) { y[0] = undeclared; }
