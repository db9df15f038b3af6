// s4d_kernel: K[l] = 2 Re sum_n C_n z_n^l with z_n = exp(dt A_n), for each feature.
//
// A lag is l = qT + r, so that z^l = z^{qT} z^r, and a tile of T x T lags is a matrix product over the modes of two
// small tables of powers, which the block makes in shared memory. Of its 256 threads, the one in column tx and row ty
// of a square owns PER_THREAD x PER_THREAD lags of the tile; T = 16 PER_THREAD.
//
// dt [H], A [H, N, 2], C [H, N, 2] contiguous; K, g [H, L]; partial [H, tiles, N, 4]
#include "harness.cuh"

constexpr int SIDE = 16;
constexpr int THREADS = SIDE * SIDE;
constexpr int WARPS = THREADS / 32;
constexpr double INVERSE_TAU = 0.15915494309189535;

template <int N>
struct alignas(4 * N) Pack {
  float values[N];
};

__device__ __forceinline__ float2 times(float2 a, float2 b) {
  return make_float2(fmaf(a.x, b.x, -a.y * b.y), fmaf(a.x, b.y, a.y * b.x));
}

// A value of one of the sixteen lanes that this one belongs to.
__device__ __forceinline__ float2 from_lane(float2 x, int lane) {
  return make_float2(__shfl_sync(FULL_WARP, x.x, lane, SIDE), __shfl_sync(FULL_WARP, x.y, lane, SIDE));
}

// The exponent of one mode, dt A: the decay of a lag, and its turns.
struct Rate {
  float decay;
  double turns;

  __device__ Rate(const float* dt, const float* A, long long feature, int mode, int modes) : decay(0.0f), turns(0.0) {
    if (mode >= modes) return;
    const float* a = A + (feature * modes + mode) * 2;
    decay = dt[feature] * a[0];
    turns = (double)dt[feature] * a[1] * INVERSE_TAU;
  }

  // z^lag. Whole turns are taken out in double: of many of them, float would keep no digit of the phase.
  __device__ float2 power(long long lag) const {
    double phase = turns * (double)lag;
    phase -= rint(phase);
    float sine, cosine;
    sincospif(2.0f * (float)phase, &sine, &cosine);
    const float size = expf(decay * (float)lag);
    return make_float2(size * cosine, size * sine);
  }
};

// z^{first + step i} for i < 256, by two exponentials a lane: sixteen lanes share a mode, lane j of them holds
// z^{step j} and z^{first + 16 step j}, and every power is a product of one of each.
struct Powers {
  float2 fine, coarse;

  __device__ Powers(const Rate& rate, long long first, long long step) {
    const int j = threadIdx.x % SIDE;
    fine = rate.power(step * j);
    coarse = rate.power(first + step * SIDE * j);
  }

  // Number 16 row + j, in lane j.
  __device__ float2 in_row(int row) const {
    return times(fine, from_lane(coarse, row));
  }
};

// The places along one side of the tile that belong to a thread: groups of four neighbours, sixteen threads abreast.
__device__ __forceinline__ int place(int i, int thread) { return i / 4 * (4 * SIDE) + thread * 4 + i % 4; }

template <int PER_THREAD>
__device__ __forceinline__ void load_places(float (&to)[PER_THREAD], const float* row, int thread) {
#pragma unroll
  for (int i = 0; i < PER_THREAD; i += 4) {
    const Pack<4> pack = *reinterpret_cast<const Pack<4>*>(row + place(i, thread));
#pragma unroll
    for (int j = 0; j < 4; ++j) to[i + j] = pack.values[j];
  }
}

// sum += the outer product of two rows of shared memory.
template <int PER_THREAD>
__device__ __forceinline__ void add_product(float (&sum)[PER_THREAD][PER_THREAD], const float* left, const float* right,
                                            int ty, int tx) {
  float a[PER_THREAD], b[PER_THREAD];
  load_places(a, left, ty);
  load_places(b, right, tx);
#pragma unroll
  for (int i = 0; i < PER_THREAD; ++i)
#pragma unroll
    for (int j = 0; j < PER_THREAD; ++j) sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
}

template <int PER_THREAD>
__global__ void __launch_bounds__(THREADS, 2)
forward(const float* dt, const float* A, const float* C, float* K, int modes, int length) {
  constexpr int T = SIDE * PER_THREAD;
  // Real and imaginary rows of sixteen modes; those of the left table are weighted by 2 C and conjugated.
  __shared__ alignas(16) float left[2 * SIDE][T];
  __shared__ alignas(16) float right[2 * SIDE][T];
  const long long feature = blockIdx.x;
  const long long start = (long long)blockIdx.y * T * T;
  const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
  // Rows of the tile that begin before the end.
  const int rows = (int)min((long long)T, (length - start + T - 1) / T);
  float sum[PER_THREAD][PER_THREAD] = {};
  for (int first = 0; first < modes; first += SIDE) {
    const int mode = first + ty;
    const Rate rate(dt, A, feature, mode, modes);
    Powers longs(rate, start, T), shorts(rate, 0, 1);
    float2 weight = make_float2(0.0f, 0.0f);
    if (mode < modes) {
      const float* c = C + (feature * modes + mode) * 2;
      weight = make_float2(2.0f * c[0], 2.0f * c[1]);
    }
    longs.fine = times(longs.fine, weight);
    // The products of the modes before may still be read.
    __syncthreads();
#pragma unroll
    for (int row = 0; row < PER_THREAD; ++row) {
      const float2 l = longs.in_row(row), r = shorts.in_row(row);
      left[2 * ty][SIDE * row + tx] = l.x;
      left[2 * ty + 1][SIDE * row + tx] = -l.y;
      right[2 * ty][SIDE * row + tx] = r.x;
      right[2 * ty + 1][SIDE * row + tx] = r.y;
    }
    __syncthreads();
    if (place(0, ty) < rows) {
      const int used = 2 * min(SIDE, modes - first);
      for (int k = 0; k < used; ++k) add_product(sum, left[k], right[k], ty, tx);
    }
  }
  K += feature * length;
  const bool aligned = length % 4 == 0;
#pragma unroll
  for (int i = 0; i < PER_THREAD; ++i) {
#pragma unroll
    for (int j = 0; j < PER_THREAD; j += 4) {
      const long long lag = start + (long long)place(i, ty) * T + place(j, tx);
      if (aligned && lag < length) {
        *reinterpret_cast<Pack<4>*>(K + lag) = {sum[i][j], sum[i][j + 1], sum[i][j + 2], sum[i][j + 3]};
      } else {
#pragma unroll
        for (int v = 0; v < 4; ++v)
          if (lag + v < length) K[lag + v] = sum[i][j + v];
      }
    }
  }
}

// Sums over the lags of a tile, for 4 PER_THREAD modes at a time: S0 = sum g_l z^l and S1 = sum l g_l z^l.
// First along the short lags, again as a matrix product, U_q = sum_r g z^r and V_q = sum_r r g z^r: its columns are the
// four real parts of U and V of each mode. Then along the long ones: S0 = sum_q z^{qT} U_q and
// S1 = sum_q z^{qT} (qT U_q + V_q).
template <int PER_THREAD>
__global__ void __launch_bounds__(THREADS, 2)
backward(const float* dt, const float* A, const float* g, float* partial, int modes, int length) {
  constexpr int T = SIDE * PER_THREAD;
  constexpr int GROUPS = PER_THREAD / 4;  // a thread has one mode in each
  constexpr int MODES = SIDE * GROUPS;
  // Sixteen short lags at a time; the padding spreads a column over the banks.
  __shared__ alignas(16) float upstream[SIDE][T + 4];
  __shared__ alignas(16) float right[SIDE][T + 4];
  __shared__ float sums[WARPS][4 * MODES];
  const long long feature = blockIdx.x;
  const long long start = (long long)blockIdx.y * T * T;
  const int tx = threadIdx.x % SIDE, ty = threadIdx.x / SIDE;
  const int rows = (int)min((long long)T, (length - start + T - 1) / T);
  g += feature * length;
  partial += (feature * gridDim.y + blockIdx.y) * modes * 4;
  for (int first = 0; first < modes; first += MODES) {
    float sum[PER_THREAD][PER_THREAD] = {};
    float2 fine[GROUPS], coarse[GROUPS];
#pragma unroll
    for (int group = 0; group < GROUPS; ++group) {
      const Powers shorts(Rate(dt, A, feature, first + group * SIDE + ty, modes), 0, 1);
      fine[group] = shorts.fine;
      coarse[group] = shorts.coarse;
    }
    for (int chunk = 0; chunk < PER_THREAD; ++chunk) {
      const int r = SIDE * chunk + tx;
      __syncthreads();
#pragma unroll
      for (int i = 0; i < PER_THREAD; ++i) {
        const int q = SIDE * i + ty;
        const long long lag = start + (long long)q * T + r;
        upstream[tx][q] = lag < length ? g[lag] : 0.0f;
      }
#pragma unroll
      for (int group = 0; group < GROUPS; ++group) {
        const float2 z = times(fine[group], from_lane(coarse[group], chunk));
        *reinterpret_cast<Pack<4>*>(&right[tx][(group * SIDE + ty) * 4]) = {z.x, z.y, r * z.x, r * z.y};
      }
      __syncthreads();
      if (place(0, ty) < rows)
        for (int k = 0; k < SIDE; ++k) add_product(sum, upstream[k], right[k], ty, tx);
    }
#pragma unroll
    for (int group = 0; group < GROUPS; ++group) {
      const Rate rate(dt, A, feature, first + group * SIDE + tx, modes);
      float total[4] = {};
#pragma unroll
      for (int i = 0; i < PER_THREAD; ++i) {
        const long long lag = start + (long long)place(i, ty) * T;
        if (lag >= length) continue;
        const float2 z = rate.power(lag);
        const float(&uv)[PER_THREAD] = sum[i];
        const float2 u = times(z, make_float2(uv[group * 4], uv[group * 4 + 1]));
        const float2 v = times(z, make_float2(uv[group * 4 + 2], uv[group * 4 + 3]));
        total[0] += u.x;
        total[1] += u.y;
        total[2] += fmaf((float)lag, u.x, v.x);
        total[3] += fmaf((float)lag, u.y, v.y);
      }
#pragma unroll
      for (int part = 0; part < 4; ++part) {
        // The two rows of threads in a warp.
        total[part] += __shfl_xor_sync(FULL_WARP, total[part], SIDE);
        if (threadIdx.x % 32 < SIDE) sums[threadIdx.x / 32][(group * SIDE + tx) * 4 + part] = total[part];
      }
    }
    __syncthreads();
    for (int i = threadIdx.x; i < 4 * MODES; i += THREADS) {
      float total = 0.0f;
#pragma unroll
      for (int warp = 0; warp < WARPS; ++warp) total += sums[warp][i];
      if (first * 4 + i < modes * 4) partial[first * 4 + i] = total;
    }
  }
}

// From the sums of all tiles: gC = 2 conj(S0), the gradient of dt A is 2 conj(C S1). One warp a feature.
__global__ void __launch_bounds__(32)
finish(const float* dt, const float* A, const float* C, const float* partial, float* gdt, float* gA, float* gC,
       int modes, int tiles) {
  const long long feature = blockIdx.x;
  float along_dt = 0.0f;
  for (int mode = threadIdx.x; mode < modes; mode += 32) {
    float s[4] = {};
    for (int tile = 0; tile < tiles; ++tile) {
      const float* from = partial + ((feature * tiles + tile) * modes + mode) * 4;
#pragma unroll
      for (int part = 0; part < 4; ++part) s[part] += from[part];
    }
    const long long at = (feature * modes + mode) * 2;
    const float2 rate = times(make_float2(C[at], C[at + 1]), make_float2(s[2], s[3]));
    gC[at] = 2.0f * s[0];
    gC[at + 1] = -2.0f * s[1];
    gA[at] = dt[feature] * 2.0f * rate.x;
    gA[at + 1] = dt[feature] * -2.0f * rate.y;
    along_dt += 2.0f * (A[at] * rate.x - A[at + 1] * rate.y);
  }
  along_dt = warp_sum(along_dt);
  if (threadIdx.x == 0) gdt[feature] = along_dt;
}
