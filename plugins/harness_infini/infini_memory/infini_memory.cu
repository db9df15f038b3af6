// Reads and writes of one segment or of many, by parts of their tokens. backward_reads and sum_writes serve
// infini_attention too.
// What each part of a segment adds to M and z. With `states`, delta corrects by what they return.
template <int DIM, int ROWS>
__global__ void __launch_bounds__(THREADS, DIM <= 64 ? 2 : 1)
sum_writes(const void* k, const void* v, int kind, const float* states, float* parts, long long k_batch,
           long long k_head, long long k_row, long long v_batch, long long v_head, long long v_row, int heads,
           int length, int segment_length, int num_segments, int num_parts, int part_length, int num_states, int dk,
           int dv) {
  constexpr int LD = DIM + 1, R = ROWS / SIDE, C = DIM / SIDE;
  extern __shared__ float shared[];
  __shared__ float inverse[ROWS];
  float *features = shared, *values = features + ROWS * LD, *m = values + ROWS * LD;
  const Part p = find_part(num_segments, num_parts, part_length, segment_length, length);
  const long long b = p.bh / heads, h = p.bh % heads, size = (long long)dk * dv + dk;
  const long long state = p.bh * num_segments + p.segment;
  if (states) load_matrix<DIM>(m, states += state * size, dk, dv);
  float sum_m[C][C] = {}, sum_z = 0.0f;
  for (int t = p.first; t < p.end; t += ROWS) {
    __syncthreads();
    load<ROWS, DIM, true>(features, Rows{k, kind, b * k_batch + h * k_head, k_row, dk}, t, p.end);
    load<ROWS, DIM>(values, Rows{v, kind, b * v_batch + h * v_head, v_row, dv}, t, p.end);
    __syncthreads();
    if (states) {
      invert_weights<ROWS, DIM>(inverse, features, states + dk * dv, dk);
      __syncthreads();
      float found[R][C] = {};
      read(found, features, inverse, m, LD, dk);
      float own[R][C];
      get(own, values, LD);
#pragma unroll
      for (int r = 0; r < R; ++r)
#pragma unroll
        for (int c = 0; c < C; ++c) own[r][c] -= found[r][c];
      put(values, LD, own);
      __syncthreads();
    }
    multiply_transposed(sum_m, features, LD, values, LD, ROWS);
    sum_z += column_sum<ROWS, DIM>(features, nullptr);
  }
  store_sums<DIM>(parts + (p.part * (long long)num_states + state) * size, sum_m, sum_z, dk, dv);
}

// What the states return for queries.
template <int DIM, int ROWS>
__global__ void __launch_bounds__(THREADS, DIM <= 64 ? 2 : 1)
read_states(const void* q, int kind, const float* states, void* a_mem, long long q_batch, long long q_head,
            long long q_row, int heads, int length, int dk, int dv) {
  constexpr int LD = DIM + 1, R = ROWS / SIDE, C = DIM / SIDE;
  extern __shared__ float shared[];
  __shared__ float inverse[ROWS];
  float *features = shared, *m = features + ROWS * LD;
  const int num_blocks = (length + ROWS - 1) / ROWS, first = blockIdx.x % num_blocks * ROWS;
  const long long bh = blockIdx.x / num_blocks, b = bh / heads, h = bh % heads;
  states += bh * ((long long)dk * dv + dk);
  load<ROWS, DIM, true>(features, Rows{q, kind, b * q_batch + h * q_head, q_row, dk}, first, length);
  load_matrix<DIM>(m, states, dk, dv);
  __syncthreads();
  invert_weights<ROWS, DIM>(inverse, features, states + dk * dv, dk);
  __syncthreads();
  float found[R][C] = {};
  read(found, features, inverse, m, LD, dk);
  store(a_mem, kind, bh * length * dv, dv, first, length, found);
}

// The gradient of each query, and what each part adds to those of the state that it reads. With `beta`, gy is the
// gradient of gate * A_mem + (1 - gate) * A_dot: then the row sums of gy * A_dot are kept and each part's share in the
// gradient of beta, and the first segment reads nothing.
template <int DIM, int ROWS>
__global__ void __launch_bounds__(THREADS, DIM <= 64 ? 2 : 1)
backward_reads(const void* q, const void* gy, const void* a_dot, const float* beta, int kind, const float* states,
               void* gq, float* local_dots, float* parts, float* gbeta, long long q_batch, long long q_head,
               long long q_row, int heads, int length, int segment_length, int num_segments, int num_parts,
               int part_length, int num_states, int dk, int dv) {
  constexpr int LD = DIM + 1, R = ROWS / SIDE, C = DIM / SIDE;
  extern __shared__ float shared[];
  __shared__ float inverse[ROWS];
  __shared__ float weights[ROWS];
  float *features = shared, *g = features + ROWS * LD, *m = g + ROWS * LD;
  const Part p = find_part(num_segments, num_parts, part_length, segment_length, length);
  const long long b = p.bh / heads, h = p.bh % heads, size = (long long)dk * dv + dk;
  const bool reads = !beta || p.segment > 0;
  const float gate = beta ? sigmoid(beta[h]) : 1.0f;
  const long long state = beta ? p.bh * (num_segments - 1) + p.segment - 1 : p.bh;
  const Rows g_rows{gy, kind, p.bh * length * dv, dv, dv}, local_rows{a_dot, kind, p.bh * length * dv, dv, dv};
  if (reads) load_matrix<DIM>(m, states += state * size, dk, dv);
  const float* z = states + dk * dv;
  float sum_m[C][C] = {}, sum_z = 0.0f, difference = 0.0f;
  for (int t = p.first; t < p.end; t += ROWS) {
    float own[R][C], found[R][C] = {}, gf[R][C] = {}, dots[R];
    __syncthreads();
    load<ROWS, DIM>(g, g_rows, t, p.end);
    if (beta) {
      load<ROWS, DIM>(features, local_rows, t, p.end);
      __syncthreads();
      get(own, g, LD);
      get(found, features, LD);
      row_dots(dots, own, found);
#pragma unroll
      for (int r = 0; r < R; ++r) {
        const int row = t + ty() * R + r;
        if (tx() != 0 || row >= p.end) continue;
        local_dots[p.bh * length + row] = dots[r];
        difference -= dots[r];
      }
      __syncthreads();
    }
    if (reads) {
      load<ROWS, DIM, true>(features, Rows{q, kind, b * q_batch + h * q_head, q_row, dk}, t, p.end);
      __syncthreads();
      invert_weights<ROWS, DIM>(inverse, features, z, dk);
      __syncthreads();
      clear(found);
      read(found, features, inverse, m, LD, dk);
      get(own, g, LD);
      row_dots(dots, own, found);
#pragma unroll
      for (int r = 0; r < R; ++r) {
        if (tx() == 0) difference += dots[r];
        dots[r] *= gate;
      }
#pragma unroll
      for (int r = 0; r < R; ++r)
#pragma unroll
        for (int c = 0; c < C; ++c) own[r][c] *= gate;
      put(g, LD, own);
      put_weights(weights, dots, inverse);
      __syncthreads();
      read_gradient(gf, g, dots, inverse, m, z, LD, dk, dv);
      multiply_by_slopes(gf, features, LD);
      __syncthreads();
      scale_rows(own, inverse);
      put(g, LD, own);
      __syncthreads();
      multiply_transposed(sum_m, features, LD, g, LD, ROWS);
      sum_z -= column_sum<ROWS, DIM>(features, weights);
    }
    store(gq, kind, p.bh * length * dk, dk, t, p.end, gf);
  }
  if (beta) {
    const float share = block_sum<THREADS / 32>(difference) * gate * (1.0f - gate);
    if (threadIdx.x == 0) gbeta[(p.bh * num_segments + p.segment) * num_parts + p.part] = share;
  }
  if (reads) store_sums<DIM>(parts + (p.part * (long long)num_states + state) * size, sum_m, sum_z, dk, dv);
}

// The gradients of each key and value; with `parts`, what delta adds to those of the state that it read.
template <int DIM, int ROWS>
__global__ void __launch_bounds__(THREADS, 1)
backward_writes(const void* k, const void* v, int kind, const float* states, const float* gstates, void* gk, void* gv,
                float* parts, long long k_batch, long long k_head, long long k_row, long long v_batch,
                long long v_head, long long v_row, int heads, int length, int num_parts, int part_length,
                int num_states, int dk, int dv) {
  constexpr int LD = DIM + 1, R = ROWS / SIDE, C = DIM / SIDE;
  extern __shared__ float shared[];
  __shared__ float inverse[ROWS];
  __shared__ float weights[ROWS];
  float *features = shared, *values = features + ROWS * LD, *m = values + ROWS * LD;
  const Part p = find_part(1, num_parts, part_length, length, length);
  const long long b = p.bh / heads, h = p.bh % heads, size = (long long)dk * dv + dk;
  states += p.bh * size;
  gstates += p.bh * size;
  float sum_m[C][C] = {}, sum_z = 0.0f;
  for (int t = p.first; t < p.end; t += ROWS) {
    float written[R][C] = {}, gf[R][C] = {}, dots[R];
    __syncthreads();
    load<ROWS, DIM, true>(features, Rows{k, kind, b * k_batch + h * k_head, k_row, dk}, t, p.end);
    load<ROWS, DIM>(values, Rows{v, kind, b * v_batch + h * v_head, v_row, dv}, t, p.end);
    __syncthreads();
    if (parts) invert_weights<ROWS, DIM>(inverse, features, states + dk * dv, dk);
    write_gradients<DIM>(written, gf, dots, features, values, m, inverse, parts ? states : nullptr, gstates, dk, dv);
    store(gv, kind, p.bh * length * dv, dv, t, p.end, written);
    store(gk, kind, p.bh * length * dk, dk, t, p.end, gf);
    if (parts) {
      scale_rows(written, inverse);
      put(values, LD, written);
      put_weights(weights, dots, inverse);
      __syncthreads();
      multiply_transposed(sum_m, features, LD, values, LD, ROWS);
      sum_z += column_sum<ROWS, DIM>(features, weights);
    }
  }
  if (!parts) return;
#pragma unroll
  for (int r = 0; r < C; ++r)
#pragma unroll
    for (int c = 0; c < C; ++c) sum_m[r][c] = -sum_m[r][c];
  store_sums<DIM>(parts + (p.part * (long long)num_states + p.bh) * size, sum_m, sum_z, dk, dv);
}
