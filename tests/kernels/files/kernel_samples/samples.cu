// Small kernels: one of C linkage, a template with static and dynamic shared memory, one that spills, parameters of
// every size.
#include <cuda_bf16.h>

extern "C" __global__ void scale(const float* x, float* y, int n, float factor) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = factor * x[i];
}

template <typename T, int THREADS>
__global__ void reverse(const T* x, float* y) {
    __shared__ float tile[THREADS];
    extern __shared__ float padding[];
    padding[threadIdx.x] = 0.0f;
    tile[threadIdx.x] = static_cast<float>(x[blockIdx.x * THREADS + threadIdx.x]);
    __syncthreads();
    y[blockIdx.x * THREADS + threadIdx.x] = tile[THREADS - 1 - threadIdx.x] + padding[threadIdx.x];
}

extern "C" __global__ void __launch_bounds__(1024, 2) spilling(float* y, int stride) {
    float a[48];
#pragma unroll
    for (int i = 0; i < 48; i++) a[i] = y[i * stride + threadIdx.x];
#pragma unroll
    for (int i = 0; i < 48; i++) a[i] += a[(i * 7) % 48] * a[i];
#pragma unroll
    for (int i = 0; i < 48; i++) y[i * stride + threadIdx.x] = a[i] * a[47 - i];
}

struct Extent {
    long long rows;
    int columns;
};

extern "C" __global__ void parameters(float* y, int a, float b, bool c, long long d, double e, Extent f, float* none) {
    if (none == nullptr && c) y[0] = a + b + d + e + f.rows + f.columns;
}
