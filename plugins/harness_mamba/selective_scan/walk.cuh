// What the forward and the backward pass of selective_scan share: how a warp walks over time.
//
// A warp owns neighbouring channels of one sequence and keeps their states in registers. LANES lanes share a channel's
// states, PER_LANE each, and every thread has OWN channels, so that what is loaded of B and C serves several channels
// and what is loaded of dt and u several states. Time goes in tiles: first lanes load what is given for each channel
// and time as vectors and put step sizes and inputs into shared memory in float, then the recurrence runs over the
// tile, and at last lanes write what came out as vectors again.
//
// u, dt, z, y [batch, length, channels] and B, C [batch, length, states] have rows of neighbouring numbers; A
// [channels, states], D and dt_bias [channels] and initial_state [batch, channels, states] are contiguous. D, z,
// dt_bias and initial_state may be null. Decays are powers of two: A is multiplied by log2(e) when it is loaded.
//
// A sequence may be cut into chunks of whole segments that run at once. `forward_ends` finds each chunk's state from a
// start at zero, from which every chunk of `forward` computes its true start; `backward_ends` does so for gradients.
#include "harness.cuh"

constexpr int WARPS = 4;  // of a block
constexpr float LN2 = 0.6931471805599453f;

template <int LANES_, int PER_LANE_>
struct Shape {
  static constexpr int LANES = LANES_;
  static constexpr int PER_LANE = PER_LANE_;
  static constexpr int STATES = LANES * PER_LANE;
  static constexpr int NUM_STATES = 8;               // of a thread, in registers
  static constexpr int OWN = NUM_STATES / PER_LANE;  // channels of a thread
  static constexpr int CHANNELS = OWN * 32 / LANES;  // of a warp
  static constexpr int VECTOR = CHANNELS < 8 ? CHANNELS : 8;
  static constexpr int LANES_PER_ROW = CHANNELS / VECTOR;
  static constexpr int FITTING = 256 / STATES;
  static constexpr int MOST = 32 / LANES_PER_ROW;
  static constexpr int STEPS = FITTING < 4 ? 4 : FITTING < MOST ? FITTING : MOST;  // of a tile
  static constexpr int PART = LANES > 4 ? 4 : 8;     // steps whose states the backward pass has in registers
  static constexpr int SEGMENT = OWN > 1 ? 64 : 32;  // steps between states that are kept for the backward pass
  static constexpr int KEPT = 32 * NUM_STATES;       // numbers of a warp's states where they are kept
  static_assert(SEGMENT % STEPS == 0 && STEPS % PART == 0 && PART % 2 == 0, "tiles and parts fill a segment");
};

// How far apart sequences and rows of each tensor lie, in elements.
struct Strides {
  long long u[2];
  long long dt[2];
  long long z[2];
  long long B[2];
  long long C[2];
};

struct Sizes {
  int length;
  int channels;
  int states;
  int chunk;          // steps of a chunk, which has whole segments
  int chunks;
  int wide_channels;  // whether rows of channels can be loaded and stored as vectors
  int wide_states;    // whether rows of B and C can
  int softplus;
};

template <typename T, int N>
struct alignas(sizeof(T) * N < 16 ? sizeof(T) * N : 16) Pack {
  T values[N];
};

// 2^x to two units in the last place; what is below 2^-126 becomes zero. exp2f would spend three more instructions on
// that.
__device__ __forceinline__ float power_of_two(float x) {
#ifdef HARNESS_SIMULATION
  return exp2f(x);
#else
  float result;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#endif
}

// 1 / x to one unit in the last place, for x of at least one.
__device__ __forceinline__ float reciprocal(float x) {
#ifdef HARNESS_SIMULATION
  return 1.0f / x;
#else
  float result;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
  return result;
#endif
}

__device__ __forceinline__ float fast_sigmoid(float x) { return reciprocal(1.0f + power_of_two(-LOG2E * x)); }

// log(1 + exp(x)) = max(x, 0) + log1p(e) where e = exp(-|x|), and log1p(e) = 2 atanh(s) where s = e / (2 + e) is at
// most a third: a short polynomial in s^2, off by 4e-9, keeps small results precise as log(1 + e) would not.
__device__ __forceinline__ float softplus_of(float x) {
  const float e = power_of_two(-LOG2E * fabsf(x));
  const float s = e * reciprocal(2.0f + e);
  const float square = s * s;
  float series = fmaf(0.14078889f, square, 0.13982579f);
  series = fmaf(series, square, 0.20012298f);
  series = fmaf(series, square, 0.33333161f);
  series = fmaf(series, square, 1.0f);
  return fmaf(2.0f * s, series, fmaxf(x, 0.0f));
}

template <int N>
__device__ __forceinline__ void load_floats(float (&to)[N], const float* from) {
  const Pack<float, N> pack = *reinterpret_cast<const Pack<float, N>*>(from);
#pragma unroll
  for (int i = 0; i < N; ++i) to[i] = pack.values[i];
}

template <int N>
__device__ __forceinline__ void store_floats(float* to, const float (&from)[N]) {
  Pack<float, N> pack;
#pragma unroll
  for (int i = 0; i < N; ++i) pack.values[i] = from[i];
  *reinterpret_cast<Pack<float, N>*>(to) = pack;
}

// `available` of N numbers from a row, which may be none or more than N; zeros for the rest.
template <int N, typename T>
__device__ __forceinline__ Pack<T, N> fetch(const T* from, int available, bool wide) {
  Pack<T, N> pack;
  if (wide && available >= N) return *reinterpret_cast<const Pack<T, N>*>(from);
#pragma unroll
  for (int i = 0; i < N; ++i) pack.values[i] = i < available ? from[i] : from_float<T>(0.0f);
  return pack;
}

template <int N, typename T>
__device__ __forceinline__ void put(T* to, const float (&from)[N], int available, bool wide) {
  Pack<T, N> pack;
#pragma unroll
  for (int i = 0; i < N; ++i) pack.values[i] = from_float<T>(from[i]);
  if (wide && available >= N) {
    *reinterpret_cast<Pack<T, N>*>(to) = pack;
  } else {
#pragma unroll
    for (int i = 0; i < N; ++i)
      if (i < available) to[i] = pack.values[i];
  }
}

// Sums over LANES lanes, those that differ in the bits of (LANES - 1) * UNIT. Where numbers remain, half of them go to
// the other half of the lanes, so that at last every lane has the sums of its own `KEPT` numbers, from `first(lane)`
// on.
template <int UNIT, int LANES, int COUNT>
struct Sums {
  static constexpr bool HALVES = LANES > 1 && COUNT % 2 == 0;
  static constexpr int MASK = UNIT * LANES / 2;
  using Rest = Sums<UNIT, LANES / 2, HALVES ? COUNT / 2 : COUNT>;
  static constexpr int KEPT = Rest::KEPT;
  static constexpr int COPIES = (HALVES ? 0 : MASK) | Rest::COPIES;  // bits of lanes that have the same sums

  static __device__ __forceinline__ int first(int lane) {
    return (HALVES && (lane & MASK) ? COUNT / 2 : 0) + Rest::first(lane);
  }
  static __device__ __forceinline__ void add(float* values, int lane) {
    if constexpr (HALVES) {
      const bool upper = lane & MASK;
#pragma unroll
      for (int i = 0; i < COUNT / 2; ++i) {
        const float given = upper ? values[i] : values[i + COUNT / 2];
        const float kept = upper ? values[i + COUNT / 2] : values[i];
        values[i] = kept + __shfl_xor_sync(FULL_WARP, given, MASK);
      }
    } else {
#pragma unroll
      for (int i = 0; i < COUNT; ++i) values[i] += __shfl_xor_sync(FULL_WARP, values[i], MASK);
    }
    Rest::add(values, lane);
  }
};

template <int UNIT, int COUNT>
struct Sums<UNIT, 1, COUNT> {
  static constexpr int KEPT = COUNT;
  static constexpr int COPIES = 0;
  static __device__ __forceinline__ int first(int) { return 0; }
  static __device__ __forceinline__ void add(float*, int) {}
};

// Where a thread works.
template <class S>
struct Place {
  int lane, sequence, chunk;
  int slice, slices;   // which of a sequence's warps
  int channel, state;  // the first of a thread's own, the channel counted within the warp

  __device__ __forceinline__ Place(const Sizes& sizes, int chunk_) : chunk(chunk_) {
    slices = (sizes.channels + S::CHANNELS - 1) / S::CHANNELS;
    const int blocks = (slices + WARPS - 1) / WARPS;
    lane = threadIdx.x % 32;
    sequence = blockIdx.x / blocks;
    // The shuffle tells the compiler that this is the same in all lanes.
    slice = blockIdx.x % blocks * WARPS + __shfl_sync(FULL_WARP, threadIdx.x / 32, 0);
    channel = lane / S::LANES * S::OWN;
    state = lane % S::LANES * S::PER_LANE;
  }
  __device__ __forceinline__ int first_channel() const { return slice * S::CHANNELS; }
  // The vector that a lane loads and stores in a tile of [steps, channels].
  __device__ __forceinline__ int row() const { return lane / S::LANES_PER_ROW; }
  __device__ __forceinline__ int column() const { return lane % S::LANES_PER_ROW * S::VECTOR; }
  // The warp's number among those of all sequences, each cut into `count` pieces.
  __device__ __forceinline__ long long piece(int which, int count) const {
    return ((long long)sequence * count + which) * slices + slice;
  }
};

// The states of a warp, each lane's four by four, so that a warp stores whole lines.
template <class S>
__device__ __forceinline__ void keep_states(float* to, const float (&h)[S::OWN][S::PER_LANE], int lane) {
#pragma unroll
  for (int i = 0; i < S::NUM_STATES; i += 4) {
    const float four[4] = {h[i / S::PER_LANE][i % S::PER_LANE], h[i / S::PER_LANE][i % S::PER_LANE + 1],
                           h[i / S::PER_LANE][i % S::PER_LANE + 2], h[i / S::PER_LANE][i % S::PER_LANE + 3]};
    store_floats(to + i * 32 + lane * 4, four);
  }
}

template <class S>
__device__ __forceinline__ void kept_states(float (&h)[S::OWN][S::PER_LANE], const float* from, int lane) {
#pragma unroll
  for (int i = 0; i < S::NUM_STATES; i += 4) {
    float four[4];
    load_floats(four, from + i * 32 + lane * 4);
#pragma unroll
    for (int j = 0; j < 4; ++j) h[i / S::PER_LANE][i % S::PER_LANE + j] = four[j];
  }
}

// The thread's numbers of a contiguous [channels, states]; zero where there are none, or all of them where it is null.
template <class S>
__device__ __forceinline__ void read_states(float (&h)[S::OWN][S::PER_LANE], const float* from, const Place<S>& at,
                                            const Sizes& sizes) {
#pragma unroll
  for (int i = 0; i < S::OWN; ++i) {
    const int channel = at.first_channel() + at.channel + i;
    const int available = from && channel < sizes.channels ? sizes.states - at.state : 0;
#pragma unroll
    for (int n = 0; n < S::PER_LANE; ++n)
      h[i][n] = n < available ? from[(long long)channel * sizes.states + at.state + n] : 0.0f;
  }
}

template <class S>
__device__ __forceinline__ void write_states(float* to, const float (&h)[S::OWN][S::PER_LANE], const Place<S>& at,
                                             const Sizes& sizes) {
#pragma unroll
  for (int i = 0; i < S::OWN; ++i) {
    const int channel = at.first_channel() + at.channel + i;
#pragma unroll
    for (int n = 0; n < S::PER_LANE; ++n)
      if (channel < sizes.channels && at.state + n < sizes.states)
        to[(long long)channel * sizes.states + at.state + n] = h[i][n];
  }
}

template <class S>
__device__ __forceinline__ void read_rates(float (&A)[S::OWN][S::PER_LANE], const float* from, const Place<S>& at,
                                           const Sizes& sizes) {
  read_states<S>(A, from, at, sizes);
#pragma unroll
  for (int i = 0; i < S::OWN; ++i)
#pragma unroll
    for (int n = 0; n < S::PER_LANE; ++n) A[i][n] *= LOG2E;
}

// Step sizes and inputs of a tile side by side for each channel. Rows are four floats longer than they need to be, so
// that lanes that store different rows meet different banks.
template <class S>
struct Drive {
  float values[S::STEPS][2 * S::CHANNELS + 4];
};

template <class S>
using Row = float[S::STEPS][S::STATES];
template <class S>
using Column = float[S::STEPS][S::CHANNELS];

template <class S, typename T>
using Vector = Pack<T, S::VECTOR>;

// What a lane loads of a tensor that is as wide as the channels: its row of the tile that begins at `start`.
template <class S, typename T>
__device__ __forceinline__ Vector<S, T> fetch_channels(const T* from, const long long (&stride)[2], int start,
                                                       const Place<S>& at, const Sizes& sizes) {
  const int channel = at.first_channel() + at.column();
  const bool inside = at.row() < S::STEPS && start + at.row() < sizes.length;
  const T* row = from + at.sequence * stride[0] + (start + at.row()) * stride[1] + channel;
  return fetch<S::VECTOR>(row, inside ? sizes.channels - channel : 0, sizes.wide_channels);
}

// A tile of B or C goes to shared memory in vectors of eight, one or more to a lane.
template <class S>
constexpr int ROW_VECTORS = (S::STEPS * S::STATES + 255) / 256;

template <class S, typename T>
struct RowVectors {
  Pack<T, 8> values[ROW_VECTORS<S>];
};

template <class S, typename T>
__device__ __forceinline__ RowVectors<S, T> fetch_states(const T* from, const long long (&stride)[2], int start,
                                                         const Place<S>& at, const Sizes& sizes) {
  RowVectors<S, T> found;
#pragma unroll
  for (int i = 0; i < ROW_VECTORS<S>; ++i) {
    const int index = (i * 32 + at.lane) * 8, row = index / S::STATES, state = index % S::STATES;
    const bool inside = row < S::STEPS && start + row < sizes.length;
    const T* place = from + at.sequence * stride[0] + (start + row) * stride[1] + state;
    found.values[i] = fetch<8>(place, inside ? sizes.states - state : 0, sizes.wide_states);
  }
  return found;
}

template <class S, typename T>
__device__ __forceinline__ void stage_states(Row<S>& to, const RowVectors<S, T>& from, const Place<S>& at) {
#pragma unroll
  for (int i = 0; i < ROW_VECTORS<S>; ++i) {
    const int index = (i * 32 + at.lane) * 8;
    float values[8];
#pragma unroll
    for (int j = 0; j < 8; ++j) values[j] = to_float(from.values[i].values[j]);
    if (index < S::STEPS * S::STATES) store_floats(&to[index / S::STATES][index % S::STATES], values);
  }
}

// The step sizes of a lane's vector: zero behind the end, where states then stay as they are.
template <class S, typename T>
__device__ __forceinline__ void step_sizes(float (&dt)[S::VECTOR], const Vector<S, T>& raw, const float* bias,
                                           int start, const Place<S>& at, const Sizes& sizes) {
  const bool inside = at.row() < S::STEPS && start + at.row() < sizes.length;
#pragma unroll
  for (int i = 0; i < S::VECTOR; ++i) {
    const float x = to_float(raw.values[i]) + bias[at.column() + i];
    dt[i] = inside ? (sizes.softplus ? softplus_of(x) : x) : 0.0f;
  }
}

template <class S, typename T>
__device__ __forceinline__ void stage_drive(Drive<S>& to, const float (&dt)[S::VECTOR], const Vector<S, T>& u,
                                            const Place<S>& at) {
  if (at.row() >= S::STEPS) return;
  float pairs[2 * S::VECTOR];
#pragma unroll
  for (int i = 0; i < S::VECTOR; ++i) {
    pairs[2 * i] = dt[i];
    pairs[2 * i + 1] = dt[i] * to_float(u.values[i]);
  }
  store_floats(&to.values[at.row()][2 * at.column()], pairs);
}

// The numbers of a warp's channels, zeros where there are none.
template <class S>
__device__ __forceinline__ void stage_parameter(float (&to)[S::CHANNELS], const float* from, const Place<S>& at,
                                                const Sizes& sizes) {
  for (int i = at.lane; i < S::CHANNELS; i += 32) {
    const int channel = at.first_channel() + i;
    to[i] = from && channel < sizes.channels ? from[channel] : 0.0f;
  }
}

// A thread's step sizes and inputs at a time of the tile.
template <class S>
__device__ __forceinline__ void read_drive(float (&dt)[S::OWN], float (&x)[S::OWN], const Drive<S>& drive, int t,
                                           const Place<S>& at) {
  float pairs[2 * S::OWN];
  load_floats(pairs, &drive.values[t][2 * at.channel]);
#pragma unroll
  for (int i = 0; i < S::OWN; ++i) {
    dt[i] = pairs[2 * i];
    x[i] = pairs[2 * i + 1];
  }
}

template <class S>
__device__ __forceinline__ void advance(float (&h)[S::OWN][S::PER_LANE], const float (&A)[S::OWN][S::PER_LANE],
                                        const Drive<S>& drive, const Row<S>& B, int t, const Place<S>& at) {
  float dt[S::OWN], x[S::OWN], b[S::PER_LANE];
  read_drive<S>(dt, x, drive, t, at);
  load_floats(b, &B[t][at.state]);
#pragma unroll
  for (int i = 0; i < S::OWN; ++i)
#pragma unroll
    for (int n = 0; n < S::PER_LANE; ++n) h[i][n] = fmaf(power_of_two(dt[i] * A[i][n]), h[i][n], x[i] * b[n]);
}

// The state before a chunk: what the start of the sequence and the ends of the chunks between add up to. The ends are
// those of chunks that start at zero; `totals` are sums of step sizes, over which what was there before has decayed.
template <class S>
__device__ __forceinline__ void carry_over(float (&h)[S::OWN][S::PER_LANE], const float (&A)[S::OWN][S::PER_LANE],
                                           const float* ends, const float* totals, int chunk, int chunks,
                                           const Place<S>& at) {
  const long long piece = at.piece(chunk, chunks);
  float end[S::OWN][S::PER_LANE];
  kept_states<S>(end, ends + piece * S::KEPT, at.lane);
#pragma unroll
  for (int i = 0; i < S::OWN; ++i) {
    const float total = totals[piece * S::CHANNELS + at.channel + i];
#pragma unroll
    for (int n = 0; n < S::PER_LANE; ++n) h[i][n] = fmaf(power_of_two(total * A[i][n]), h[i][n], end[i][n]);
  }
}

// The sum over a warp's rows of what each lane has for its vector of channels, in every row.
template <class S>
__device__ __forceinline__ void add_rows(float (&values)[S::VECTOR]) {
#pragma unroll
  for (int mask = 16; mask >= S::LANES_PER_ROW; mask >>= 1)
#pragma unroll
    for (int i = 0; i < S::VECTOR; ++i) values[i] += __shfl_xor_sync(FULL_WARP, values[i], mask);
}

template <class S>
__device__ __forceinline__ void keep_end(float* ends, float* totals, const float (&h)[S::OWN][S::PER_LANE],
                                         float (&total)[S::VECTOR], const Place<S>& at, const Sizes& sizes) {
  const long long piece = at.piece(at.chunk, sizes.chunks);
  keep_states<S>(ends + piece * S::KEPT, h, at.lane);
  add_rows<S>(total);
  if (at.row() == 0) store_floats(totals + piece * S::CHANNELS + at.column(), total);
}
