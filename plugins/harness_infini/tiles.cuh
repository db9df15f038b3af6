// Tiles of tokens in shared memory, and products of them by 256 threads in float32.
//
// A tile has one row for each token and LD = DIM + 1 numbers a row, so that neither rows nor columns meet in a bank;
// what lies beyond the edges is 0. Of a product, thread (ty, tx) of 16 x 16 has R neighbouring
// rows and every 16th column.
#pragma once
#include "harness.cuh"

constexpr int THREADS = 256;
constexpr int SIDE = 16;

__device__ __forceinline__ int ty() { return threadIdx.x / SIDE; }
__device__ __forceinline__ int tx() { return threadIdx.x % SIDE; }

// ELU + 1.
__device__ __forceinline__ float sigma(float x) { return x > 0.0f ? x + 1.0f : expf(x); }

// The sum or the largest of the 16 threads that have the same rows.
__device__ __forceinline__ float row_sum(float x) {
#pragma unroll
  for (int offset = SIDE / 2; offset > 0; offset >>= 1) x += __shfl_xor_sync(FULL_WARP, x, offset);
  return x;
}
__device__ __forceinline__ float row_max(float x) {
#pragma unroll
  for (int offset = SIDE / 2; offset > 0; offset >>= 1) x = fmaxf(x, __shfl_xor_sync(FULL_WARP, x, offset));
  return x;
}

// Global memory.

// Where the rows of one sequence are: every `stride` numbers from `offset`, `width` of them side by side. `kind` tells
// their type (float, half, bfloat16) at run time: one kernel serves all, and beside products a conversion is cheap.
struct Rows {
  const void* data;
  int kind;
  long long offset, stride;
  int width;
};

template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  T values[N];
};

// N numbers at once, where every row is a multiple of them and starts at one.
template <typename T, int N, int ROWS, int DIM, bool FEATURES>
__device__ __forceinline__ void load_packs(float* tile, const T* from, const Rows& rows, int num_rows) {
  for (int i = threadIdx.x * N; i < ROWS * DIM; i += THREADS * N) {
    const int row = i / DIM, column = i % DIM;
    const bool inside = row < num_rows && column < rows.width;
    Pack<T, N> pack = {};
    if (inside) pack = *reinterpret_cast<const Pack<T, N>*>(from + row * rows.stride + column);
#pragma unroll
    for (int n = 0; n < N; ++n) {
      const float x = to_float(pack.values[n]);
      tile[row * (DIM + 1) + column + n] = FEATURES && inside ? sigma(x) : x;
    }
  }
}

template <typename T, int ROWS, int DIM, bool FEATURES>
__device__ __forceinline__ void load_as(float* tile, const Rows& rows, int first, int end) {
  constexpr int N = 16 / sizeof(T);
  const T* from = static_cast<const T*>(rows.data) + rows.offset + first * rows.stride;
  if (rows.stride % N == 0 && rows.width % N == 0 && reinterpret_cast<unsigned long long>(from) % 16 == 0)
    load_packs<T, N, ROWS, DIM, FEATURES>(tile, from, rows, end - first);
  else
    load_packs<T, 1, ROWS, DIM, FEATURES>(tile, from, rows, end - first);
}

// The rows first..first + ROWS - 1, those from `end` on as 0.
template <int ROWS, int DIM, bool FEATURES = false>
__device__ __forceinline__ void load(float* tile, const Rows& rows, int first, int end) {
  if (rows.kind == 0) load_as<float, ROWS, DIM, FEATURES>(tile, rows, first, end);
  if (rows.kind == 1) load_as<half_t, ROWS, DIM, FEATURES>(tile, rows, first, end);
  if (rows.kind == 2) load_as<bf16, ROWS, DIM, FEATURES>(tile, rows, first, end);
}

// A matrix [num_rows, width] of numbers side by side, such as M.
template <int DIM>
__device__ __forceinline__ void load_matrix(float* tile, const float* matrix, int num_rows, int width) {
  load<DIM, DIM>(tile, Rows{matrix, 0, 0, width, width}, 0, num_rows);
}

template <int R, int C>
__device__ __forceinline__ void store(void* data, int kind, long long offset, int width, int first, int end,
                                      const float (&x)[R][C]) {
#pragma unroll
  for (int r = 0; r < R; ++r) {
    const int row = first + ty() * R + r;
#pragma unroll
    for (int c = 0; c < C; ++c) {
      const int column = tx() + SIDE * c;
      if (row >= end || column >= width) continue;
      const long long at = offset + (long long)row * width + column;
      if (kind == 0) static_cast<float*>(data)[at] = x[r][c];
      if (kind == 1) static_cast<half_t*>(data)[at] = from_float<half_t>(x[r][c]);
      if (kind == 2) static_cast<bf16*>(data)[at] = from_float<bf16>(x[r][c]);
    }
  }
}

// Products of tiles: acc += A B, A B^T, A^T B. `depth` is how many terms a sum has.

template <int R, int C>
__device__ __forceinline__ void multiply(float (&acc)[R][C], const float* a, int lda, const float* b, int ldb,
                                         int depth) {
  a += ty() * R * lda;
  b += tx();
#pragma unroll 4
  for (int k = 0; k < depth; ++k) {
    float x[R], y[C];
#pragma unroll
    for (int r = 0; r < R; ++r) x[r] = a[r * lda + k];
#pragma unroll
    for (int c = 0; c < C; ++c) y[c] = b[k * ldb + SIDE * c];
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (int c = 0; c < C; ++c) acc[r][c] = fmaf(x[r], y[c], acc[r][c]);
  }
}

template <int R, int C>
__device__ __forceinline__ void multiply_by_transposed(float (&acc)[R][C], const float* a, int lda, const float* b,
                                                       int ldb, int depth) {
  a += ty() * R * lda;
  b += tx() * ldb;
#pragma unroll 4
  for (int k = 0; k < depth; ++k) {
    float x[R], y[C];
#pragma unroll
    for (int r = 0; r < R; ++r) x[r] = a[r * lda + k];
#pragma unroll
    for (int c = 0; c < C; ++c) y[c] = b[c * SIDE * ldb + k];
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (int c = 0; c < C; ++c) acc[r][c] = fmaf(x[r], y[c], acc[r][c]);
  }
}

template <int R, int C>
__device__ __forceinline__ void multiply_transposed(float (&acc)[R][C], const float* a, int lda, const float* b,
                                                    int ldb, int depth) {
  a += ty() * R;
  b += tx();
#pragma unroll 4
  for (int k = 0; k < depth; ++k) {
    float x[R], y[C];
#pragma unroll
    for (int r = 0; r < R; ++r) x[r] = a[k * lda + r];
#pragma unroll
    for (int c = 0; c < C; ++c) y[c] = b[k * ldb + SIDE * c];
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (int c = 0; c < C; ++c) acc[r][c] = fmaf(x[r], y[c], acc[r][c]);
  }
}

template <int R, int C>
__device__ __forceinline__ void put(float* tile, int ld, const float (&x)[R][C]) {
#pragma unroll
  for (int r = 0; r < R; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c) tile[(ty() * R + r) * ld + tx() + SIDE * c] = x[r][c];
}

template <int R, int C>
__device__ __forceinline__ void get(float (&x)[R][C], const float* tile, int ld) {
#pragma unroll
  for (int r = 0; r < R; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c) x[r][c] = tile[(ty() * R + r) * ld + tx() + SIDE * c];
}

template <int R, int C>
__device__ __forceinline__ void clear(float (&x)[R][C]) {
#pragma unroll
  for (int r = 0; r < R; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c) x[r][c] = 0.0f;
}

// x *= factors[row] of a tile.
template <int R, int C>
__device__ __forceinline__ void scale_rows(float (&x)[R][C], const float* factors) {
#pragma unroll
  for (int r = 0; r < R; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c) x[r][c] *= factors[ty() * R + r];
}

template <int R, int C>
__device__ __forceinline__ void row_dots(float (&dots)[R], const float (&x)[R][C], const float (&y)[R][C]) {
#pragma unroll
  for (int r = 0; r < R; ++r) {
    float dot = 0.0f;
#pragma unroll
    for (int c = 0; c < C; ++c) dot = fmaf(x[r][c], y[r][c], dot);
    dots[r] = row_sum(dot);
  }
}
