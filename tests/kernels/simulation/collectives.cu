// What the lanes of a warp and the threads of a block exchange.
#include "harness.cuh"

template <class T>
__device__ void move(const float* x, T* moved, int width) {
  const int lane = threadIdx.x;
  const T value = static_cast<T>(x[lane]);
  moved[lane] = __shfl_sync(FULL_WARP, value, 5, width);
  moved[32 + lane] = __shfl_up_sync(FULL_WARP, value, 3, width);
  moved[64 + lane] = __shfl_down_sync(FULL_WARP, value, 3, width);
  moved[96 + lane] = __shfl_xor_sync(FULL_WARP, value, 5, width);
}

__global__ void shuffles(const float* x, float* floats, double* doubles, int* ints, long long* longs, __half* halves,
                         __nv_bfloat16* brains, int width) {
  move(x, floats, width);
  move(x, doubles, width);
  move(x, ints, width);
  move(x, longs, width);
  move(x, halves, width);
  move(x, brains, width);
}

__global__ void pairs(const float2* x, float2* y) {
  y[threadIdx.x] = __shfl_xor_sync(FULL_WARP, x[threadIdx.x], 1);
}

// The lanes from `split` on form a group of their own, which meets at other lines and a different number of times.
__global__ void votes(const int* x, unsigned* y, int split) {
  const int lane = threadIdx.x;
  const unsigned low = (1u << split) - 1;
  if (lane < split) {
    y[lane] = __ballot_sync(low, x[lane] > 0);
    y[32 + lane] = __any_sync(low, x[lane] > 90);
    y[64 + lane] = __all_sync(low, x[lane] > -100);
    y[96 + lane] = __reduce_add_sync(low, x[lane]);
  } else {
    y[lane] = __ballot_sync(~low, x[lane] > 0);
    y[32 + lane] = __any_sync(~low, x[lane] > 90);
    y[64 + lane] = __all_sync(~low, x[lane] > -100);
    for (int repeat = 0; repeat < 3; ++repeat) y[96 + lane] = __reduce_max_sync(~low, x[lane]);
  }
  __syncwarp();
  y[128 + lane] = __reduce_min_sync(FULL_WARP, x[lane]);
}

// A lane that reads from one that has returned.
__global__ void absent(float* y) {
  if (threadIdx.x >= 16) return;
  y[threadIdx.x] = __shfl_down_sync(FULL_WARP, 1.0f, 1);
}

__global__ void counts(const int* x, int* y) {
  const int i = threadIdx.x;
  y[i] = __syncthreads_count(x[i]);
  y[blockDim.x + i] = __syncthreads_or(x[i]);
  y[2 * blockDim.x + i] = __syncthreads_and(x[i]);
}
