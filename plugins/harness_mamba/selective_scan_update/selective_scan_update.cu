// selective_scan_update: h' = exp(dt A) h + dt u B and y = (C h' + D u) silu(z), one step. LANES lanes share the states
// of a channel, four neighbours each at a time, and add up their parts of C h'.
//
// state, new_state [batch, channels, states], A [channels, states] and D, dt_bias [channels] are contiguous; u, dt, z, y
// [batch, channels] and B, C [batch, states] have rows of neighbouring numbers. D, z and dt_bias may be null.
#include "harness.cuh"

// How far apart the rows of each tensor lie, in elements.
struct Strides {
  long long u, dt, z, B, C;
};

// Four numbers of a row of which `available` are there; at once where rows begin at multiples of four.
template <typename T>
__device__ __forceinline__ void load_four(float (&to)[4], const T* from, int available, bool wide) {
  struct alignas(4 * sizeof(T)) Four {
    T values[4];
  };
  if (wide && available >= 4) {
    const Four four = *reinterpret_cast<const Four*>(from);
#pragma unroll
    for (int i = 0; i < 4; ++i) to[i] = to_float(four.values[i]);
  } else {
#pragma unroll
    for (int i = 0; i < 4; ++i) to[i] = i < available ? to_float(from[i]) : 0.0f;
  }
}

template <typename T, int LANES>
__global__ void __launch_bounds__(128)
update(const float* state, const T* u, const T* dt, const float* A, const T* B, const T* C, const float* D, const T* z,
       const float* dt_bias, T* y, float* new_state, Strides strides, int batch, int channels, int states,
       bool dt_softplus, bool wide) {
  const long long thread = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  // Lanes behind the last channel work on it too, so that all take part in the sums.
  const bool inside = thread / LANES < (long long)batch * channels;
  const long long cell = inside ? thread / LANES : (long long)batch * channels - 1;
  const int sequence = cell / channels, channel = cell % channels, lane = thread % LANES;
  const float input = to_float(u[sequence * strides.u + channel]);
  float step = to_float(dt[sequence * strides.dt + channel]) + (dt_bias ? dt_bias[channel] : 0.0f);
  if (dt_softplus) step = softplus(step);
  float sum = 0.0f;
  for (int n = lane * 4; n < states; n += LANES * 4) {
    const int available = states - n;
    float h[4], rates[4], b[4], c[4];
    load_four(h, state + cell * states + n, available, wide);
    load_four(rates, A + (long long)channel * states + n, available, wide);
    load_four(b, B + sequence * strides.B + n, available, wide);
    load_four(c, C + sequence * strides.C + n, available, wide);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      h[i] = fmaf(expf(step * rates[i]), h[i], step * input * b[i]);
      sum = fmaf(c[i], h[i], sum);
    }
    if (!inside) continue;
    float* to = new_state + cell * states + n;
    if (wide && available >= 4) {
      *reinterpret_cast<float4*>(to) = make_float4(h[0], h[1], h[2], h[3]);
    } else {
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (i < available) to[i] = h[i];
    }
  }
#pragma unroll
  for (int mask = LANES / 2; mask > 0; mask >>= 1) sum += __shfl_xor_sync(FULL_WARP, sum, mask);
  if (!inside || lane) return;
  if (D) sum = fmaf(D[channel], input, sum);
  if (z) sum *= silu(to_float(z[sequence * strides.z + channel]));
  y[cell] = from_float<T>(sum);
}
