// Reads of a memory, and the gradients of reads and writes, for tiles of tokens.
//
// Letters as in the paper: M the memory, z the sum of written features. A state is M [dk, dv] and behind it z [dk].
#pragma once

// A weight below it counts as none, as in features.py.
constexpr float SMALLEST_WEIGHT = 1e-30f;

// The derivative of sigma where it has this value.
__device__ __forceinline__ float slope(float feature) { return fminf(feature, 1.0f); }

// 1 / (features z) of each of ROWS tokens, or 0 where nothing has weight.
template <int ROWS, int DIM>
__device__ __forceinline__ void invert_weights(float* inverse, const float* features, const float* z, int dk) {
  if (threadIdx.x >= ROWS) return;
  float weight = 0.0f;
  for (int d = 0; d < dk; ++d) weight = fmaf(features[threadIdx.x * (DIM + 1) + d], z[d], weight);
  inverse[threadIdx.x] = weight >= SMALLEST_WEIGHT ? 1.0f / weight : 0.0f;
}

// What the memory in tile `m` returns for features.
template <int R, int C>
__device__ __forceinline__ void read(float (&found)[R][C], const float* features, const float* inverse, const float* m,
                                     int ld, int dk) {
  multiply(found, features, ld, m, ld, dk);
  scale_rows(found, inverse);
}

// The gradient of features whose read has the gradient in tile `g`; `dots` are the row sums of g * read.
template <int R, int C>
__device__ __forceinline__ void read_gradient(float (&gf)[R][C], const float* g, const float (&dots)[R],
                                              const float* inverse, const float* m, const float* z, int ld, int dk,
                                              int dv) {
  multiply_by_transposed(gf, g, ld, m, ld, dv);
#pragma unroll
  for (int r = 0; r < R; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c) {
      const int column = tx() + SIDE * c;
      gf[r][c] = column < dk ? (gf[r][c] - dots[r] * z[column]) * inverse[ty() * R + r] : 0.0f;
    }
}

template <int R, int C>
__device__ __forceinline__ void multiply_by_slopes(float (&gf)[R][C], const float* features, int ld) {
#pragma unroll
  for (int r = 0; r < R; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c) gf[r][c] *= slope(features[(ty() * R + r) * ld + tx() + SIDE * c]);
}

// What column_sum weighs tokens by: dots / weight.
template <int R>
__device__ __forceinline__ void put_weights(float* weights, const float (&dots)[R], const float* inverse) {
#pragma unroll
  for (int r = 0; r < R; ++r)
    if (tx() == 0) weights[ty() * R + r] = dots[r] * inverse[ty() * R + r];
}

// The weighted sum over the tokens of a tile, one column a thread.
template <int ROWS, int DIM>
__device__ __forceinline__ float column_sum(const float* tile, const float* weights) {
  float sum = 0.0f;
  if (threadIdx.x < DIM)
    for (int row = 0; row < ROWS; ++row)
      sum = fmaf(tile[row * (DIM + 1) + threadIdx.x], weights ? weights[row] : 1.0f, sum);
  return sum;
}

// A state, or a part of one, from all threads' M and one column's z of each.
template <int DIM>
__device__ __forceinline__ void store_sums(float* state, const float (&m)[DIM / SIDE][DIM / SIDE], float z, int dk,
                                           int dv) {
  store(state, 0, 0, dv, 0, dk, m);
  if (threadIdx.x < dk) state[dk * dv + threadIdx.x] = z;
}

// The sequence, segment and part of this block, and the tokens from `first` to `end` that the part has.
struct Part {
  long long bh;
  int segment, part, first, end;
};
__device__ __forceinline__ Part find_part(int num_segments, int num_parts, int part_length, int segment_length,
                                          int length) {
  const int part = blockIdx.x % num_parts, segment = blockIdx.x / num_parts % num_segments;
  const int first = segment * segment_length + part * part_length;
  const int end = min(min(first + part_length, (segment + 1) * segment_length), length);
  return Part{(long long)(blockIdx.x / num_parts / num_segments), segment, part, first, end};
}

// Of the tokens in two tiles, written to a memory whose new state has the gradient `gstate`: the gradients of values
// and of keys, and the row sums of the former times what delta reads from `state` (null for the linear rule). Tile `m`
// has room for a matrix; the values are lost.
template <int DIM, int R, int C>
__device__ __forceinline__ void write_gradients(float (&gv)[R][C], float (&gf)[R][C], float (&dots)[R],
                                                const float* features, float* values, float* m, const float* inverse,
                                                const float* state, const float* gstate, int dk, int dv) {
  constexpr int LD = DIM + 1;
  __syncthreads();
  load_matrix<DIM>(m, gstate, dk, dv);
  __syncthreads();
  multiply(gv, features, LD, m, LD, dk);
  if (state) {
    float found[R][C] = {};
    __syncthreads();
    load_matrix<DIM>(m, state, dk, dv);
    __syncthreads();
    read(found, features, inverse, m, LD, dk);
    row_dots(dots, gv, found);
    float rest[R][C];
    get(rest, values, LD);
    put(values, LD, gv);
    __syncthreads();
    read_gradient(gf, values, dots, inverse, m, state + dk * dv, LD, dk, dv);
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (int c = 0; c < C; ++c) {
        gf[r][c] = -gf[r][c];
        rest[r][c] -= found[r][c];
      }
    __syncthreads();
    put(values, LD, rest);
    load_matrix<DIM>(m, gstate, dk, dv);
    __syncthreads();
  }
  multiply_by_transposed(gf, values, LD, m, LD, dv);
#pragma unroll
  for (int r = 0; r < R; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c)
      if (tx() + SIDE * c < dk) gf[r][c] += gstate[dk * dv + tx() + SIDE * c];
  multiply_by_slopes(gf, features, LD);
  __syncthreads();
}
