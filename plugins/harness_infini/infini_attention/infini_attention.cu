// Attention inside segments with the read of the segment's state and the gate, and the gradients of attention.
//
// Letters as in FlashAttention-2 (Dao 2023): s the scores, p their softmax, m the largest score of a row. Scores are
// scaled by log2(e), so that exponentials and logarithms have base 2. Gradients of scores leave out the factor
// 1 - gate, which the sums over them get at the end. A block has ROWS queries or KEYS keys of one segment and walks
// over the other.

// Below every score, and what a key that is not seen has in place of one.
constexpr float START = -1e30f;

// The sequence and segment of a block, the tokens from `first` to `last` of the segment, and where the block begins.
struct Block {
  long long bh;
  int segment, first, last, begin;
};
template <int TOKENS>
__device__ __forceinline__ Block find_block(int num_segments, int segment_length, int length, bool last_first) {
  const int num_blocks = (segment_length + TOKENS - 1) / TOKENS, segment = blockIdx.x % num_segments;
  const int i = blockIdx.x / num_segments % num_blocks, first = segment * segment_length;
  const int begin = first + (last_first ? num_blocks - 1 - i : i) * TOKENS;
  return Block{(long long)(blockIdx.x / num_segments / num_blocks), segment, first, min(first + segment_length, length),
               begin};
}

template <int DIM, int ROWS, int KEYS>
__global__ void __launch_bounds__(THREADS, DIM <= 64 ? 2 : 1)
attend(const void* local_q, const void* local_k, const void* q, const void* v, const float* beta, int kind,
       const float* states, void* mixed, void* a_dot, float* log_sums, long long l_batch, long long l_head,
       long long l_row, long long q_batch, long long q_head, long long q_row, long long v_batch, long long v_head,
       long long v_row, int heads, int length, int segment_length, int num_segments, float scale, int dk, int dv) {
  constexpr int LD = DIM + 1, LP = KEYS + 1, R = ROWS / SIDE, K = KEYS / SIDE, C = DIM / SIDE;
  extern __shared__ float shared[];
  __shared__ float inverse[ROWS];
  float *queries = shared, *keys = queries + ROWS * LD, *weights = keys + KEYS * LD;
  const Block at = find_block<ROWS>(num_segments, segment_length, length, true);
  // The last segment may end before this block.
  if (at.begin >= at.last) return;
  const long long b = at.bh / heads, h = at.bh % heads;
  const Rows v_rows{v, kind, b * v_batch + h * v_head, v_row, dv};
  const Rows k_rows{local_k, kind, b * l_batch + h * l_head, l_row, dk};
  load<ROWS, DIM>(queries, Rows{local_q, kind, k_rows.offset, l_row, dk}, at.begin, at.last);
  float acc[R][C] = {}, m[R], total[R] = {};
#pragma unroll
  for (int r = 0; r < R; ++r) m[r] = START;
  for (int n = at.first; n < min(at.begin + ROWS, at.last); n += KEYS) {
    __syncthreads();
    load<KEYS, DIM>(keys, k_rows, n, at.last);
    __syncthreads();
    float s[R][K] = {};
    multiply_by_transposed(s, queries, LD, keys, LD, dk);
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int row = at.begin + ty() * R + r;
      float largest = m[r];
#pragma unroll
      for (int c = 0; c < K; ++c) {
        s[r][c] = n + tx() + SIDE * c <= row ? s[r][c] * scale : START;
        largest = fmaxf(largest, s[r][c]);
      }
      largest = row_max(largest);
      const float shrink = exp2f(m[r] - largest);
      float sum = 0.0f;
#pragma unroll
      for (int c = 0; c < K; ++c) sum += s[r][c] = exp2f(s[r][c] - largest);
      m[r] = largest;
      total[r] = total[r] * shrink + row_sum(sum);
#pragma unroll
      for (int c = 0; c < C; ++c) acc[r][c] *= shrink;
    }
    put(weights, LP, s);
    __syncthreads();
    load<KEYS, DIM>(keys, v_rows, n, at.last);
    __syncthreads();
    multiply(acc, weights, LP, keys, LD, KEYS);
  }
#pragma unroll
  for (int r = 0; r < R; ++r) {
    const int row = at.begin + ty() * R + r;
    if (tx() == 0 && row < at.last) log_sums[at.bh * length + row] = m[r] + log2f(total[r]);
#pragma unroll
    for (int c = 0; c < C; ++c) acc[r][c] /= total[r];
  }
  store(a_dot, kind, at.bh * length * dv, dv, at.begin, at.last, acc);
  const float gate = sigmoid(beta[h]);
  float found[R][C] = {};
  if (at.segment > 0) {
    states += (at.bh * (num_segments - 1) + at.segment - 1) * ((long long)dk * dv + dk);
    __syncthreads();
    load<ROWS, DIM, true>(queries, Rows{q, kind, b * q_batch + h * q_head, q_row, dk}, at.begin, at.last);
    load_matrix<DIM>(keys, states, dk, dv);
    __syncthreads();
    invert_weights<ROWS, DIM>(inverse, queries, states + dk * dv, dk);
    __syncthreads();
    read(found, queries, inverse, keys, LD, dk);
  }
#pragma unroll
  for (int r = 0; r < R; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c) acc[r][c] = gate * found[r][c] + (1.0f - gate) * acc[r][c];
  store(mixed, kind, at.bh * length * dv, dv, at.begin, at.last, acc);
}

template <int DIM, int ROWS, int KEYS>
__global__ void __launch_bounds__(THREADS, 1)
backward_queries(const void* local_q, const void* local_k, const void* v, const float* beta, int kind,
                 const float* log_sums, const float* local_dots, const void* gy, void* glocal_q, long long l_batch,
                 long long l_head, long long l_row, long long v_batch, long long v_head, long long v_row, int heads,
                 int length, int segment_length, int num_segments, float scale, float scale_q, int dk, int dv) {
  constexpr int LD = DIM + 1, LP = KEYS + 1, R = ROWS / SIDE, K = KEYS / SIDE, C = DIM / SIDE;
  extern __shared__ float shared[];
  float *queries = shared, *g = queries + ROWS * LD, *keys = g + ROWS * LD, *weights = keys + KEYS * LD;
  const Block at = find_block<ROWS>(num_segments, segment_length, length, true);
  if (at.begin >= at.last) return;
  const long long b = at.bh / heads, h = at.bh % heads;
  const Rows v_rows{v, kind, b * v_batch + h * v_head, v_row, dv};
  const Rows k_rows{local_k, kind, b * l_batch + h * l_head, l_row, dk};
  load<ROWS, DIM>(queries, Rows{local_q, kind, k_rows.offset, l_row, dk}, at.begin, at.last);
  load<ROWS, DIM>(g, Rows{gy, kind, at.bh * length * dv, dv, dv}, at.begin, at.last);
  float gq[R][C] = {}, log_sum[R], dot[R];
#pragma unroll
  for (int r = 0; r < R; ++r) {
    const int row = at.begin + ty() * R + r;
    log_sum[r] = row < at.last ? log_sums[at.bh * length + row] : 0.0f;
    dot[r] = row < at.last ? local_dots[at.bh * length + row] : 0.0f;
  }
  for (int n = at.first; n < min(at.begin + ROWS, at.last); n += KEYS) {
    float s[R][K] = {}, gp[R][K] = {};
    __syncthreads();
    load<KEYS, DIM>(keys, v_rows, n, at.last);
    __syncthreads();
    multiply_by_transposed(gp, g, LD, keys, LD, dv);
    __syncthreads();
    load<KEYS, DIM>(keys, k_rows, n, at.last);
    __syncthreads();
    multiply_by_transposed(s, queries, LD, keys, LD, dk);
#pragma unroll
    for (int r = 0; r < R; ++r)
#pragma unroll
      for (int c = 0; c < K; ++c) {
        const bool is_seen = n + tx() + SIDE * c <= at.begin + ty() * R + r;
        s[r][c] = is_seen ? exp2f(fmaf(s[r][c], scale, -log_sum[r])) * (gp[r][c] - dot[r]) : 0.0f;
      }
    put(weights, LP, s);
    __syncthreads();
    multiply(gq, weights, LP, keys, LD, KEYS);
  }
  const float factor = scale_q * (1.0f - sigmoid(beta[h]));
#pragma unroll
  for (int r = 0; r < R; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c) gq[r][c] *= factor;
  store(glocal_q, kind, at.bh * length * dk, dk, at.begin, at.last, gq);
}

template <int DIM, int ROWS, int KEYS>
__global__ void __launch_bounds__(THREADS, 1)
backward_keys(const void* local_q, const void* local_k, const void* k, const void* v, const float* beta, int kind,
              const float* log_sums, const float* local_dots, const float* states, const float* gstates, const void* gy,
              void* glocal_k, void* gk, void* gv, long long l_batch, long long l_head, long long l_row,
              long long k_batch, long long k_head, long long k_row, long long v_batch, long long v_head,
              long long v_row, int heads, int length, int segment_length, int num_segments, float scale, float scale_q,
              bool is_delta, int dk, int dv) {
  constexpr int LD = DIM + 1, LP = KEYS + 1, R = ROWS / SIDE, K = KEYS / SIDE, C = DIM / SIDE;
  extern __shared__ float shared[];
  __shared__ float inverse[KEYS];
  float *keys = shared, *values = keys + KEYS * LD, *rows = values + KEYS * LD, *weights = rows + ROWS * LD;
  const Block at = find_block<KEYS>(num_segments, segment_length, length, false);
  if (at.begin >= at.last) return;
  const long long b = at.bh / heads, h = at.bh % heads;
  const Rows q_rows{local_q, kind, b * l_batch + h * l_head, l_row, dk};
  const Rows g_rows{gy, kind, at.bh * length * dv, dv, dv};
  load<KEYS, DIM>(keys, Rows{local_k, kind, q_rows.offset, l_row, dk}, at.begin, at.last);
  load<KEYS, DIM>(values, Rows{v, kind, b * v_batch + h * v_head, v_row, dv}, at.begin, at.last);
  float glocal[K][C] = {}, written[K][C] = {};
  for (int t = at.begin; t < at.last; t += ROWS) {
    float s[R][K] = {}, gp[R][K] = {};
    __syncthreads();
    load<ROWS, DIM>(rows, q_rows, t, at.last);
    __syncthreads();
    multiply_by_transposed(s, rows, LD, keys, LD, dk);
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int row = t + ty() * R + r;
      const float log_sum = row < at.last ? log_sums[at.bh * length + row] : 0.0f;
#pragma unroll
      for (int c = 0; c < K; ++c) {
        const bool is_seen = at.begin + tx() + SIDE * c <= row && row < at.last;
        s[r][c] = is_seen ? exp2f(fmaf(s[r][c], scale, -log_sum)) : 0.0f;
      }
    }
    put(weights, LP, s);
    __syncthreads();
    load<ROWS, DIM>(rows, g_rows, t, at.last);
    __syncthreads();
    multiply_transposed(written, weights, LP, rows, LD, ROWS);
    multiply_by_transposed(gp, rows, LD, values, LD, dv);
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int row = t + ty() * R + r;
      const float dot = row < at.last ? local_dots[at.bh * length + row] : 0.0f;
#pragma unroll
      for (int c = 0; c < K; ++c) s[r][c] *= gp[r][c] - dot;
    }
    __syncthreads();
    put(weights, LP, s);
    load<ROWS, DIM>(rows, q_rows, t, at.last);
    __syncthreads();
    multiply_transposed(glocal, weights, LP, rows, LD, ROWS);
  }
  const float rest = 1.0f - sigmoid(beta[h]);
#pragma unroll
  for (int r = 0; r < K; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c) {
      glocal[r][c] *= scale_q * rest;
      written[r][c] *= rest;
    }
  store(glocal_k, kind, at.bh * length * dk, dk, at.begin, at.last, glocal);
  float gf[K][C] = {};
  if (at.segment < num_segments - 1) {
    const long long size = (long long)dk * dv + dk, state = at.bh * (num_segments - 1) + at.segment;
    // The state before the first segment is empty, and delta corrects nothing.
    const float* before = is_delta && at.segment > 0 ? states + (state - 1) * size : nullptr;
    float of_memory[K][C] = {}, dots[K];
    __syncthreads();
    load<KEYS, DIM, true>(keys, Rows{k, kind, b * k_batch + h * k_head, k_row, dk}, at.begin, at.last);
    __syncthreads();
    if (before) invert_weights<KEYS, DIM>(inverse, keys, before + dk * dv, dk);
    write_gradients<DIM>(of_memory, gf, dots, keys, values, rows, inverse, before, gstates + state * size, dk, dv);
#pragma unroll
    for (int r = 0; r < K; ++r)
#pragma unroll
      for (int c = 0; c < C; ++c) written[r][c] += of_memory[r][c];
  }
  store(gk, kind, at.bh * length * dk, dk, at.begin, at.last, gf);
  store(gv, kind, at.bh * length * dv, dv, at.begin, at.last, written);
}
