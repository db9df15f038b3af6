// Tensor-core products: C = A B, one warp for 16 x 16 elements, tiles fetched one step ahead.
#include "harness.cuh"
#include "mma.cuh"

template <class T>
__device__ void multiply(const T* a, const T* b, float* c, int columns, int depth, bool waits) {
  __shared__ __align__(16) T a_tile[2][16][24], b_tile[2][16][24];
  const int lane = threadIdx.x, row = blockIdx.y * 16, column = blockIdx.x * 16;
  float d[2][4] = {};
  auto fetch = [&](int k) {
    const int stage = k / 16 % 2, y = lane / 2, x = lane % 2 * 8;
    // Rows beyond the end of the product's depth count as zero.
    cp_async_16(&a_tile[stage][y][x], a + (row + y) * depth + k + x, k + x < depth);
    cp_async_16(&b_tile[stage][y][x], b + (k + y) * columns + column + x, k + y < depth);
    cp_async_commit();
  };
  fetch(0);
  for (int k = 0; k < depth; k += 16) {
    const int stage = k / 16 % 2;
    if (k + 16 < depth) fetch(k + 16);
    if (waits) {
      if (k + 16 < depth)
        cp_async_wait<1>();
      else
        cp_async_wait<0>();
    }
    __syncwarp();
    unsigned left[4], right[4];
    ldmatrix_x4(left, &a_tile[stage][lane % 16][lane / 16 * 8]);
    ldmatrix_x4_trans(right, &b_tile[stage][lane % 16][lane / 16 * 8]);
    mma_m16n8k16<T>(d[0], left, {right[0], right[1]});
    mma_m16n8k16<T>(d[1], left, {right[2], right[3]});
    __syncwarp();
  }
  for (int half = 0; half < 2; ++half)
    for (int i = 0; i < 4; ++i)
      c[(row + lane / 4 + i / 2 * 8) * columns + column + half * 8 + lane % 4 * 2 + i % 2] = d[half][i];
}

__global__ void multiply_halves(const __half* a, const __half* b, float* c, int columns, int depth, bool waits) {
  multiply(a, b, c, columns, depth, waits);
}
__global__ void multiply_brains(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c, int columns, int depth,
                                bool waits) {
  multiply(a, b, c, columns, depth, waits);
}

// The registers of every lane after loading four matrices, x: [4, 8, 8], y: [2, 32, 4] pairs.
__global__ void registers(const unsigned short* x, unsigned* y) {
  __shared__ __align__(16) unsigned short stored[4][8][8];
  const int lane = threadIdx.x;
  for (int column = 0; column < 8; ++column) stored[lane / 8][lane % 8][column] = x[lane * 8 + column];
  __syncwarp();
  unsigned r[4];
  ldmatrix_x4(r, stored[lane / 8][lane % 8]);
  for (int i = 0; i < 4; ++i) y[lane * 4 + i] = r[i];
  ldmatrix_x4_trans(r, stored[lane / 8][lane % 8]);
  for (int i = 0; i < 4; ++i) y[128 + lane * 4 + i] = r[i];
}

// One product whose registers are filled from outside, a: [32, 4], b: [32, 2], d: [32, 4].
__global__ void product(const unsigned* a, const unsigned* b, float* d) {
  const int lane = threadIdx.x;
  float sums[4];
  unsigned left[4], right[2];
  for (int i = 0; i < 4; ++i) {
    sums[i] = d[lane * 4 + i];
    left[i] = a[lane * 4 + i];
  }
  for (int i = 0; i < 2; ++i) right[i] = b[lane * 2 + i];
  mma_m16n8k16<__half>(sums, left, right);
  for (int i = 0; i < 4; ++i) d[lane * 4 + i] = sums[i];
}
