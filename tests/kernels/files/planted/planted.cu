// y[i] = x[i] + x[i + 1], the last plus zero, through shared memory; FAULT plants one.
#include "harness.cuh"

constexpr int NONE = 0, NO_BARRIER = 1, OFF_BY_ONE = 2, UNWRITTEN = 3, RACE_ON_SUM = 4;

template <int FAULT>
__global__ void neighbours(const float* x, float* y, int n) {
  __shared__ float tile[129];
  const int i = blockIdx.x * 128 + threadIdx.x;
  tile[threadIdx.x] = i < n ? x[i] : 0.0f;
  if (threadIdx.x == 127) tile[128] = i + 1 < n ? x[i + 1] : 0.0f;
  if (FAULT != NO_BARRIER) __syncthreads();
  const float sum = tile[threadIdx.x] + tile[threadIdx.x + 1];
  if (FAULT == OFF_BY_ONE) {
    if (i <= n) y[i] = sum;
  } else if (FAULT == UNWRITTEN) {
    if (i < n && i != 5) y[i] = sum;
  } else if (i < n) {
    y[i] = sum;
  }
}

// Half of the threads wait at a barrier that the others never reach.
__global__ void divergent(const float* x, float* y, int n) {
  if (threadIdx.x < 64) __syncthreads();
  y[threadIdx.x % n] = x[threadIdx.x % n];
  if (threadIdx.x >= 64) __syncthreads();
}

// Sums rows of 1024 numbers, keeping the sum in the storage type: float is what is needed.
template <typename T, bool IN_FLOAT>
__global__ void row_sums(const T* x, T* y, int length) {
  if (threadIdx.x) return;
  float exact = 0.0f;
  T narrow = from_float<T>(0.0f);
  for (int i = 0; i < length; ++i) {
    exact += to_float(x[blockIdx.x * length + i]);
    narrow = from_float<T>(to_float(narrow) + to_float(x[blockIdx.x * length + i]));
  }
  y[blockIdx.x] = IN_FLOAT ? from_float<T>(exact) : narrow;
}
