// long_conv by Fourier transforms inside a block.
//
// Two rows of the batch are the real and the imaginary part of one complex signal: the kernel is real, so the
// convolution of the pair is the pair of convolutions. Transforms run in place in shared memory, forward by decimation in
// frequency and back by decimation in time, so that spectra stay in bit-reversed order and nothing is ever permuted.
//
// u, gy, y, gu [batch, features, length];  k [features, length];  twiddles[e] = exp(-2 pi i e / POINTS)
#include "harness.cuh"

constexpr int PER_THREAD = 16;

// A gap after every sixteen numbers, so that strides of a power of two meet different banks.
__device__ __forceinline__ int place(int i) { return i + (i >> 4); }

__device__ __forceinline__ float2 add(float2 a, float2 b) { return make_float2(a.x + b.x, a.y + b.y); }
__device__ __forceinline__ float2 subtract(float2 a, float2 b) { return make_float2(a.x - b.x, a.y - b.y); }
__device__ __forceinline__ float2 times(float2 a, float2 b) {
  return make_float2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x);
}
__device__ __forceinline__ float2 times_conjugate(float2 a, float2 b) {
  return make_float2(a.x * b.x + a.y * b.y, a.y * b.x - a.x * b.y);
}

// STAGES stages of a transform at once, in registers: the first pairs elements 2^LOG2_HALF apart (the last, going back).
template <int LOG2N, int STAGES, int LOG2_HALF, bool BACK>
__device__ __forceinline__ void pass(float2* data, const float2* twiddles) {
  constexpr int POINTS = 1 << LOG2N, THREADS = POINTS / PER_THREAD, ROWS = 1 << STAGES;
  constexpr int LOG2_STEP = LOG2_HALF - STAGES + 1;
  // Unrolled, the parts would load together and take twice the registers.
#pragma unroll 1
  for (int part = 0; part < PER_THREAD / ROWS; ++part) {
    const int group = threadIdx.x + part * THREADS;
    const int first = group & ((1 << LOG2_STEP) - 1);
    const int base = ((group >> LOG2_STEP) << (LOG2_HALF + 1)) + first;
    float2 v[ROWS];
#pragma unroll
    for (int m = 0; m < ROWS; ++m) v[m] = data[place(base + (m << LOG2_STEP))];
#pragma unroll
    for (int step = 0; step < STAGES; ++step) {
      const int stage = BACK ? STAGES - 1 - step : step;
      const int half = ROWS >> (stage + 1);
#pragma unroll
      for (int m = 0; m < ROWS; ++m) {
        if (m & half) continue;
        const int j = first + ((m & (half - 1)) << LOG2_STEP);
        const float2 w = __ldg(twiddles + (j << (LOG2N - 1 - LOG2_HALF + stage)));
        const float2 a = v[m];
        if (BACK) {
          const float2 b = times_conjugate(v[m + half], w);
          v[m] = add(a, b);
          v[m + half] = subtract(a, b);
        } else {
          const float2 b = v[m + half];
          v[m] = add(a, b);
          v[m + half] = times(subtract(a, b), w);
        }
      }
    }
#pragma unroll
    for (int m = 0; m < ROWS; ++m) data[place(base + (m << LOG2_STEP))] = v[m];
  }
  __syncthreads();
}

// Stages that are left over from threes come first going forward, and last going back.
template <int LOG2N, int LEFT>
__device__ __forceinline__ void transform(float2* data, const float2* twiddles) {
  if constexpr (LEFT > 0) {
    constexpr int STAGES = LEFT % 3 ? LEFT % 3 : 3;
    pass<LOG2N, STAGES, LEFT - 1, false>(data, twiddles);
    transform<LOG2N, LEFT - STAGES>(data, twiddles);
  }
}

template <int LOG2N, int DONE>
__device__ __forceinline__ void transform_back(float2* data, const float2* twiddles) {
  if constexpr (DONE < LOG2N) {
    constexpr int STAGES = LOG2N - DONE < 3 ? LOG2N - DONE : 3;
    pass<LOG2N, STAGES, DONE + STAGES - 1, true>(data, twiddles);
    transform_back<LOG2N, DONE + STAGES>(data, twiddles);
  }
}

template <int LOG2N, typename T>
__device__ __forceinline__ void load_pair(float2* data, const T* signal, int pair, int batch, int features, int length) {
  constexpr int THREADS = (1 << LOG2N) / PER_THREAD;
  const long long row = (long long)features * length;
  const T* first = signal + 2 * pair * row + (long long)blockIdx.x * length;
  const bool has_second = 2 * pair + 1 < batch;
#pragma unroll 4
  for (int part = 0; part < PER_THREAD; ++part) {
    const int i = threadIdx.x + part * THREADS;
    float2 value = make_float2(0.0f, 0.0f);
    if (i < length) {
      value.x = to_float(first[i]);
      if (has_second) value.y = to_float(first[row + i]);
    }
    data[place(i)] = value;
  }
  __syncthreads();
}

__global__ void make_twiddles(float2* twiddles, int points) {
  const int e = blockIdx.x * blockDim.x + threadIdx.x;
  if (e >= points / 2) return;
  float sine, cosine;
  sincospif(-2.0f * e / points, &sine, &cosine);
  twiddles[e] = make_float2(cosine, sine);
}

// y = u * k, or with CORRELATE the gradient of u from that of y: the conjugate spectrum of k runs time backward.
template <typename T, int LOG2N, bool CORRELATE>
__global__ void __launch_bounds__((1 << LOG2N) / PER_THREAD)
convolve(const T* u, const float* k, const float2* twiddles, T* y, int batch, int features, int length,
         int pairs_per_block) {
  constexpr int POINTS = 1 << LOG2N, THREADS = POINTS / PER_THREAD;
  extern __shared__ float2 data[];
  float2 spectrum[PER_THREAD];
#pragma unroll 4
  for (int part = 0; part < PER_THREAD; ++part) {
    const int i = threadIdx.x + part * THREADS;
    data[place(i)] = make_float2(i < length ? k[(long long)blockIdx.x * length + i] : 0.0f, 0.0f);
  }
  __syncthreads();
  transform<LOG2N, LOG2N>(data, twiddles);
#pragma unroll
  for (int part = 0; part < PER_THREAD; ++part) {
    const float2 value = data[place(threadIdx.x + part * THREADS)];
    spectrum[part] = make_float2(value.x / POINTS, value.y / POINTS);
  }
  __syncthreads();
  const int first = blockIdx.y * pairs_per_block;
  const int last = min(first + pairs_per_block, (batch + 1) / 2);
  for (int pair = first; pair < last; ++pair) {
    load_pair<LOG2N>(data, u, pair, batch, features, length);
    transform<LOG2N, LOG2N>(data, twiddles);
#pragma unroll
    for (int part = 0; part < PER_THREAD; ++part) {
      const int i = place(threadIdx.x + part * THREADS);
      data[i] = CORRELATE ? times_conjugate(data[i], spectrum[part]) : times(data[i], spectrum[part]);
    }
    __syncthreads();
    transform_back<LOG2N, 0>(data, twiddles);
    const long long row = (long long)features * length;
    T* out = y + 2 * pair * row + (long long)blockIdx.x * length;
#pragma unroll 4
    for (int part = 0; part < PER_THREAD; ++part) {
      const int i = threadIdx.x + part * THREADS;
      if (i >= length) continue;
      out[i] = from_float<T>(data[place(i)].x);
      if (2 * pair + 1 < batch) out[row + i] = from_float<T>(data[place(i)].y);
    }
    __syncthreads();
  }
}

// The gradient of k: the correlation of gy and u, summed over the pairs of a block. The real part of gy's pair times the
// conjugate of u's pair is the sum of both rows' products.
template <typename T, int LOG2N>
__global__ void __launch_bounds__((1 << LOG2N) / PER_THREAD)
correlate(const T* u, const T* gy, const float2* twiddles, float* partial, int batch, int features, int length,
          int pairs_per_block) {
  constexpr int POINTS = 1 << LOG2N, THREADS = POINTS / PER_THREAD;
  extern __shared__ float2 data[];
  float2 sum[PER_THREAD] = {};
  const int first = blockIdx.y * pairs_per_block;
  const int last = min(first + pairs_per_block, (batch + 1) / 2);
  for (int pair = first; pair < last; ++pair) {
    float2 gradient[PER_THREAD];
    load_pair<LOG2N>(data, gy, pair, batch, features, length);
    transform<LOG2N, LOG2N>(data, twiddles);
#pragma unroll
    for (int part = 0; part < PER_THREAD; ++part) gradient[part] = data[place(threadIdx.x + part * THREADS)];
    __syncthreads();
    load_pair<LOG2N>(data, u, pair, batch, features, length);
    transform<LOG2N, LOG2N>(data, twiddles);
#pragma unroll
    for (int part = 0; part < PER_THREAD; ++part)
      sum[part] = add(sum[part], times_conjugate(gradient[part], data[place(threadIdx.x + part * THREADS)]));
    __syncthreads();
  }
#pragma unroll
  for (int part = 0; part < PER_THREAD; ++part)
    data[place(threadIdx.x + part * THREADS)] = make_float2(sum[part].x / POINTS, sum[part].y / POINTS);
  __syncthreads();
  transform_back<LOG2N, 0>(data, twiddles);
  partial += ((long long)blockIdx.y * features + blockIdx.x) * length;
#pragma unroll
  for (int part = 0; part < PER_THREAD; ++part) {
    const int i = threadIdx.x + part * THREADS;
    if (i < length) partial[i] = data[place(i)].x;
  }
}

// For lengths beyond a block, between torch's transforms: out = a b, or a times the conjugate of b.
template <bool CONJUGATE>
__global__ void multiply(const float2* a, const float2* b, float2* out, long long per_row, long long count) {
  const long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= count) return;
  const float2 other = b[i % per_row];
  out[i] = CONJUGATE ? times_conjugate(a[i], other) : times(a[i], other);
}

// out = the sum over the batch of a times the conjugate of b.
__global__ void multiply_and_sum(const float2* a, const float2* b, float2* out, int batch, long long per_row) {
  const long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  if (i >= per_row) return;
  float2 sum = make_float2(0.0f, 0.0f);
  for (int row = 0; row < batch; ++row) sum = add(sum, times_conjugate(a[row * per_row + i], b[row * per_row + i]));
  out[i] = sum;
}
