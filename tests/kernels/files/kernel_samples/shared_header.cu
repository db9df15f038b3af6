#include "shared.cuh"

extern "C" __global__ void constant(float* y) { y[0] = CONSTANT; }
