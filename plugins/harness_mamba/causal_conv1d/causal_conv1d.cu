// causal_conv1d, channels last. A thread owns N neighbouring channels and walks over `steps` times, keeping the last WIDTH
// inputs in registers, so that each input is read once (and once more by the walk after, WIDTH - 1 of them).
// The rows of the next GROUP times are on their way while those of this one are worked on.
//
// x, y     [batch, length, channels]; rows of x lie stride_batch and stride_time apart, channels side by side
// weight   [WIDTH, channels], the present first;  bias [channels] or null
#include "harness.cuh"

constexpr int GROUP = 4;

template <typename T, int N>
struct alignas(sizeof(T) * N) Pack {
  T values[N];
};

template <typename T, int N>
using Rows = Pack<T, N>[GROUP];

// The rows from `first` on, of which there are some before `end`.
template <typename T, int N>
__device__ __forceinline__ void fetch(Rows<T, N>& rows, const T* from, long long stride, int first, int end) {
#pragma unroll
  for (int i = 0; i < GROUP; ++i)
    if (first + i < end) rows[i] = *reinterpret_cast<const Pack<T, N>*>(from + (first + i) * stride);
}

template <typename T, int N>
__device__ __forceinline__ void widen(float (&to)[N], const Pack<T, N>& from) {
#pragma unroll
  for (int i = 0; i < N; ++i) to[i] = to_float(from.values[i]);
}

template <typename T, int N>
__device__ __forceinline__ void load(float (&to)[N], const T* from) {
  widen<T, N>(to, *reinterpret_cast<const Pack<T, N>*>(from));
}

template <typename T, int N>
__device__ __forceinline__ void store(T* to, const float (&from)[N]) {
  Pack<T, N> pack;
#pragma unroll
  for (int i = 0; i < N; ++i) pack.values[i] = from_float<T>(from[i]);
  *reinterpret_cast<Pack<T, N>*>(to) = pack;
}

template <typename W, int WIDTH, int N>
__device__ __forceinline__ void load_weights(float (&weights)[WIDTH][N], float (&offset)[N], const W* weight,
                                             const W* bias, int channel, int channels) {
#pragma unroll
  for (int lag = 0; lag < WIDTH; ++lag) load<W, N>(weights[lag], weight + (long long)lag * channels + channel);
#pragma unroll
  for (int i = 0; i < N; ++i) offset[i] = bias ? to_float(bias[channel + i]) : 0.0f;
}

// The rows move one place into the past, and the newest becomes free.
template <int ROWS, int N>
__device__ __forceinline__ void shift(float (&rows)[ROWS][N]) {
#pragma unroll
  for (int row = ROWS - 1; row > 0; --row)
#pragma unroll
    for (int i = 0; i < N; ++i) rows[row][i] = rows[row - 1][i];
}

template <int WIDTH, int N>
__device__ __forceinline__ float weighted_sum(const float (&weights)[WIDTH][N], const float (&rows)[WIDTH][N], int i) {
  float sum = 0.0f;
#pragma unroll
  for (int lag = 0; lag < WIDTH; ++lag) sum = fmaf(weights[lag][i], rows[lag][i], sum);
  return sum;
}

template <typename T, typename W, int WIDTH, int N, bool SILU>
__global__ void __launch_bounds__(128)
forward(const T* x, const W* weight, const W* bias, T* y, long long stride_batch, long long stride_time, int length,
        int channels, int steps) {
  const int channel = (blockIdx.x * blockDim.x + threadIdx.x) * N;
  if (channel >= channels) return;
  const int first = blockIdx.y * steps;
  const int last = min(first + steps, length);
  x += blockIdx.z * stride_batch + channel;
  y += (long long)blockIdx.z * length * channels + channel;
  float weights[WIDTH][N], offset[N], recent[WIDTH][N] = {};
  load_weights<W, WIDTH, N>(weights, offset, weight, bias, channel, channels);
  for (int t = max(first - WIDTH + 1, 0); t < first; ++t) {
    shift(recent);
    load<T, N>(recent[0], x + t * stride_time);
  }
  Rows<T, N> rows, next;
  fetch<T, N>(next, x, stride_time, first, last);
  for (int start = first; start < last; start += GROUP) {
#pragma unroll
    for (int i = 0; i < GROUP; ++i) rows[i] = next[i];
    fetch<T, N>(next, x, stride_time, start + GROUP, last);
#pragma unroll
    for (int step = 0; step < GROUP; ++step) {
      if (start + step >= last) break;
      shift(recent);
      widen<T, N>(recent[0], rows[step]);
      float result[N];
#pragma unroll
      for (int i = 0; i < N; ++i) {
        result[i] = weighted_sum(weights, recent, i) + offset[i];
        if (SILU) result[i] = silu(result[i]);
      }
      store<T, N>(y + (long long)(start + step) * channels, result);
    }
  }
}

// Before the activation z_t = sum_j w_j x_{t-j} + b, so gx_t = sum_j w_j gz_{t+j}: the walk runs WIDTH - 1 steps past its
// part's end and writes gx that much later. Sums for weight and bias of a walk go to partial[walk, WIDTH + 1, :].
template <typename T, typename W, int WIDTH, int N, bool SILU>
__global__ void __launch_bounds__(128)
backward(const T* x, const W* weight, const W* bias, const T* gy, T* gx, float* partial, long long stride_batch,
         long long stride_time, int length, int channels, int steps) {
  const int channel = (blockIdx.x * blockDim.x + threadIdx.x) * N;
  if (channel >= channels) return;
  const int first = blockIdx.y * steps;
  const int last = min(first + steps, length);
  x += blockIdx.z * stride_batch + channel;
  gy += (long long)blockIdx.z * length * channels + channel;
  gx += (long long)blockIdx.z * length * channels + channel;
  float weights[WIDTH][N], offset[N], recent[WIDTH][N] = {}, later[WIDTH][N] = {};
  float weight_sums[WIDTH][N] = {}, bias_sum[N] = {};
  load_weights<W, WIDTH, N>(weights, offset, weight, bias, channel, channels);
  for (int t = max(first - WIDTH + 1, 0); t < first; ++t) {
    shift(recent);
    load<T, N>(recent[0], x + t * stride_time);
  }
  const int end = last + WIDTH - 1, inside = min(end, length);
  Rows<T, N> rows, next, gradients, next_gradients;
  fetch<T, N>(next, x, stride_time, first, inside);
  fetch<T, N>(next_gradients, gy, channels, first, inside);
  for (int start = first; start < end; start += GROUP) {
#pragma unroll
    for (int i = 0; i < GROUP; ++i) {
      rows[i] = next[i];
      gradients[i] = next_gradients[i];
    }
    fetch<T, N>(next, x, stride_time, start + GROUP, inside);
    fetch<T, N>(next_gradients, gy, channels, start + GROUP, inside);
#pragma unroll
    for (int step = 0; step < GROUP; ++step) {
      const int t = start + step;
      if (t >= end) break;
      shift(recent);
      shift(later);
      float gradient[N] = {};
      if (t < length) {
        widen<T, N>(recent[0], rows[step]);
        widen<T, N>(gradient, gradients[step]);
      }
#pragma unroll
      for (int i = 0; i < N; ++i) {
        if (SILU && t < length) {
          const float z = weighted_sum(weights, recent, i) + offset[i];
          const float s = sigmoid(z);
          gradient[i] *= s * (1.0f + z * (1.0f - s));
        }
        later[0][i] = gradient[i];
        if (t < last) {
          bias_sum[i] += gradient[i];
#pragma unroll
          for (int lag = 0; lag < WIDTH; ++lag)
            weight_sums[lag][i] = fmaf(gradient[i], recent[lag][i], weight_sums[lag][i]);
        }
      }
      const int complete = t - WIDTH + 1;
      if (complete >= first) {
        // later[j] is the gradient at t - j, which is lag WIDTH - 1 - j of the input at t - WIDTH + 1.
        float result[N];
#pragma unroll
        for (int i = 0; i < N; ++i) {
          result[i] = 0.0f;
#pragma unroll
          for (int lag = 0; lag < WIDTH; ++lag) result[i] = fmaf(weights[lag][i], later[WIDTH - 1 - lag][i], result[i]);
        }
        store<T, N>(gx + (long long)complete * channels, result);
      }
    }
  }
  const long long walk = blockIdx.z * gridDim.y + blockIdx.y;
  partial += walk * (WIDTH + 1) * channels + channel;
#pragma unroll
  for (int lag = 0; lag < WIDTH; ++lag) store<float, N>(partial + (long long)lag * channels, weight_sums[lag]);
  store<float, N>(partial + (long long)WIDTH * channels, bias_sum);
}
