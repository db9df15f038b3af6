// s4_kernel: the transform of K at the frequencies f <= L/2, for each feature, and the gradients from that of it.
//
// With theta = 2 pi f / L, s = sin(theta/2), c = cos(theta/2), g = dt/2, B = k P + B' and g Lambda = -a + i w it is
//   g (c + i s) (X_CB + X_CP t),   t = (k - g c X_PB) / (1 + g c X_PP),
// where X_v = sum over modes and conjugates of v / (i s - c g Lambda), for v = C B', C P, P^* B', P^* P
//           = sum_n (i s W_v + c V_v) q,   W = 2 Re v,   V = 2 (a Re v - w Im v),
//   1 / q = (c a)^2 - (s - c w)(s + c w) + 2 i s c a.
// Going forward a thread has FREQUENCIES of them and walks over the modes. Going back it makes their X again and the
// gradients of X; then a lane has a mode and walks over the frequencies of the block.
//
// dt [H]; A, P, B, C [H, N, 2] contiguous; spectrum, upstream [H, L/2 + 1, 2]
// partial [H, tiles, SUMS, N + 1]: sums of a tile for each mode, and in the last column of the first row that for g
#include "harness.cuh"

constexpr int THREADS = 128;
constexpr int WARPS = THREADS / 32;
constexpr int FREQUENCIES = 4;
constexpr int TILE = THREADS * FREQUENCIES;
constexpr int SOME_MODES = 32;  // held in shared memory at once
constexpr int SUMS = 10;
constexpr int SHORT_SUM = 16;

__device__ __forceinline__ float2 times(float2 x, float2 y) {
  return make_float2(fmaf(x.x, y.x, -x.y * y.y), fmaf(x.x, y.y, x.y * y.x));
}
// conj(x) y, by which a gradient passes back through a product with x.
__device__ __forceinline__ float2 back(float2 x, float2 y) {
  return make_float2(fmaf(x.x, y.x, x.y * y.y), fmaf(x.x, y.y, -x.y * y.x));
}
__device__ __forceinline__ float2 plus(float2 x, float2 y) { return make_float2(x.x + y.x, x.y + y.y); }
__device__ __forceinline__ float2 scaled(float2 x, float by) { return make_float2(by * x.x, by * x.y); }
__device__ __forceinline__ float2 conjugate(float2 x) { return make_float2(x.x, -x.y); }
__device__ __forceinline__ float2 inverse(float2 x) {
  return scaled(conjugate(x), 1.0f / fmaf(x.x, x.x, x.y * x.y));
}
// Re(conj(x) y)
__device__ __forceinline__ float inner(float2 x, float2 y) { return fmaf(x.x, y.x, x.y * y.y); }

struct Arguments {
  const float* dt;
  const float2 *A, *P, *B, *C;
  int modes, length;
};

__device__ __forceinline__ Arguments arguments_of_feature(const float* dt, const float* A, const float* P,
                                                          const float* B, const float* C, int modes, int length) {
  const long long at = (long long)blockIdx.x * modes;
  return {dt + blockIdx.x,
          reinterpret_cast<const float2*>(A) + at,
          reinterpret_cast<const float2*>(P) + at,
          reinterpret_cast<const float2*>(B) + at,
          reinterpret_cast<const float2*>(C) + at,
          modes,
          length};
}

// k = <P, B> / <P, P>, the same in every thread of every block.
__device__ float share_of_P(const Arguments& in) {
  float along = 0.0f, square = 0.0f;
  for (int n = threadIdx.x; n < in.modes; n += THREADS) {
    along += inner(in.P[n], in.B[n]);
    square += inner(in.P[n], in.P[n]);
  }
  along = block_sum<WARPS>(along);
  square = block_sum<WARPS>(square);
  return square > 0.0f ? along / square : 0.0f;
}

struct alignas(16) Mode {
  float a, w, unused[2];
  float W[4], V[4];
};

// The four products v of a mode: C B', C P, P^* B', P^* P.
__device__ __forceinline__ void products(float2 (&v)[4], const Arguments& in, int n, float k) {
  const float2 P = in.P[n], C = in.C[n];
  const float2 rest = plus(in.B[n], scaled(P, -k));
  v[0] = times(C, rest);
  v[1] = times(C, P);
  v[2] = back(P, rest);
  v[3] = back(P, P);
}

__device__ __forceinline__ Mode mode_of(const Arguments& in, int n, float k) {
  const float g = 0.5f * *in.dt;
  Mode mode;
  mode.a = -g * in.A[n].x;
  mode.w = g * in.A[n].y;
  float2 v[4];
  products(v, in, n, k);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    mode.W[i] = 2.0f * v[i].x;
    mode.V[i] = 2.0f * fmaf(mode.a, v[i].x, -mode.w * v[i].y);
  }
  return mode;
}

struct Angle {
  float s, c;
};

// Both as sines: where the cosine is near zero a fast mode resonates, and it needs its digits there.
__device__ __forceinline__ Angle angle_of(int frequency, int length) {
  return {sinpif((float)frequency / length), sinpif((float)(length - 2 * frequency) / (2.0f * length))};
}

__device__ __forceinline__ float2 reciprocal(const Angle& at, float a, float w) {
  const float ca = at.c * a;
  // Factored, because near resonance s^2 and (c w)^2 nearly cancel.
  const float re = fmaf(ca, ca, -fmaf(-at.c, w, at.s) * fmaf(at.c, w, at.s));
  const float im = 2.0f * at.s * ca;
  const float scale = __fdividef(1.0f, fmaf(re, re, im * im));
  return make_float2(re * scale, -im * scale);
}

// X of this thread's frequencies. Every thread of the block takes part.
__device__ __forceinline__ void cauchy_products(float2 (&X)[FREQUENCIES][4], const Angle (&angles)[FREQUENCIES],
                                                const Arguments& in, float k, bool is_used) {
  __shared__ Mode some[SOME_MODES];
  float2 W_sums[FREQUENCIES][4] = {}, V_sums[FREQUENCIES][4] = {};
  for (int first = 0; first < in.modes; first += SOME_MODES) {
    const int count = min(SOME_MODES, in.modes - first);
    __syncthreads();
    for (int n = threadIdx.x; n < count; n += THREADS) some[n] = mode_of(in, first + n, k);
    __syncthreads();
    if (!is_used) continue;
    for (int n = 0; n < count; ++n) {
      const Mode mode = some[n];
#pragma unroll
      for (int f = 0; f < FREQUENCIES; ++f) {
        const float2 q = reciprocal(angles[f], mode.a, mode.w);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
          W_sums[f][i].x = fmaf(mode.W[i], q.x, W_sums[f][i].x);
          W_sums[f][i].y = fmaf(mode.W[i], q.y, W_sums[f][i].y);
          V_sums[f][i].x = fmaf(mode.V[i], q.x, V_sums[f][i].x);
          V_sums[f][i].y = fmaf(mode.V[i], q.y, V_sums[f][i].y);
        }
      }
    }
  }
#pragma unroll
  for (int f = 0; f < FREQUENCIES; ++f) {
    const Angle at = angles[f];
#pragma unroll
    for (int i = 0; i < 4; ++i)
      X[f][i] = make_float2(fmaf(at.c, V_sums[f][i].x, -at.s * W_sums[f][i].y),
                            fmaf(at.c, V_sums[f][i].y, at.s * W_sums[f][i].x));
  }
}

__device__ __forceinline__ int frequency_of(int f) { return blockIdx.y * TILE + f * THREADS + threadIdx.x; }

__global__ void __launch_bounds__(THREADS)
forward(const float* dt, const float* A, const float* P, const float* B, const float* C, float* spectrum, int modes,
        int length) {
  const Arguments in = arguments_of_feature(dt, A, P, B, C, modes, length);
  const int num_frequencies = length / 2 + 1;
  const float g = 0.5f * *in.dt, k = share_of_P(in);
  Angle angles[FREQUENCIES];
#pragma unroll
  for (int f = 0; f < FREQUENCIES; ++f) angles[f] = angle_of(min(frequency_of(f), num_frequencies - 1), length);
  float2 X[FREQUENCIES][4];
  cauchy_products(X, angles, in, k, frequency_of(0) < num_frequencies);
  float2* out = reinterpret_cast<float2*>(spectrum) + (long long)blockIdx.x * num_frequencies;
#pragma unroll
  for (int f = 0; f < FREQUENCIES; ++f) {
    if (frequency_of(f) >= num_frequencies) continue;
    const float gc = g * angles[f].c;
    const float2 over = make_float2(fmaf(-gc, X[f][2].x, k), -gc * X[f][2].y);
    const float2 under = make_float2(fmaf(gc, X[f][3].x, 1.0f), gc * X[f][3].y);
    const float2 t = times(over, inverse(under));
    const float2 whole = plus(X[f][0], times(X[f][1], t));
    out[frequency_of(f)] = times(make_float2(gc, g * angles[f].s), whole);
  }
}

// A frequency as the second half of the backward pass sees it.
struct alignas(16) Passed {
  Angle at;
  float unused[2];
  float2 gX[4];
};

// The gradient of X at one frequency from that of the value, and what it adds to that of g outside of the modes.
__device__ __forceinline__ float pass_back(float2 (&gX)[4], float2 gradient, const float2 (&X)[4], const Angle& at,
                                           float g, float k) {
  const float gc = g * at.c;
  const float2 turn = make_float2(at.c, at.s);
  const float2 over = make_float2(fmaf(-gc, X[2].x, k), -gc * X[2].y);
  const float2 under_inverse = inverse(make_float2(fmaf(gc, X[3].x, 1.0f), gc * X[3].y));
  const float2 t = times(over, under_inverse);
  const float2 whole = plus(X[0], times(X[1], t));
  const float2 of_whole = back(scaled(turn, g), gradient);
  const float2 of_over = back(under_inverse, back(X[1], of_whole));
  const float2 of_under = scaled(back(t, of_over), -1.0f);
  gX[0] = of_whole;
  gX[1] = back(t, of_whole);
  gX[2] = scaled(of_over, -gc);
  gX[3] = scaled(of_under, gc);
  return inner(times(turn, whole), gradient) + at.c * (inner(X[3], of_under) - inner(X[2], of_over));
}

// Adds one frequency to the sums of a mode: of the gradients of W and V, of c^2 Re and s c Im of that of 1 / q.
__device__ __forceinline__ void add_frequency(float (&sums)[SUMS], const Passed& from, const Mode& mode) {
  const float2 q = reciprocal(from.at, mode.a, mode.w);
  const float2 sq = scaled(q, from.at.s), cq = scaled(q, from.at.c);
  float2 by_W = make_float2(0.0f, 0.0f), by_V = make_float2(0.0f, 0.0f);
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    const float2 gX = from.gX[i];
    sums[i] = fmaf(gX.y, sq.x, fmaf(-gX.x, sq.y, sums[i]));
    sums[4 + i] = fmaf(gX.x, cq.x, fmaf(gX.y, cq.y, sums[4 + i]));
    by_W = make_float2(fmaf(mode.W[i], gX.y, by_W.x), fmaf(-mode.W[i], gX.x, by_W.y));
    by_V = make_float2(fmaf(mode.V[i], gX.x, by_V.x), fmaf(mode.V[i], gX.y, by_V.y));
  }
  // Of q, and then of 1 / q: -conj(q^2) times that.
  const float2 of_q = plus(scaled(by_W, from.at.s), scaled(by_V, from.at.c));
  const float2 of_inverse = back(times(q, q), of_q);
  sums[8] = fmaf(-from.at.c * from.at.c, of_inverse.x, sums[8]);
  sums[9] = fmaf(-from.at.s * from.at.c, of_inverse.y, sums[9]);
}

__global__ void __launch_bounds__(THREADS)
backward(const float* dt, const float* A, const float* P, const float* B, const float* C, const float* upstream,
         float* partial, int modes, int length) {
  __shared__ Passed passed[TILE];
  __shared__ float sums_of_warps[WARPS][SUMS][32];
  const Arguments in = arguments_of_feature(dt, A, P, B, C, modes, length);
  const int num_frequencies = length / 2 + 1;
  const float g = 0.5f * *in.dt, k = share_of_P(in);
  partial += ((long long)blockIdx.x * gridDim.y + blockIdx.y) * SUMS * (modes + 1);
  {
    Angle angles[FREQUENCIES];
#pragma unroll
    for (int f = 0; f < FREQUENCIES; ++f) angles[f] = angle_of(min(frequency_of(f), num_frequencies - 1), length);
    float2 X[FREQUENCIES][4];
    cauchy_products(X, angles, in, k, frequency_of(0) < num_frequencies);
    const float2* gradients = reinterpret_cast<const float2*>(upstream) + (long long)blockIdx.x * num_frequencies;
    float of_g = 0.0f;
#pragma unroll
    for (int f = 0; f < FREQUENCIES; ++f) {
      const int frequency = frequency_of(f);
      if (frequency >= num_frequencies) continue;
      // Each of the frequencies that K has twice, as a conjugate pair, counts twice.
      const float weight = (frequency == 0 || 2 * frequency == length ? 1.0f : 2.0f) / length;
      Passed& to = passed[f * THREADS + threadIdx.x];
      to.at = angles[f];
      of_g += pass_back(to.gX, scaled(gradients[frequency], weight), X[f], angles[f], g, k);
    }
    of_g = block_sum<WARPS>(of_g);
    if (threadIdx.x == 0) partial[modes] = of_g;
  }
  __syncthreads();
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const int count = min(TILE, num_frequencies - (int)blockIdx.y * TILE);
  for (int first = 0; first < modes; first += 32) {
    const int n = first + lane;
    float sums[SUMS] = {};
    if (n < modes) {
      const Mode mode = mode_of(in, n, k);
      // In two levels, for the terms of a slow mode nearly cancel and a long sum would lose digits.
      for (int start = warp; start < count; start += WARPS * SHORT_SUM) {
        float some[SUMS] = {};
        const int end = min(start + WARPS * SHORT_SUM, count);
        for (int f = start; f < end; f += WARPS) add_frequency(some, passed[f], mode);
#pragma unroll
        for (int i = 0; i < SUMS; ++i) sums[i] += some[i];
      }
    }
#pragma unroll
    for (int i = 0; i < SUMS; ++i) sums_of_warps[warp][i][lane] = sums[i];
    __syncthreads();
    for (int i = warp; i < SUMS; i += WARPS) {
      float total = 0.0f;
#pragma unroll
      for (int other = 0; other < WARPS; ++other) total += sums_of_warps[other][i][lane];
      if (n < modes) partial[(long long)i * (modes + 1) + n] = total;
    }
    __syncthreads();
  }
}

// From the sums of all tiles to the gradients of the arguments; one block a feature.
__global__ void __launch_bounds__(THREADS)
finish(const float* dt, const float* A, const float* P, const float* B, const float* C, const float* partial,
       float* gdt, float* gA, float* gP, float* gB, float* gC, int modes, int tiles) {
  const Arguments in = arguments_of_feature(dt, A, P, B, C, modes, 0);
  const long long at = (long long)blockIdx.x * modes, stride = (long long)SUMS * (modes + 1);
  const float g = 0.5f * *in.dt, k = share_of_P(in);
  partial += blockIdx.x * tiles * stride;
  float of_g = 0.0f;
  for (int tile = threadIdx.x; tile < tiles; tile += THREADS) of_g += partial[tile * stride + modes];
  for (int n = threadIdx.x; n < modes; n += THREADS) {
    float sums[SUMS] = {};
    for (int tile = 0; tile < tiles; ++tile)
#pragma unroll
      for (int i = 0; i < SUMS; ++i) sums[i] += partial[tile * stride + (long long)i * (modes + 1) + n];
    const float a = -g * in.A[n].x, w = g * in.A[n].y;
    float2 v[4], gv[4];
    products(v, in, n, k);
    float ga = 2.0f * fmaf(a, sums[8], sums[9]), gw = 2.0f * w * sums[8];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      const float gW = sums[i], gV = sums[4 + i];
      gv[i] = make_float2(2.0f * fmaf(a, gV, gW), -2.0f * w * gV);
      ga = fmaf(2.0f * v[i].x, gV, ga);
      gw = fmaf(-2.0f * v[i].y, gV, gw);
    }
    const float2 Pn = in.P[n], Cn = in.C[n], rest = plus(in.B[n], scaled(Pn, -k));
    const float2 of_rest = plus(back(Cn, gv[0]), times(Pn, gv[2]));
    float2 of_P = plus(back(Cn, gv[1]), times(conjugate(gv[2]), rest));
    of_P = plus(of_P, plus(scaled(Pn, 2.0f * gv[3].x), scaled(of_rest, -k)));
    reinterpret_cast<float2*>(gA)[at + n] = make_float2(-g * ga, g * gw);
    reinterpret_cast<float2*>(gP)[at + n] = of_P;
    reinterpret_cast<float2*>(gB)[at + n] = of_rest;
    reinterpret_cast<float2*>(gC)[at + n] = plus(back(rest, gv[0]), back(Pn, gv[1]));
    of_g += fmaf(-in.A[n].x, ga, in.A[n].y * gw);
  }
  of_g = block_sum<WARPS>(of_g);
  if (threadIdx.x == 0) gdt[blockIdx.x] = 0.5f * of_g;
}
