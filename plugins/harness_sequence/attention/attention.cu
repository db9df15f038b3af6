// attention: softmax(Q K^T / sqrt(d)) V without the scores in memory (FlashAttention, Dao et al. 2022), and its
// gradients.
//
// Letters as in the paper: S scores, P their softmax, O output, dX the gradient of X, D the row sums of dO * O.
// Exponentials have base 2: `scale` is log2(e) / sqrt(d).
//
// A block owns ROWS rows (queries, or keys where it makes dK and dV) and walks over tiles of COLUMNS columns that it
// may see. Each warp has 16 * MT rows. Scores and outputs lie in registers as the tensor cores leave them: lane 4 * g +
// t has in x[m][j] the rows 16 * m + g and 16 * m + g + 8, at the columns 8 * j + 2 * t and the next. The layout holds
// for float as well, whose products are made without tensor cores, so that everything around the products is written
// once.
#include "harness.cuh"
#include "mma.cuh"

constexpr int WARPS = 4;
constexpr int THREADS = 32 * WARPS;

struct Strides {
  long long batch, head, row;
};

// Widths, strides and addresses are multiples of 16 bytes; what a caller gives otherwise is padded before.
struct Problem {
  Strides q, k, v;
  int heads, group, queries, keys, d_key, d_value;
  int before, after;  // a query at position p sees the keys from p - before to p + after
  float scale, gradient_scale;
};

// Rows of one head in global memory.
template <typename T>
struct Matrix {
  T* data;
  long long stride;
  int count, width;
};

__device__ __forceinline__ float infinity() { return __int_as_float(0x7f800000); }

__device__ __forceinline__ float exp2_fast(float x) {
#ifdef HARNESS_SIMULATION
  return exp2f(x);
#else
  // exp2f spends three more instructions on results below 2^-126.
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#endif
}

__device__ __forceinline__ int lane_group() { return threadIdx.x % 32 / 4; }
__device__ __forceinline__ int lane_in_group() { return threadIdx.x % 4; }

// Calls f(m, h) for each row 16 * m + 8 * h + g of a lane.
template <int MT, typename F>
__device__ __forceinline__ void each_row(F f) {
#pragma unroll
  for (int m = 0; m < MT; ++m)
#pragma unroll
    for (int h = 0; h < 2; ++h) f(m, h);
}

// Calls f(m, h, j, e) for each element x[m][j][2 * h + e] of a lane, in column 8 * j + 2 * t + e.
template <int MT, int NT, typename F>
__device__ __forceinline__ void each_element(F f) {
#pragma unroll
  for (int j = 0; j < NT; ++j)
#pragma unroll
    for (int e = 0; e < 2; ++e) each_row<MT>([&](int m, int h) { f(m, h, j, e); });
}

template <int MT, int NT>
__device__ __forceinline__ void scale_rows(float (&x)[MT][NT][4], const float (&factors)[MT][2]) {
  each_element<MT, NT>([&](int m, int h, int j, int e) { x[m][j][2 * h + e] *= factors[m][h]; });
}

// ---- Tiles in shared memory: rows of WIDTH elements in pieces of 16 bytes. Which place in its row a piece has depends
// on the row, such that the same piece of eight rows in a row, or neighbouring pieces of one row, lie in different
// banks.
template <typename T>
constexpr int PIECE = 16 / sizeof(T);

// Pieces of a row change places within so many.
template <typename T, int WIDTH>
constexpr int SPAN = WIDTH / PIECE<T> % 8 == 0 ? 8 : WIDTH / PIECE<T> % 4 == 0 ? 4 : 2;

// Offset of a piece in its tile.
template <typename T, int WIDTH>
__device__ __forceinline__ int place(int row, int piece) {
  return row * WIDTH + (piece ^ row / (8 / SPAN<T, WIDTH>) % SPAN<T, WIDTH>) * PIECE<T>;
}

// From the offset of a piece to that `pieces` further, a number that has no bit in common with the piece's own. Each
// costs one instruction where `pieces` is a constant, or none where the result stays in a register.
template <typename T, int WIDTH>
__device__ __forceinline__ int further(int offset, int pieces) {
  constexpr int S = SPAN<T, WIDTH>;
  return (offset ^ pieces % S * PIECE<T>) + pieces / S * S * PIECE<T>;
}

// Start to copy rows from `first` on; what lies outside of the matrix becomes zero.
template <typename T, int ROWS, int WIDTH>
__device__ __forceinline__ void copy_rows(T* tile, const Matrix<const T>& from, int first) {
  constexpr int PIECES = WIDTH / PIECE<T>;
  // As many lanes share a row as divide its pieces, so that each goes down the rows at one column.
  constexpr int LANES = PIECES & -PIECES, STEP = THREADS / LANES;
  const int lane = threadIdx.x % LANES;
  int row = threadIdx.x / LANES;
  const T* source = from.data + (first + row) * from.stride + lane * PIECE<T>;
#pragma unroll
  for (int i = 0; i < ROWS; i += STEP, row += STEP, source += STEP * from.stride) {
    if (ROWS % STEP && row >= ROWS) break;
#pragma unroll
    for (int c = 0; c < PIECES; c += LANES)
      cp_async_16(tile + place<T, WIDTH>(row, c + lane), source + c * PIECE<T>,
                  first + row < from.count && c + lane < from.width / PIECE<T>);
  }
}

// ---- Products. Both add to accumulators in registers.

__device__ __forceinline__ unsigned pack_pair(half_t, float low, float high) {
  const __half2 pair = __floats2half2_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&pair);
}
__device__ __forceinline__ unsigned pack_pair(bf16, float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const unsigned*>(&pair);
}

// S += A B^T of the warp's rows of tile A and all rows of tile B.
template <int WIDTH, int MT, int NT, typename T>
__device__ __forceinline__ void add_scores(float (&s)[MT][NT][4], const T* a, const T* b) {
  const int lane = threadIdx.x % 32;
  const int in_a = place<T, WIDTH>(lane % 16, lane / 16);
  const int in_b = place<T, WIDTH>(lane % 8 + lane / 16 * 8, lane / 8 % 2);
#pragma unroll
  for (int k = 0; k < WIDTH / 16; ++k) {
    unsigned of_a[MT][4];
#pragma unroll
    for (int m = 0; m < MT; ++m) ldmatrix_x4(of_a[m], a + further<T, WIDTH>(in_a, 2 * k) + 16 * m * WIDTH);
#pragma unroll
    for (int j = 0; j < NT; j += 2) {
      unsigned of_b[4];
      ldmatrix_x4(of_b, b + further<T, WIDTH>(in_b, 2 * k) + 8 * j * WIDTH);
      const unsigned left[2] = {of_b[0], of_b[1]}, right[2] = {of_b[2], of_b[3]};
#pragma unroll
      for (int m = 0; m < MT; ++m) {
        mma_m16n8k16<T>(s[m][j], of_a[m], left);
        mma_m16n8k16<T>(s[m][j + 1], of_a[m], right);
      }
    }
  }
}

// O += P B of the warp's rows of P and all rows of tile B: accumulators of P are laid out like a left operand.
template <int MT, int NT, int DT, typename T>
__device__ __forceinline__ void add_mixture(float (&o)[MT][DT][4], const float (&p)[MT][NT][4], const T* b) {
  const int lane = threadIdx.x % 32;
  const int in_b = place<T, 8 * DT>(lane % 16, lane / 16);
#pragma unroll
  for (int k = 0; k < NT / 2; ++k) {
    unsigned of_p[MT][4];
#pragma unroll
    for (int m = 0; m < MT; ++m)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const float(&pair)[4] = p[m][2 * k + i / 2];
        of_p[m][i] = pack_pair(T(), pair[i % 2 * 2], pair[i % 2 * 2 + 1]);
      }
#pragma unroll
    for (int j = 0; j < DT; j += 2) {
      unsigned of_b[4];
      ldmatrix_x4_trans(of_b, b + further<T, 8 * DT>(in_b, j) + 16 * k * 8 * DT);
      const unsigned left[2] = {of_b[0], of_b[1]}, right[2] = {of_b[2], of_b[3]};
#pragma unroll
      for (int m = 0; m < MT; ++m) {
        mma_m16n8k16<T>(o[m][j], of_p[m], left);
        mma_m16n8k16<T>(o[m][j + 1], of_p[m], right);
      }
    }
  }
}

__device__ __forceinline__ float add_dot(float sum, const float4& a, const float4& b) {
  return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}

template <int WIDTH, int MT, int NT>
__device__ __forceinline__ void add_scores(float (&s)[MT][NT][4], const float* a, const float* b) {
  const int g = lane_group(), t = lane_in_group();
#pragma unroll 2
  for (int k = 0; k < WIDTH / 4; ++k) {
    float4 of_a[MT][2];
    each_row<MT>([&](int m, int h) {
      of_a[m][h] = *reinterpret_cast<const float4*>(a + place<float, WIDTH>(16 * m + 8 * h + g, k));
    });
#pragma unroll
    for (int j = 0; j < NT; ++j)
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        const float4 of_b = *reinterpret_cast<const float4*>(b + place<float, WIDTH>(8 * j + 2 * t + e, k));
        each_row<MT>([&](int m, int h) { s[m][j][2 * h + e] = add_dot(s[m][j][2 * h + e], of_a[m][h], of_b); });
      }
  }
}

// A lane has two columns of P in eight and needs all of them: the lanes of a group hand theirs around.
template <int MT, int NT, int DT>
__device__ __forceinline__ void add_mixture(float (&o)[MT][DT][4], const float (&p)[MT][NT][4], const float* b) {
  const int t = lane_in_group();
#pragma unroll
  for (int j = 0; j < NT; ++j)
#pragma unroll 1
    for (int owner = 0; owner < 4; ++owner)
#pragma unroll
      for (int e = 0; e < 2; ++e) {
        float of_p[MT][2];
        each_row<MT>([&](int m, int h) { of_p[m][h] = __shfl_sync(FULL_WARP, p[m][j][2 * h + e], owner, 4); });
        const int in_b = place<float, 8 * DT>(8 * j + 2 * owner + e, t / 2) + t % 2 * 2;
#pragma unroll
        for (int c = 0; c < DT; ++c) {
          const float2 of_b = *reinterpret_cast<const float2*>(b + further<float, 8 * DT>(in_b, 2 * c));
          each_row<MT>([&](int m, int h) {
            o[m][c][2 * h] = fmaf(of_p[m][h], of_b.x, o[m][c][2 * h]);
            o[m][c][2 * h + 1] = fmaf(of_p[m][h], of_b.y, o[m][c][2 * h + 1]);
          });
        }
      }
}

// ---- What a row may see.

// Row r sees the columns from r - back to r + ahead, of `count` columns; both are counted in rows of this block's
// matrix.
struct Band {
  int back, ahead, count;

  __device__ __forceinline__ int first(int row) const { return max(row - back, 0); }
  __device__ __forceinline__ int end(int row) const { return min(row + ahead + 1, count); }
  __device__ __forceinline__ bool shows_all(int row, int rows, int column, int columns) const {
    return first(row + rows - 1) <= column && column + columns <= end(row);
  }
};

template <bool KEYS>
__device__ __forceinline__ Band band_of(const Problem& p) {
  // Queries are the last positions of the keys.
  const int shift = p.keys - p.queries;
  return KEYS ? Band{p.after + shift, p.before - shift, p.queries} : Band{p.before - shift, p.after + shift, p.keys};
}

// Pairs that do not see each other get the score -inf. `row` and `column` are those of this lane's first element.
template <int MT, int NT>
__device__ __forceinline__ void hide(float (&s)[MT][NT][4], const Band& band, int row, int column) {
  // All limits are compared with constants, and none is worth a register outside of this function.
  const int back = band.back + column - row, ahead = band.ahead + row - column, left = band.count - column;
  each_element<MT, NT>([&](int m, int h, int j, int e) {
    const int down = 16 * m + 8 * h, right = 8 * j + e;
    if (back < down - right || ahead < right - down || left <= right) s[m][j][2 * h + e] = -infinity();
  });
}

// ---- From registers to global memory, through rows of a tile that only this warp uses, so that whole rows are stored.
template <typename T>
__device__ __forceinline__ void store_pair(T* at, float first, float second) {
  *reinterpret_cast<unsigned*>(at) = pack_pair(T(), first, second);
}
__device__ __forceinline__ void store_pair(float* at, float first, float second) {
  *reinterpret_cast<float2*>(at) = make_float2(first, second);
}

template <typename T, int WIDTH, int MT>
__device__ __forceinline__ void store_rows(const Matrix<T>& to, int first, T* tile,
                                           const float (&x)[MT][WIDTH / 8][4]) {
  constexpr int PIECES = WIDTH / PIECE<T>;
  const int lane = threadIdx.x % 32, g = lane_group(), t = lane_in_group();
  __syncwarp();
#pragma unroll
  for (int j = 0; j < WIDTH / 8; ++j)
    each_row<MT>([&](int m, int h) {
      const int column = 8 * j + 2 * t, offset = place<T, WIDTH>(16 * m + 8 * h + g, column / PIECE<T>);
      store_pair(tile + offset + column % PIECE<T>, x[m][j][2 * h], x[m][j][2 * h + 1]);
    });
  __syncwarp();
  for (int i = lane; i < 16 * MT * PIECES; i += 32) {
    const int row = i / PIECES, column = i % PIECES * PIECE<T>;
    if (first + row < to.count && column < to.width)
      *reinterpret_cast<uint4*>(to.data + (first + row) * to.stride + column) =
          *reinterpret_cast<const uint4*>(tile + place<T, WIDTH>(row, column / PIECE<T>));
  }
}

extern __shared__ uint4 shared_memory[];

// ---- Forward. Exponentials are relative to a row's `shift`. Any shift near the largest scaled score is right, so that
// it follows only when a score is LAG above it, which saves most of the corrections of what was summed before.
constexpr float LOWEST = -3e38f, LAG = 8.0f;

// Over the four lanes that share a row.
__device__ __forceinline__ float row_max(float x) {
  x = fmaxf(x, __shfl_xor_sync(FULL_WARP, x, 1));
  return fmaxf(x, __shfl_xor_sync(FULL_WARP, x, 2));
}
__device__ __forceinline__ float row_sum(float x) {
  x += __shfl_xor_sync(FULL_WARP, x, 1);
  return x + __shfl_xor_sync(FULL_WARP, x, 2);
}

template <int MT, int NT, int DT>
__device__ __forceinline__ void raise_shifts(float (&shift)[MT][2], float (&sum)[MT][2], float (&acc)[MT][DT][4],
                                             const float (&s)[MT][NT][4], float scale) {
  float most[MT][2];
  bool raises = false;
  each_row<MT>([&](int m, int h) {
    most[m][h] = s[m][0][2 * h];
#pragma unroll
    for (int i = 1; i < 2 * NT; ++i) most[m][h] = fmaxf(most[m][h], s[m][i / 2][2 * h + i % 2]);
    most[m][h] = row_max(most[m][h]) * scale;
    raises |= most[m][h] > shift[m][h] + LAG;
  });
  if (!__any_sync(FULL_WARP, raises)) return;
  float factors[MT][2];
  each_row<MT>([&](int m, int h) {
    const float raised = fmaxf(shift[m][h], most[m][h]);
    factors[m][h] = exp2_fast(shift[m][h] - raised);
    shift[m][h] = raised;
    sum[m][h] *= factors[m][h];
  });
  scale_rows(acc, factors);
}

// O of ROWS queries, and in statistics[batch, head, query] the shift and the sum of exponentials.
template <typename T, int WIDTH, int MT, int COLUMNS>
__global__ void __launch_bounds__(THREADS, 2)
forward(const T* q, const T* k, const T* v, T* o, float2* statistics, const Problem p) {
  constexpr int ROWS = 16 * MT * WARPS, NT = COLUMNS / 8;
  const int blocks = (p.queries + ROWS - 1) / ROWS;
  const int head = blockIdx.x / blocks % p.heads, batch = blockIdx.x / blocks / p.heads;
  // Under a causal mask the last queries see most, and start first.
  const int first_row = (blocks - 1 - (int)(blockIdx.x % blocks)) * ROWS;
  const long long flat_head = (long long)batch * p.heads + head;
  const Matrix<const T> Q{q + batch * p.q.batch + head * p.q.head, p.q.row, p.queries, p.d_key};
  const Matrix<const T> K{k + batch * p.k.batch + head / p.group * p.k.head, p.k.row, p.keys, p.d_key};
  const Matrix<const T> V{v + batch * p.v.batch + head / p.group * p.v.head, p.v.row, p.keys, p.d_value};
  const Matrix<T> O{o + flat_head * p.queries * p.d_value, p.d_value, p.queries, p.d_value};

  T* q_tile = reinterpret_cast<T*>(shared_memory);
  T* k_tiles = q_tile + ROWS * WIDTH;
  T* v_tiles = k_tiles + 2 * COLUMNS * WIDTH;
  const int warp_row = threadIdx.x / 32 * 16 * MT;
  T* q_rows = q_tile + warp_row * WIDTH;

  const Band band = band_of<false>(p);
  const int begin = band.first(first_row), end = band.end(min(first_row + ROWS, p.queries) - 1);
  float acc[MT][WIDTH / 8][4] = {}, sum[MT][2] = {}, shift[MT][2];
  each_row<MT>([&](int m, int h) { shift[m][h] = LOWEST; });

  copy_rows<T, ROWS, WIDTH>(q_tile, Q, first_row);
  copy_rows<T, COLUMNS, WIDTH>(k_tiles, K, begin);
  copy_rows<T, COLUMNS, WIDTH>(v_tiles, V, begin);
  cp_async_commit();
  int stage = 0;
  for (int column = begin; column < end; column += COLUMNS, stage ^= 1) {
    cp_async_wait<0>();
    // This tile is there for all, and all are done with the one before, whose place the next one takes.
    __syncthreads();
    if (column + COLUMNS < end) {
      copy_rows<T, COLUMNS, WIDTH>(k_tiles + (stage ^ 1) * COLUMNS * WIDTH, K, column + COLUMNS);
      copy_rows<T, COLUMNS, WIDTH>(v_tiles + (stage ^ 1) * COLUMNS * WIDTH, V, column + COLUMNS);
    }
    cp_async_commit();

    float s[MT][NT][4] = {};
    add_scores<WIDTH>(s, q_rows, k_tiles + stage * COLUMNS * WIDTH);
    if (!band.shows_all(first_row, ROWS, column, COLUMNS))
      hide(s, band, first_row + warp_row + lane_group(), column + 2 * lane_in_group());
    raise_shifts(shift, sum, acc, s, p.scale);
    each_element<MT, NT>([&](int m, int h, int j, int e) {
      float& score = s[m][j][2 * h + e];
      score = exp2_fast(fmaf(score, p.scale, -shift[m][h]));
      sum[m][h] += score;
    });
    add_mixture(acc, s, v_tiles + stage * COLUMNS * WIDTH);
  }

  float factors[MT][2];
  each_row<MT>([&](int m, int h) {
    const float total = row_sum(sum[m][h]);
    factors[m][h] = total > 0.0f ? 1.0f / total : 0.0f;
    const int row = first_row + warp_row + 16 * m + 8 * h + lane_group();
    if (lane_in_group() == 0 && row < p.queries)
      statistics[flat_head * p.queries + row] = make_float2(total > 0.0f ? shift[m][h] : 0.0f, total);
  });
  scale_rows(acc, factors);
  store_rows<T, WIDTH>(O, first_row + warp_row, q_rows, acc);
}

// ---- Backward. With dP = dO V^T and dS = P * (dP - D), the gradients are dV = P^T dO, dK = dS^T Q and dQ = dS K, the
// last two over sqrt(d). P is made anew from the scores and what each query keeps of them.
template <typename T>
struct alignas(8) Record {
  float shift, dot;  // log-sum-exp of the scaled scores, D

  __device__ __forceinline__ Record() {}
  __device__ __forceinline__ Record(float2 statistics, float dot)
      : shift(statistics.y > 0.0f ? statistics.x + log2f(statistics.y) : infinity()), dot(dot) {}
  __device__ __forceinline__ float weight(float score, float scale) const {
    return exp2_fast(fmaf(score, scale, -shift));
  }
};

// Of scores in the hundreds a log-sum-exp in float has too few digits: here the sum stays apart.
template <>
struct alignas(16) Record<float> {
  float shift, dot, factor, unused;

  __device__ __forceinline__ Record() {}
  __device__ __forceinline__ Record(float2 statistics, float dot)
      : shift(statistics.x), dot(dot), factor(statistics.y > 0.0f ? 1.0f / statistics.y : 0.0f), unused(0.0f) {}
  __device__ __forceinline__ float weight(float score, float scale) const {
    return exp2_fast(fmaf(score, scale, -shift)) * factor;
  }
};

constexpr int LANES_PER_ROW = 8;

// Each head has an even number of records, since two of them may be copied at once.
template <typename T>
__global__ void __launch_bounds__(THREADS)
prepare(const T* o, const T* go, const float2* statistics, Record<T>* records, int heads, int queries, int width) {
  struct alignas(16) Piece {
    T values[PIECE<T>];
  };
  const int padded = queries + queries % 2;
  const long long index = (long long)blockIdx.x * (THREADS / LANES_PER_ROW) + threadIdx.x / LANES_PER_ROW;
  const long long flat_head = index / padded, row = flat_head * queries + index % padded;
  const bool exists = flat_head < heads && index % padded < queries;
  float dot = 0.0f;
  if (exists)
    for (int column = threadIdx.x % LANES_PER_ROW * PIECE<T>; column < width; column += LANES_PER_ROW * PIECE<T>) {
      const Piece of_o = *reinterpret_cast<const Piece*>(o + row * width + column);
      const Piece of_go = *reinterpret_cast<const Piece*>(go + row * width + column);
#pragma unroll
      for (int e = 0; e < PIECE<T>; ++e) dot = fmaf(to_float(of_o.values[e]), to_float(of_go.values[e]), dot);
    }
#pragma unroll
  for (int offset = LANES_PER_ROW / 2; offset > 0; offset /= 2) dot += __shfl_xor_sync(FULL_WARP, dot, offset);
  if (threadIdx.x % LANES_PER_ROW == 0 && flat_head < heads)
    records[index] = Record<T>(exists ? statistics[row] : make_float2(0.0f, 0.0f), dot);
}

// Gradients of ROWS keys and values, or of ROWS queries. `KEYS` turns the scores around: rows are always this block's
// own.
template <typename T, int WIDTH, int MT, int COLUMNS, bool KEYS>
__global__ void __launch_bounds__(THREADS, 2)
backward(const T* q, const T* k, const T* v, const T* go, const Record<T>* records, T* gq, T* gk, T* gv,
         const Problem p) {
  constexpr int ROWS = 16 * MT * WARPS, NT = COLUMNS / 8, TILE = COLUMNS * WIDTH;
  const int length = KEYS ? p.keys : p.queries, heads = KEYS ? p.heads / p.group : p.heads;
  const int blocks = (length + ROWS - 1) / ROWS;
  // Under a causal mask the first keys and the last queries have most to do, and start first.
  const int block = KEYS ? blockIdx.x % blocks : blocks - 1 - blockIdx.x % blocks;
  const int head = blockIdx.x / blocks % heads, batch = blockIdx.x / blocks / heads;
  const int first_row = block * ROWS;
  const int key_head = KEYS ? head : head / p.group, query_head = KEYS ? head * p.group : head;
  const Matrix<const T> K{k + batch * p.k.batch + key_head * p.k.head, p.k.row, p.keys, p.d_key};
  const Matrix<const T> V{v + batch * p.v.batch + key_head * p.v.head, p.v.row, p.keys, p.d_value};
  // Where keys are the rows, a block walks over all heads of queries that share them; this is the first.
  const long long flat_head = (long long)batch * p.heads + query_head;
  const Matrix<const T> Q{q + batch * p.q.batch + query_head * p.q.head, p.q.row, p.queries, p.d_key};
  const Matrix<const T> dO{go + flat_head * p.queries * p.d_value, p.d_value, p.queries, p.d_value};
  const int padded = p.queries + p.queries % 2;
  records += flat_head * padded;

  // Scores are products of rows with columns, and so are their gradients: Q with K and dO with V, or the other way
  // round.
  T* row_tiles = reinterpret_cast<T*>(shared_memory);
  T* column_tiles = row_tiles + 2 * ROWS * WIDTH;
  Record<T>* column_records = reinterpret_cast<Record<T>*>(column_tiles + 4 * TILE);
  const int warp_row = threadIdx.x / 32 * 16 * MT, g = lane_group(), t = lane_in_group();
  T* score_rows = row_tiles + warp_row * WIDTH;
  T* gradient_rows = score_rows + ROWS * WIDTH;

  const Band band = band_of<KEYS>(p);
  // Records of two neighbours may be copied at once.
  const int begin = band.first(first_row) & ~1, end = band.end(min(first_row + ROWS, length) - 1);

  Matrix<const T> score_source = KEYS ? Q : K, gradient_source = KEYS ? dO : V;
  const auto copy_columns = [&](int column, int stage) {
    T* to = column_tiles + stage * 2 * TILE;
    copy_rows<T, COLUMNS, WIDTH>(to, score_source, column);
    copy_rows<T, COLUMNS, WIDTH>(to + TILE, gradient_source, column);
    if (KEYS) {
      constexpr int PER_COPY = 16 / sizeof(Record<T>);
      const int i = threadIdx.x * PER_COPY;
      if (i < COLUMNS) cp_async_16(column_records + stage * COLUMNS + i, records + column + i, column + i < p.queries);
    }
  };

  Record<T> row_records[MT][2];
  if (!KEYS)
    each_row<MT>([&](int m, int h) {
      row_records[m][h] = records[min(first_row + warp_row + 16 * m + 8 * h + g, p.queries - 1)];
    });

  float score_gradient[MT][WIDTH / 8][4] = {}, value_gradient[KEYS ? MT : 1][WIDTH / 8][4] = {};
  int column = begin, stage = 0, heads_left = p.group;
  if (begin < end) {
    copy_rows<T, ROWS, WIDTH>(row_tiles, KEYS ? K : Q, first_row);
    copy_rows<T, ROWS, WIDTH>(row_tiles + ROWS * WIDTH, KEYS ? V : dO, first_row);
    copy_columns(begin, 0);
    cp_async_commit();
  }
  while (column < end) {
    cp_async_wait<0>();
    // This tile is there for all, and all are done with the one before, whose place the next one takes.
    __syncthreads();
    int next = column + COLUMNS;
    if (KEYS && next >= end && --heads_left > 0) {
      next = begin;
      score_source.data += p.q.head;
      gradient_source.data += (long long)p.queries * p.d_value;
      records += padded;
    }
    if (next < end) copy_columns(next, stage ^ 1);
    cp_async_commit();

    const T* score_columns = column_tiles + stage * 2 * TILE;
    const T* gradient_columns = score_columns + TILE;
    float s[MT][NT][4] = {}, ds[MT][NT][4] = {};
    add_scores<WIDTH>(s, score_rows, score_columns);
    if (!band.shows_all(first_row, ROWS, column, COLUMNS)) hide(s, band, first_row + warp_row + g, column + 2 * t);
    add_scores<WIDTH>(ds, gradient_rows, gradient_columns);
    each_element<MT, NT>([&](int m, int h, int j, int e) {
      const Record<T>& of_query = KEYS ? column_records[stage * COLUMNS + 8 * j + 2 * t + e] : row_records[m][h];
      const float weight = of_query.weight(s[m][j][2 * h + e], p.scale);
      s[m][j][2 * h + e] = weight;
      ds[m][j][2 * h + e] = weight * (ds[m][j][2 * h + e] - of_query.dot);
    });
    if constexpr (KEYS) add_mixture(value_gradient, s, gradient_columns);
    add_mixture(score_gradient, ds, score_columns);
    column = next;
    stage ^= 1;
  }

  each_element<MT, WIDTH / 8>([&](int m, int h, int j, int e) { score_gradient[m][j][2 * h + e] *= p.gradient_scale; });
  const long long flat = ((long long)batch * heads + head) * length;
  const Matrix<T> dA{(KEYS ? gk : gq) + flat * p.d_key, p.d_key, length, p.d_key};
  store_rows<T, WIDTH>(dA, first_row + warp_row, score_rows, score_gradient);
  if constexpr (KEYS) {
    const Matrix<T> dV{gv + flat * p.d_value, p.d_value, length, p.d_value};
    store_rows<T, WIDTH>(dV, first_row + warp_row, gradient_rows, value_gradient);
  }
}
