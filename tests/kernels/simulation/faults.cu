// One kernel that does one thing wrong, chosen by `which`; tests expect the line that is marked with its name.
#include "harness.cuh"
#include "mma.cuh"

__device__ float warp_neighbour(float x, unsigned mask) {
  return __shfl_xor_sync(mask, x, 1);  // neighbour
}

__noinline__ __device__ float large_array(const float* x, int n) {
  float values[20000];
  for (int i = 0; i < 20000; ++i) values[i] = x[i % 32];
  __syncthreads();
  return values[n];
}

__global__ void fault(int which, float* x, int n, const float* missing) {
  extern __shared__ float dynamic[];
  __shared__ __align__(16) float kept[32];
  const int i = threadIdx.x;
  kept[i % 32] = 0.0f;
  float* pointer = kept;
  __half* halves = reinterpret_cast<__half*>(kept);
  unsigned registers[4];
  switch (which) {
    case 0:
      if (i < 16) {
        __syncthreads();  // barrier in one branch
      } else {
        __syncthreads();  // barrier in the other branch
      }
      break;
    case 1:
      if (i == 7) return;
      __syncthreads();  // barrier after return
      break;
    case 2:
      if (i < 16)
        x[i] = __shfl_xor_sync(FULL_WARP, 1.0f, 1);  // shuffle in a branch
      else
        __syncthreads();
      break;
    case 3:
      x[i] = warp_neighbour(1.0f, 0x0000ffffu);
      break;
    case 4:
      x[i] = __shfl_xor_sync(i < 16 ? 0x0001ffffu : FULL_WARP, 1.0f, 1);  // masks that differ
      break;
    case 5:
      kept[i + n] = 1.0f;  // index
      break;
    case 6:
      pointer[i + n] = 1.0f;
      break;
    case 7:
      pointer[i - n] = 1.0f;
      break;
    case 8:
      dynamic[i + n] = 1.0f;
      break;
    case 9:
      reinterpret_cast<float4*>(x + n)[0] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);  // alignment
      break;
    case 10:
      x[i] = missing[i];  // null
      break;
    case 11:
      x[i] = 7 / (n - 1);  // division
      break;
    case 12:
      while (*static_cast<volatile float*>(x) == 0.0f) __nanosleep(20);  // sleep
      break;
    case 13:
      assert(n == 2);  // assertion
      break;
    case 14:
      x[i] = large_array(x, n);
      break;
    case 15:
      ldmatrix_x4(registers, halves + i);  // row alignment
      break;
    case 16:
      ldmatrix_x4(registers, x);  // row in global memory
      break;
    case 17:
      cp_async_16(x, x, true);  // copy to global memory
      break;
    case 18:
      if (i < 16) return;
      ldmatrix_x4(registers, halves);  // part of a warp
      break;
    case 19:
      __trap();  // trap
      break;
    case 20:
      x[0] = __shfl_sync(FULL_WARP, 1.0f, 0, 12);  // width
      break;
    case 21:
      x[1 << 28] = 1.0f;  // far away
      break;
  }
}
