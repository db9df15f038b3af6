// From what segments write to the state that each of them reads, and the way back.
// C of each part: k starts at the second segment, which reads the first of num_segments + 1 states.
template <int DIM, int ROWS>
__global__ void __launch_bounds__(THREADS, DIM <= 64 ? 2 : 1)
correlate(const void* k, int kind, const float* states, float* parts, long long k_batch, long long k_head,
          long long k_row, int heads, int length, int segment_length, int num_segments, int num_parts, int part_length,
          int num_all, int dk, int dv) {
  constexpr int LD = DIM + 1, R = ROWS / SIDE, C = DIM / SIDE;
  extern __shared__ float shared[];
  __shared__ float inverse[ROWS];
  float *features = shared, *weighted = features + ROWS * LD;
  const Part p = find_part(num_segments, num_parts, part_length, segment_length, length);
  const long long b = p.bh / heads, h = p.bh % heads, size = (long long)dk * dv + dk;
  states += (p.bh * (num_segments + 1) + p.segment) * size;
  float total[C][C] = {};
  for (int t = p.first; t < p.end; t += ROWS) {
    __syncthreads();
    load<ROWS, DIM, true>(features, Rows{k, kind, b * k_batch + h * k_head, k_row, dk}, t, p.end);
    __syncthreads();
    invert_weights<ROWS, DIM>(inverse, features, states + dk * dv, dk);
    __syncthreads();
    float own[R][C];
    get(own, features, LD);
    scale_rows(own, inverse);
    put(weighted, LD, own);
    __syncthreads();
    multiply_transposed(total, features, LD, weighted, LD, ROWS);
  }
  const long long at = p.part * (long long)num_all + p.bh * num_segments + p.segment;
  store(parts, 0, at * dk * dk, dk, 0, dk, total);
}

// sum sigma(k) (u r) / w of each part; segments and k as in correlate.
template <int DIM, int ROWS>
__global__ void __launch_bounds__(THREADS, DIM <= 64 ? 2 : 1)
correct(const void* k, int kind, const float* states, const float* gstates, float* parts, long long k_batch,
        long long k_head, long long k_row, int heads, int length, int segment_length, int num_segments, int num_parts,
        int part_length, int num_all, int dk, int dv) {
  constexpr int LD = DIM + 1, R = ROWS / SIDE, C = DIM / SIDE;
  extern __shared__ float shared[];
  __shared__ float inverse[ROWS];
  __shared__ float weights[ROWS];
  float *features = shared, *m = features + ROWS * LD;
  const Part p = find_part(num_segments, num_parts, part_length, segment_length, length);
  const long long b = p.bh / heads, h = p.bh % heads, size = (long long)dk * dv + dk;
  states += (p.bh * (num_segments + 1) + p.segment) * size;
  gstates += (p.bh * (num_segments + 1) + p.segment + 1) * size;
  float total = 0.0f;
  for (int t = p.first; t < p.end; t += ROWS) {
    __syncthreads();
    load<ROWS, DIM, true>(features, Rows{k, kind, b * k_batch + h * k_head, k_row, dk}, t, p.end);
    load_matrix<DIM>(m, states, dk, dv);
    __syncthreads();
    invert_weights<ROWS, DIM>(inverse, features, states + dk * dv, dk);
    __syncthreads();
    float found[R][C] = {}, gv[R][C] = {}, dots[R];
    read(found, features, inverse, m, LD, dk);
    __syncthreads();
    load_matrix<DIM>(m, gstates, dk, dv);
    __syncthreads();
    multiply(gv, features, LD, m, LD, dk);
    row_dots(dots, gv, found);
    put_weights(weights, dots, inverse);
    __syncthreads();
    total += column_sum<ROWS, DIM>(features, weights);
  }
  const long long at = p.part * (long long)num_all + p.bh * num_segments + p.segment;
  if (threadIdx.x < dk) parts[at * dk + threadIdx.x] = total;
}

// Running sums over the states of a sequence, from the last with `reverse`: a thread has one number of each.
__global__ void __launch_bounds__(THREADS, 1)
scan(const float* __restrict__ x, float* __restrict__ y, int num_states, long long x_row, long long y_row, int width,
     bool reverse) {
  const int num_blocks = (width + THREADS - 1) / THREADS, column = blockIdx.x % num_blocks * THREADS + threadIdx.x;
  if (column >= width) return;
  const long long first = (long long)(blockIdx.x / num_blocks) * num_states;
  x += first * x_row + column;
  y += first * y_row + column;
  float total = 0.0f;
  // Terms do not depend on sums, so that several are on their way at once.
#pragma unroll 8
  for (int step = 0; step < num_states; ++step) {
    const long long state = reverse ? num_states - 1 - step : step;
    total += x[state * x_row];
    y[state * y_row] = total;
  }
}

// Y_i = X_i + Y - C Y, where Y is that of the state before, or behind with `reverse`: a block has 16 columns of values.
template <int DIM>
__global__ void __launch_bounds__(THREADS, 1)
walk(const float* x, const float* c, float* states, int num_states, int dk, int dv, bool reverse) {
  constexpr int R = DIM / SIDE;
  __shared__ float before[DIM][SIDE + 1];
  const int num_blocks = (dv + SIDE - 1) / SIDE, column = blockIdx.x % num_blocks * SIDE + tx();
  const long long size = (long long)dk * dv + dk, bh = blockIdx.x / num_blocks;
  float y[R] = {};
  for (int step = 0; step < num_states; ++step) {
    const int state = reverse ? num_states - 1 - step : step;
    if (step > 0) {
      const float* matrix = c + (bh * (num_states - 1) + (reverse ? state : state - 1)) * dk * dk;
      __syncthreads();
#pragma unroll
      for (int r = 0; r < R; ++r) before[ty() * R + r][tx()] = y[r];
      __syncthreads();
      for (int d = 0; d < dk; ++d) {
#pragma unroll
        for (int r = 0; r < R; ++r)
          if (ty() * R + r < dk) y[r] = fmaf(-matrix[(ty() * R + r) * dk + d], before[d][tx()], y[r]);
      }
    }
#pragma unroll
    for (int r = 0; r < R; ++r) {
      const int row = ty() * R + r;
      if (row >= dk || column >= dv) continue;
      const long long at = (bh * num_states + state) * size + row * dv + column;
      y[r] += x[at];
      states[at] = y[r];
    }
  }
}
