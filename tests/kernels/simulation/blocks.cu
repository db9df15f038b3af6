// What blocks compute together: sums, a scan, shared memory, atomics, and where a thread stands.
#include "harness.cuh"

template <class T>
__device__ void sum_row(const T* x, float* sums, int length) {
  float sum = 0.0f;
  for (int i = threadIdx.x; i < length; i += blockDim.x) sum += to_float(x[blockIdx.x * length + i]);
  sum = block_sum<4>(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void row_sums(const float* floats, const __half* halves, const __nv_bfloat16* brains, float* sums,
                         int length) {
  sum_row(floats, sums, length);
  sum_row(halves, sums + gridDim.x, length);
  sum_row(brains, sums + 2 * gridDim.x, length);
}

// The running sum along a row, tile by tile. Without `waits` a fast warp overwrites what slow warps still have to read.
template <int WARPS>
__global__ void running_sum(const float* x, float* y, int length, bool waits) {
  __shared__ float totals[WARPS];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float carry = 0.0f;
  for (int tile = 0; tile < length; tile += 32 * WARPS) {
    const int i = tile + threadIdx.x;
    float sum = i < length ? x[blockIdx.x * length + i] : 0.0f;
    for (int distance = 1; distance < 32; distance *= 2) {
      const float before = __shfl_up_sync(FULL_WARP, sum, distance);
      if (lane >= distance) sum += before;
    }
    if (lane == 31) totals[warp] = sum;
    __syncthreads();
    float before = carry;
    for (int other = 0; other < warp; ++other) before += totals[other];
    for (int other = 0; other < WARPS; ++other) carry += totals[other];
    if (waits) __syncthreads();
    if (i < length) y[blockIdx.x * length + i] = before + sum;
  }
}

// Each lane reads what its left neighbour stored.
__global__ void neighbours(float* y, bool waits) {
  __shared__ float stored[64];
  stored[threadIdx.x] = threadIdx.x;
  if (waits) __syncwarp();
  const int left = threadIdx.x % 32 == 0 ? threadIdx.x + 31 : threadIdx.x - 1;
  y[threadIdx.x] = stored[left];
}

// Two arrays in dynamic memory, read as vectors of four.
__global__ void reverse(const float* x, float* y) {
  extern __shared__ __align__(16) unsigned char memory[];
  float* forwards = reinterpret_cast<float*>(memory);
  float4* backwards = reinterpret_cast<float4*>(memory + 4 * blockDim.x * sizeof(float));
  const int i = threadIdx.x, n = blockDim.x;
  reinterpret_cast<float4*>(forwards)[i] = reinterpret_cast<const float4*>(x)[i];
  __syncthreads();
  const float4 v = reinterpret_cast<float4*>(forwards)[n - 1 - i];
  backwards[i] = make_float4(v.w, v.z, v.y, v.x);
  __syncthreads();
  reinterpret_cast<float4*>(y)[i] = backwards[i];
}

__global__ void histogram(const int* x, int* counts, float* total, int* largest, int length) {
  __shared__ int bins[8], unused;
  if (threadIdx.x < 8) bins[threadIdx.x] = 0;
  __syncthreads();
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < length) {
    atomicAdd(&bins[x[i]], 1);
    atomicAdd(total, 0.5f);
    atomicMax(largest, x[i]);
  }
  __syncthreads();
  if (threadIdx.x < 8) atomicAdd(&counts[threadIdx.x], bins[threadIdx.x]);
}

__global__ void positions(int* y) {
  const dim3 g = gridDim, b = blockDim;
  const int block = (blockIdx.z * g.y + blockIdx.y) * g.x + blockIdx.x;
  const int thread = (threadIdx.z * b.y + threadIdx.y) * b.x + threadIdx.x;
  y[block * (b.x * b.y * b.z) + thread] = 100 * block + thread;
}

// Two instances of one helper have memory of their own, as have two variables of one type.
template <int WHICH>
__device__ float* own() {
  __shared__ float values[4], others[4];
  others[0] = -1.0f;
  return values;
}
__global__ void instances(float* y) {
  own<0>()[0] = 1.0f;
  own<1>()[0] = 2.0f;
  y[0] = own<0>()[0];
  y[1] = own<1>()[0];
}

// A later block finds no value of an earlier one.
__global__ void leftovers(float* y) {
  __shared__ float kept;
  y[blockIdx.x] = kept;
  kept = 1.0f;
}
