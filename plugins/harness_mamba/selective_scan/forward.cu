// selective_scan: h_t = exp(dt_t A) h_{t-1} + dt_t u_t B_t and y_t = (C_t h_t + D u_t) silu(z_t). It follows walk.cuh.

template <class S>
struct alignas(16) EndsTile {
  Drive<S> drive;
  Row<S> B;
  float bias[S::CHANNELS];
};

// Each chunk's last state from a start at zero, and the sum of its step sizes.
template <typename T, int LANES, int PER_LANE>
__global__ void __launch_bounds__(32 * WARPS, 4)
forward_ends(const T* u, const T* dt, const float* A, const T* B, const float* dt_bias, float* ends, float* totals,
             Strides strides, Sizes sizes) {
  using S = Shape<LANES, PER_LANE>;
  __shared__ EndsTile<S> tiles[WARPS];
  const Place<S> at(sizes, blockIdx.y);
  if (at.first_channel() >= sizes.channels) return;
  EndsTile<S>& tile = tiles[threadIdx.x / 32];
  float rates[S::OWN][PER_LANE], h[S::OWN][PER_LANE] = {}, total[S::VECTOR] = {};
  read_rates<S>(rates, A, at, sizes);
  stage_parameter<S>(tile.bias, dt_bias, at, sizes);
  __syncwarp();
  const int first = at.chunk * sizes.chunk, last = min(first + sizes.chunk, sizes.length);
  for (int start = first; start < last; start += S::STEPS) {
    float steps[S::VECTOR];
    step_sizes<S, T>(steps, fetch_channels<S>(dt, strides.dt, start, at, sizes), tile.bias, start, at, sizes);
    stage_drive<S, T>(tile.drive, steps, fetch_channels<S>(u, strides.u, start, at, sizes), at);
    stage_states<S, T>(tile.B, fetch_states<S>(B, strides.B, start, at, sizes), at);
#pragma unroll
    for (int i = 0; i < S::VECTOR; ++i) total[i] += steps[i];
    __syncwarp();
#pragma unroll 8
    for (int t = 0; t < S::STEPS; ++t) advance<S>(h, rates, tile.drive, tile.B, t, at);
    __syncwarp();
  }
  keep_end<S>(ends, totals, h, total, at, sizes);
}

template <class S>
struct alignas(16) ForwardTile {
  Drive<S> drive;
  Row<S> B;
  Row<S> C;
  Column<S> y;
  float bias[S::CHANNELS];
  float skip[S::CHANNELS];
};

template <class S, typename T>
struct Given {
  Vector<S, T> u, dt, z;
  RowVectors<S, T> B, C;
};

// `kept` receives the state before each segment. `ends` and `totals` are those of `forward_ends`, if there are chunks.
template <typename T, int LANES, int PER_LANE>
__global__ void __launch_bounds__(32 * WARPS, PER_LANE > 4 ? 2 : 3)
forward(const T* u, const T* dt, const float* A, const T* B, const T* C, const float* D, const T* z,
        const float* dt_bias, const float* initial_state, const float* ends, const float* totals, T* y,
        float* final_state, float* kept, Strides strides, Sizes sizes) {
  using S = Shape<LANES, PER_LANE>;
  using Pairs = Sums<1, LANES, 2 * S::OWN>;
  __shared__ ForwardTile<S> tiles[WARPS];
  const Place<S> at(sizes, blockIdx.y);
  if (at.first_channel() >= sizes.channels) return;
  ForwardTile<S>& tile = tiles[threadIdx.x / 32];
  const long long num_states = (long long)sizes.channels * sizes.states;
  float rates[S::OWN][PER_LANE], h[S::OWN][PER_LANE];
  read_rates<S>(rates, A, at, sizes);
  read_states<S>(h, initial_state ? initial_state + at.sequence * num_states : nullptr, at, sizes);
  for (int chunk = 0; chunk < at.chunk; ++chunk) carry_over<S>(h, rates, ends, totals, chunk, sizes.chunks, at);
  stage_parameter<S>(tile.bias, dt_bias, at, sizes);
  stage_parameter<S>(tile.skip, D, at, sizes);
  __syncwarp();

  const int first = at.chunk * sizes.chunk, last = min(first + sizes.chunk, sizes.length);
  const int segments = (sizes.length + S::SEGMENT - 1) / S::SEGMENT;
  const auto fetch_tile = [&](int start) {
    Given<S, T> given;
    given.u = fetch_channels<S>(u, strides.u, start, at, sizes);
    given.dt = fetch_channels<S>(dt, strides.dt, start, at, sizes);
    if (z) given.z = fetch_channels<S>(z, strides.z, start, at, sizes);
    given.B = fetch_states<S>(B, strides.B, start, at, sizes);
    given.C = fetch_states<S>(C, strides.C, start, at, sizes);
    return given;
  };
  Given<S, T> next = fetch_tile(first);
  for (int start = first; start < last; start += S::STEPS) {
    const Given<S, T> given = next;
    // On its way while the recurrence runs.
    if (start + S::STEPS < last) next = fetch_tile(start + S::STEPS);
    if (start % S::SEGMENT == 0) keep_states<S>(kept + at.piece(start / S::SEGMENT, segments) * S::KEPT, h, at.lane);
    float steps[S::VECTOR];
    step_sizes<S, T>(steps, given.dt, tile.bias, start, at, sizes);
    stage_drive<S, T>(tile.drive, steps, given.u, at);
    stage_states<S, T>(tile.B, given.B, at);
    stage_states<S, T>(tile.C, given.C, at);
    __syncwarp();
    for (int part = 0; part < S::STEPS; part += S::PART) {
      // Stored behind all of the part's loads, which could not be moved in front of a store.
      float sums[S::PART / 2][2 * S::OWN];
#pragma unroll
      for (int t = 0; t < S::PART; ++t) {
        float c[PER_LANE];
        advance<S>(h, rates, tile.drive, tile.B, part + t, at);
        load_floats(c, &tile.C[part + t][at.state]);
#pragma unroll
        for (int i = 0; i < S::OWN; ++i) {
          float sum = c[0] * h[i][0];
#pragma unroll
          for (int n = 1; n < PER_LANE; ++n) sum = fmaf(c[n], h[i][n], sum);
          sums[t / 2][t % 2 * S::OWN + i] = sum;
        }
        if (t % 2) Pairs::add(sums[t / 2], at.lane);
      }
      if ((at.lane & Pairs::COPIES) == 0) {
        const int from = Pairs::first(at.lane);
#pragma unroll
        for (int pair = 0; pair < S::PART / 2; ++pair)
#pragma unroll
          for (int i = 0; i < Pairs::KEPT; ++i)
            tile.y[part + 2 * pair + (from + i) / S::OWN][at.channel + (from + i) % S::OWN] = sums[pair][i];
      }
    }
    __syncwarp();
    const int t = start + at.row(), channel = at.first_channel() + at.column();
    if (at.row() < S::STEPS && t < sizes.length) {
      float result[S::VECTOR];
      load_floats(result, &tile.y[at.row()][at.column()]);
#pragma unroll
      for (int i = 0; i < S::VECTOR; ++i) {
        result[i] = fmaf(tile.skip[at.column() + i], to_float(given.u.values[i]), result[i]);
        if (z) {
          const float gate = to_float(given.z.values[i]);
          result[i] *= gate * fast_sigmoid(gate);
        }
      }
      put(y + ((long long)at.sequence * sizes.length + t) * sizes.channels + channel, result, sizes.channels - channel,
          sizes.wide_channels);
    }
  }
  if (last == sizes.length) write_states<S>(final_state + at.sequence * num_states, h, at, sizes);
}
