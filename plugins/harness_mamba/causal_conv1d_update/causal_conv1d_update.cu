// causal_conv1d_update: y = sum over lags j of weight_j times the value j back, plus the bias, and the past moved on by
// one. A thread has one channel of one sequence.
//
// past, new_past [batch, width - 1, channels], the latest first; x, y [batch, channels]; weight [width, channels], the
// present first; bias [channels] or null. Channels lie side by side; rows of past and x lie their strides apart.
#include "harness.cuh"

template <typename T, typename W>
__global__ void __launch_bounds__(128)
update(const T* past, const T* x, const W* weight, const W* bias, T* y, T* new_past, long long past_batch,
       long long past_row, long long x_batch, int channels, int width, bool with_silu) {
  const int channel = blockIdx.x * blockDim.x + threadIdx.x;
  const long long sequence = blockIdx.y;
  if (channel >= channels) return;
  past += sequence * past_batch + channel;
  new_past += sequence * (width - 1) * channels + channel;
  T value = x[sequence * x_batch + channel];
  float sum = bias ? to_float(bias[channel]) : 0.0f;
  sum = fmaf(to_float(weight[channel]), to_float(value), sum);
  for (int lag = 1; lag < width; ++lag) {
    new_past[(long long)(lag - 1) * channels] = value;
    value = past[(lag - 1) * past_row];
    sum = fmaf(to_float(weight[(long long)lag * channels + channel]), to_float(value), sum);
  }
  y[sequence * channels + channel] = from_float<T>(with_silu ? silu(sum) : sum);
}
