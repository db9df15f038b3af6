// The backward pass of selective_scan. It follows walk.cuh.

// gy before the gate: y was the readout r = C h + D u times silu(z), so the gradient of r is gy silu(z).
template <class S, typename T>
__device__ __forceinline__ void ungate(float (&gr)[S::VECTOR], const Vector<S, T>& gy, const Vector<S, T>& z,
                                       bool gated) {
#pragma unroll
  for (int i = 0; i < S::VECTOR; ++i) {
    const float gate = to_float(z.values[i]);
    gr[i] = to_float(gy.values[i]) * (gated ? gate * fast_sigmoid(gate) : 1.0f);
  }
}

template <class S>
struct alignas(16) CarriesTile {
  Drive<S> drive;
  Row<S> C;
  Column<S> gr;
  float bias[S::CHANNELS];
};

// What each chunk hands to the state before it if nothing comes from behind it, and the sum of its step sizes. Chunk k
// of the grid is chunk k + 1 of the sequence: nobody asks for what the first one hands on.
template <typename T, int LANES, int PER_LANE>
__global__ void __launch_bounds__(32 * WARPS, 4)
backward_ends(const T* dt, const float* A, const T* C, const T* z, const float* dt_bias, const T* gy, float* ends,
              float* totals, Strides strides, Sizes sizes) {
  using S = Shape<LANES, PER_LANE>;
  __shared__ CarriesTile<S> tiles[WARPS];
  const Place<S> at(sizes, blockIdx.y + 1);
  if (at.first_channel() >= sizes.channels) return;
  CarriesTile<S>& tile = tiles[threadIdx.x / 32];
  const long long dense[2] = {(long long)sizes.length * sizes.channels, sizes.channels};
  float rates[S::OWN][PER_LANE], carry[S::OWN][PER_LANE] = {}, total[S::VECTOR] = {};
  read_rates<S>(rates, A, at, sizes);
  stage_parameter<S>(tile.bias, dt_bias, at, sizes);
  __syncwarp();
  const int first = at.chunk * sizes.chunk, last = min(first + sizes.chunk, sizes.length);
  for (int start = first + (last - first - 1) / S::STEPS * S::STEPS; start >= first; start -= S::STEPS) {
    const Vector<S, T> gy_here = fetch_channels<S>(gy, dense, start, at, sizes);
    Vector<S, T> gate = {};
    if (z) gate = fetch_channels<S>(z, strides.z, start, at, sizes);
    float steps[S::VECTOR], gr[S::VECTOR];
    step_sizes<S, T>(steps, fetch_channels<S>(dt, strides.dt, start, at, sizes), tile.bias, start, at, sizes);
    stage_drive<S, T>(tile.drive, steps, gate, at);
    stage_states<S, T>(tile.C, fetch_states<S>(C, strides.C, start, at, sizes), at);
    ungate<S, T>(gr, gy_here, gate, z != nullptr);
    if (at.row() < S::STEPS) store_floats(&tile.gr[at.row()][at.column()], gr);
#pragma unroll
    for (int i = 0; i < S::VECTOR; ++i) total[i] += steps[i];
    __syncwarp();
#pragma unroll 8
    for (int t = S::STEPS - 1; t >= 0; --t) {
      float step[S::OWN], unused[S::OWN], c[PER_LANE], g[S::OWN];
      read_drive<S>(step, unused, tile.drive, t, at);
      load_floats(c, &tile.C[t][at.state]);
      load_floats(g, &tile.gr[t][at.channel]);
#pragma unroll
      for (int i = 0; i < S::OWN; ++i)
#pragma unroll
        for (int n = 0; n < PER_LANE; ++n)
          carry[i][n] = fmaf(g[i], c[n], carry[i][n]) * power_of_two(step[i] * rates[i][n]);
    }
    __syncwarp();
  }
  keep_end<S>(ends, totals, carry, total, at, sizes);
}

template <class S>
struct alignas(16) BackwardTile {
  Drive<S> drive;
  Row<S> B;
  Row<S> C;
  Column<S> gr;
  float sums[S::STEPS][3][S::CHANNELS];  // over the states: C h, gh B, and gh exp(dt A) h_before A
  float rows[S::STEPS][2][S::STATES];    // over the warp's channels: gradients of B and C
  float notes[S::SEGMENT / S::PART - 1][S::KEPT];  // the states before each part of a segment but the first
  float bias[S::CHANNELS];
  float skip[S::CHANNELS];
  float totals[2][S::STEPS * S::LANES_PER_ROW][S::VECTOR];  // each lane's part of the gradients of D and dt_bias
};

// A part of the tile from `first` on: its states computed again from the `note` of the one before it, then its times
// walked backwards. A state is the sum of what has decayed and what is new; kept are the former and the decay.
template <class S>
__device__ __forceinline__ void walk_back(float (&carry)[S::OWN][S::PER_LANE], float (&grates)[S::OWN][S::PER_LANE],
                                          BackwardTile<S>& tile, const float (&rates)[S::OWN][S::PER_LANE],
                                          const float* note, int first, const Place<S>& at) {
  using OverStates = Sums<1, S::LANES, S::OWN * 3>;
  using OverChannels = Sums<S::LANES, 32 / S::LANES, 2 * S::PER_LANE>;
  float h[S::OWN][S::PER_LANE], decay[S::PART][S::OWN][S::PER_LANE], decayed[S::PART][S::OWN][S::PER_LANE];
  kept_states<S>(h, note, at.lane);
#pragma unroll
  for (int t = 0; t < S::PART; ++t) {
    float dt[S::OWN], x[S::OWN], b[S::PER_LANE];
    read_drive<S>(dt, x, tile.drive, first + t, at);
    load_floats(b, &tile.B[first + t][at.state]);
#pragma unroll
    for (int i = 0; i < S::OWN; ++i)
#pragma unroll
      for (int n = 0; n < S::PER_LANE; ++n) {
        decay[t][i][n] = power_of_two(dt[i] * rates[i][n]);
        decayed[t][i][n] = decay[t][i][n] * h[i][n];
        h[i][n] = fmaf(x[i], b[n], decayed[t][i][n]);
      }
  }
#pragma unroll
  for (int t = S::PART - 1; t >= 0; --t) {
    float dt[S::OWN], x[S::OWN], b[S::PER_LANE], c[S::PER_LANE], gr[S::OWN];
    read_drive<S>(dt, x, tile.drive, first + t, at);
    load_floats(b, &tile.B[first + t][at.state]);
    load_floats(c, &tile.C[first + t][at.state]);
    load_floats(gr, &tile.gr[first + t][at.channel]);
    float over_channels[2 * S::PER_LANE] = {}, over_states[S::OWN * 3];
#pragma unroll
    for (int i = 0; i < S::OWN; ++i) {
      float y = 0.0f, gx = 0.0f, gexponent = 0.0f;
#pragma unroll
      for (int n = 0; n < S::PER_LANE; ++n) {
        const float here = fmaf(x[i], b[n], decayed[t][i][n]);
        const float gh = fmaf(gr[i], c[n], carry[i][n]);
        const float through = gh * decayed[t][i][n];
        over_channels[n] = fmaf(gh, x[i], over_channels[n]);
        over_channels[S::PER_LANE + n] = fmaf(gr[i], here, over_channels[S::PER_LANE + n]);
        y = fmaf(c[n], here, y);
        gx = fmaf(gh, b[n], gx);
        gexponent = fmaf(through, rates[i][n], gexponent);
        grates[i][n] = fmaf(through, dt[i], grates[i][n]);
        carry[i][n] = gh * decay[t][i][n];
      }
      over_states[i * 3] = y;
      over_states[i * 3 + 1] = gx;
      over_states[i * 3 + 2] = gexponent;
    }
    OverChannels::add(over_channels, at.lane);
    OverStates::add(over_states, at.lane);
    if ((at.lane & OverChannels::COPIES) == 0) {
      const int from = OverChannels::first(at.lane);
#pragma unroll
      for (int i = 0; i < OverChannels::KEPT; ++i)
        tile.rows[first + t][(from + i) / S::PER_LANE][at.state + (from + i) % S::PER_LANE] = over_channels[i];
    }
    if ((at.lane & OverStates::COPIES) == 0) {
      const int from = OverStates::first(at.lane);
#pragma unroll
      for (int i = 0; i < OverStates::KEPT; ++i)
        tile.sums[first + t][(from + i) % 3][at.channel + (from + i) / 3] = over_states[i];
    }
  }
}

// With gh_t the gradient of h_t, all that reaches it at t and later: gh_t = gr_t C_t + exp(dt_{t+1} A) gh_{t+1}. Then
//   gC_t = sum over channels of gr_t h_t       gB_t = sum over channels of gh_t dt_t u_t
//   g(dt_t u_t) = sum over states of gh_t B_t  g(dt_t A) = gh_t exp(dt_t A) h_{t-1}, which goes to dt_t and to A.
// Segments come last first. From the state that was kept before a segment, its states are computed again: once to note
// them before each part, then part by part, last first, to have all of a part in registers when its times are walked
// backwards.
//
// What is summed over channels goes to rows_partial[block of channels, sequence, t, 2, state]; what is summed over time
// to rates_partial[sequence and chunk, channel, state] and parameters_partial[sequence and chunk, 2, channel] (of D and
// dt_bias).
template <typename T, int LANES, int PER_LANE>
__global__ void __launch_bounds__(32 * WARPS, 2)
backward(const T* u, const T* dt, const float* A, const T* B, const T* C, const float* D, const T* z,
         const float* dt_bias, const float* kept, const float* ends, const float* totals, const T* gy,
         const float* gfinal, T* gu, T* gdt, T* gz, float* ginitial, float* rows_partial, float* rates_partial,
         float* parameters_partial, Strides strides, Sizes sizes) {
  using S = Shape<LANES, PER_LANE>;
  extern __shared__ float memory[];
  BackwardTile<S>* tiles = reinterpret_cast<BackwardTile<S>*>(memory);
  const Place<S> at(sizes, blockIdx.y);
  const bool active = at.first_channel() < sizes.channels;
  BackwardTile<S>& tile = tiles[threadIdx.x / 32];
  const long long num_states = (long long)sizes.channels * sizes.states;
  const long long dense[2] = {(long long)sizes.length * sizes.channels, sizes.channels};
  const int segments = (sizes.length + S::SEGMENT - 1) / S::SEGMENT;

  float rates[S::OWN][PER_LANE], carry[S::OWN][PER_LANE] = {}, grates[S::OWN][PER_LANE] = {};
  if (active) {
#pragma unroll
    for (int which = 0; which < 2; ++which) {
      const float zeros[S::VECTOR] = {};
      if (at.row() < S::STEPS) store_floats(tile.totals[which][at.lane], zeros);
    }
    read_rates<S>(rates, A, at, sizes);
    read_states<S>(carry, gfinal + at.sequence * num_states, at, sizes);
    for (int chunk = sizes.chunks - 1; chunk > at.chunk; --chunk)
      carry_over<S>(carry, rates, ends, totals, chunk, sizes.chunks, at);
    stage_parameter<S>(tile.bias, dt_bias, at, sizes);
    stage_parameter<S>(tile.skip, D, at, sizes);
    __syncwarp();
  }
  constexpr int PARTS = S::STEPS / S::PART;
  const int first = at.chunk * sizes.chunk, last = min(first + sizes.chunk, sizes.length);

  for (int begin = (last - 1) / S::SEGMENT * S::SEGMENT; begin >= first; begin -= S::SEGMENT) {
    const float* before = kept + at.piece(begin / S::SEGMENT, segments) * S::KEPT;
    if (active) {
      float h[S::OWN][PER_LANE];
      kept_states<S>(h, before, at.lane);
      for (int start = begin; start < min(begin + S::SEGMENT, sizes.length); start += S::STEPS) {
        float steps[S::VECTOR];
        step_sizes<S, T>(steps, fetch_channels<S>(dt, strides.dt, start, at, sizes), tile.bias, start, at, sizes);
        stage_drive<S, T>(tile.drive, steps, fetch_channels<S>(u, strides.u, start, at, sizes), at);
        stage_states<S, T>(tile.B, fetch_states<S>(B, strides.B, start, at, sizes), at);
        __syncwarp();
        for (int part = 0; part < PARTS; ++part) {
          if (start + part > begin) keep_states<S>(tile.notes[(start - begin) / S::PART + part - 1], h, at.lane);
          if (start + (part + 1) * S::PART >= min(begin + S::SEGMENT, sizes.length)) break;
#pragma unroll
          for (int t = 0; t < S::PART; ++t) advance<S>(h, rates, tile.drive, tile.B, part * S::PART + t, at);
        }
        __syncwarp();
      }
    }
    const int last_tile = begin + (min(S::SEGMENT, sizes.length - begin) - 1) / S::STEPS * S::STEPS;
    for (int start = last_tile; start >= begin; start -= S::STEPS) {
      if (active) {
        {
          const Vector<S, T> gy_here = fetch_channels<S>(gy, dense, start, at, sizes);
          const Vector<S, T> u_here = fetch_channels<S>(u, strides.u, start, at, sizes);
          const Vector<S, T> dt_here = fetch_channels<S>(dt, strides.dt, start, at, sizes);
          Vector<S, T> gate = {};
          if (z) gate = fetch_channels<S>(z, strides.z, start, at, sizes);
          const RowVectors<S, T> b = fetch_states<S>(B, strides.B, start, at, sizes);
          const RowVectors<S, T> c = fetch_states<S>(C, strides.C, start, at, sizes);
          float steps[S::VECTOR], gr[S::VECTOR];
          step_sizes<S, T>(steps, dt_here, tile.bias, start, at, sizes);
          stage_drive<S, T>(tile.drive, steps, u_here, at);
          stage_states<S, T>(tile.B, b, at);
          stage_states<S, T>(tile.C, c, at);
          ungate<S, T>(gr, gy_here, gate, z != nullptr);
          if (at.row() < S::STEPS) store_floats(&tile.gr[at.row()][at.column()], gr);
        }
        __syncwarp();
        for (int part = PARTS - 1; part >= 0; --part) {
          const int index = (start - begin) / S::PART + part;
          const float* note = index ? tile.notes[index - 1] : before;
          if (start + part * S::PART < sizes.length) walk_back<S>(carry, grates, tile, rates, note, part * S::PART, at);
        }
        __syncwarp();
        const int t = start + at.row(), channel = at.first_channel() + at.column();
        if (at.row() < S::STEPS && t < sizes.length) {
          const Vector<S, T> u_here = fetch_channels<S>(u, strides.u, start, at, sizes);
          const Vector<S, T> dt_here = fetch_channels<S>(dt, strides.dt, start, at, sizes);
          const Vector<S, T> gy_here = fetch_channels<S>(gy, dense, start, at, sizes);
          Vector<S, T> gate = {};
          if (z) gate = fetch_channels<S>(z, strides.z, start, at, sizes);
          float gr[S::VECTOR], gskip[S::VECTOR], gbias[S::VECTOR];
          load_floats(gr, &tile.gr[at.row()][at.column()]);
          load_floats(gskip, tile.totals[0][at.lane]);
          load_floats(gbias, tile.totals[1][at.lane]);
          float y[S::VECTOR], gx[S::VECTOR], gexponent[S::VECTOR], pairs[2 * S::VECTOR];
          load_floats(y, &tile.sums[at.row()][0][at.column()]);
          load_floats(gx, &tile.sums[at.row()][1][at.column()]);
          load_floats(gexponent, &tile.sums[at.row()][2][at.column()]);
          load_floats(pairs, &tile.drive.values[at.row()][2 * at.column()]);
          float result_u[S::VECTOR], result_dt[S::VECTOR], result_z[S::VECTOR];
#pragma unroll
          for (int i = 0; i < S::VECTOR; ++i) {
            const float skip = tile.skip[at.column() + i], here = to_float(u_here.values[i]);
            result_u[i] = fmaf(gx[i], pairs[2 * i], skip * gr[i]);
            result_dt[i] = fmaf(gx[i], here, gexponent[i] * LN2);
            if (sizes.softplus) result_dt[i] *= fast_sigmoid(to_float(dt_here.values[i]) + tile.bias[at.column() + i]);
            gskip[i] = fmaf(gr[i], here, gskip[i]);
            gbias[i] += result_dt[i];
            const float x = to_float(gate.values[i]), s = fast_sigmoid(x);
            result_z[i] = to_float(gy_here.values[i]) * fmaf(skip, here, y[i]) * s * fmaf(x, 1.0f - s, 1.0f);
          }
          store_floats(tile.totals[0][at.lane], gskip);
          store_floats(tile.totals[1][at.lane], gbias);
          const long long to = ((long long)at.sequence * sizes.length + t) * sizes.channels + channel;
          const int available = sizes.channels - channel;
          put(gu + to, result_u, available, sizes.wide_channels);
          put(gdt + to, result_dt, available, sizes.wide_channels);
          if (z) put(gz + to, result_z, available, sizes.wide_channels);
        }
      }
      __syncthreads();
      const int blocks = (at.slices + WARPS - 1) / WARPS, block = blockIdx.x % blocks;
      const int active_warps = min(WARPS, at.slices - block * WARPS);
      const long long lines = ((long long)block * (gridDim.x / blocks) + at.sequence) * sizes.length + start;
      for (int i = threadIdx.x; i < S::STEPS * 2 * S::STATES; i += 32 * WARPS) {
        const int row = i / (2 * S::STATES), which = i / S::STATES % 2, state = i % S::STATES;
        if (start + row >= sizes.length || state >= sizes.states) continue;
        float sum = 0.0f;
        for (int warp = 0; warp < active_warps; ++warp) sum += tiles[warp].rows[row][which][state];
        rows_partial[((lines + row) * 2 + which) * sizes.states + state] = sum;
      }
      // The next tile is put where this one was.
      __syncthreads();
    }
  }
  if (!active) return;
  const long long piece = (long long)at.sequence * sizes.chunks + at.chunk;
  if (ginitial && at.chunk == 0) write_states<S>(ginitial + at.sequence * num_states, carry, at, sizes);
  write_states<S>(rates_partial + piece * num_states, grates, at, sizes);
#pragma unroll
  for (int which = 0; which < 2; ++which) {
    float total[S::VECTOR] = {};
    if (at.row() < S::STEPS) load_floats(total, tile.totals[which][at.lane]);
    add_rows<S>(total);
    const int channel = at.first_channel() + at.column();
    if (at.row() == 0) put(parameters_partial + (piece * 2 + which) * sizes.channels + channel, total,
                         sizes.channels - channel, false);
  }
}
