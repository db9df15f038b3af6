// Where threads wait for each other: barriers of a block, and the exchanges of a warp.
#pragma once

namespace simulation {
// Lanes of a warp that arrived together. The last of them resolves the meeting for all: it sees every lane's input,
// which stays valid since all others wait, and writes every lane's output.
struct Meeting {
  Thread* lanes;
  unsigned participants;

  const Thread& first() const { return lanes[__builtin_ctz(participants)]; }
  bool has(unsigned lane) const { return lane < warp_size && (participants >> lane & 1); }
  template <class Input>
  const Input& input(int lane) const {
    return *static_cast<const Input*>(lanes[lane].input);
  }
  template <class Output>
  Output& output(int lane) const {
    return *static_cast<Output*>(lanes[lane].output);
  }
};

// Ends the meeting that `thread` waits in if all whom it waits for are there. Nobody waits for a lane that returned.
bool try_to_meet(const Thread& thread);

// Waits until the meeting took place.
void wait_for_warp(const char* operation, unsigned mask, const void* input, void* output,
                   void (*resolve)(const Meeting&), Place place);

template <class Input, class Output>
void meet(const char* operation, unsigned mask, const Input& input, Output& output, void (*resolve)(const Meeting&),
          Place place) {
  wait_for_warp(operation, mask, &input, &output, resolve, place);
}

void meet_only(const Meeting&);

struct Parcel {
  unsigned long long bits;
  unsigned source;
};

// A lane that reads from one that does not take part gets poison: CUDA leaves the value undefined.
void deliver(const Meeting& meeting);

template <class T>
T shuffle(const char* operation, unsigned mask, T value, int source, int width, Place place) {
  static_assert(sizeof(T) <= 8, "a shuffle moves at most 8 bytes");
  if (width < 1 || width > warp_size || (width & (width - 1)))
    fail(place, "%s: the width is %d; it must be a power of two up to 32", operation, width);
  Parcel parcel{0, static_cast<unsigned>(source)};
  std::memcpy(&parcel.bits, static_cast<const void*>(&value), sizeof(T));
  unsigned long long received = 0;
  meet(operation, mask, parcel, received, deliver, place);
  std::memcpy(static_cast<void*>(&value), &received, sizeof(T));
  return value;
}

// The lanes whose predicate holds, one bit each.
unsigned ballot(const char* operation, unsigned mask, bool predicate, Place place);

template <class T, T (*combine)(T, T)>
void fold(const Meeting& meeting) {
  bool first = true;
  T total{};
  for (int lane = 0; lane < warp_size; ++lane) {
    if (!meeting.has(lane)) continue;
    total = first ? meeting.input<T>(lane) : combine(total, meeting.input<T>(lane));
    first = false;
  }
  for (int lane = 0; lane < warp_size; ++lane)
    if (meeting.has(lane)) meeting.output<T>(lane) = total;
}

template <class T, T (*combine)(T, T)>
T reduce(const char* operation, unsigned mask, T value, Place place) {
  static_assert(std::is_same<T, int>::value || std::is_same<T, unsigned>::value, "int or unsigned, as on the device");
  T total{};
  meet(operation, mask, value, total, fold<T, combine>, place);
  return total;
}
template <class T>
T sum_of(T a, T b) {
  return a + b;
}
template <class T>
T least_of(T a, T b) {
  return b < a ? b : a;
}
template <class T>
T greatest_of(T a, T b) {
  return a < b ? b : a;
}
template <class T>
T both_of(T a, T b) {
  return a & b;
}
template <class T>
T either_of(T a, T b) {
  return a | b;
}

// Waits until all threads of the block are here; how many of them had a predicate that holds.
int wait_for_block(const char* operation, int predicate, Place place);

// Lets others go on meanwhile; a thread that only ever sleeps is stopped by the scheduler.
void sleep(Place place);
}  // namespace simulation

inline void __syncthreads(simulation::Place place = simulation::Place::here()) {
  simulation::wait_for_block("__syncthreads()", 0, place);
}
inline int __syncthreads_count(int predicate, simulation::Place place = simulation::Place::here()) {
  return simulation::wait_for_block("__syncthreads_count()", predicate, place);
}
inline int __syncthreads_or(int predicate, simulation::Place place = simulation::Place::here()) {
  return simulation::wait_for_block("__syncthreads_or()", predicate, place) != 0;
}
inline int __syncthreads_and(int predicate, simulation::Place place = simulation::Place::here()) {
  return simulation::wait_for_block("__syncthreads_and()", !predicate, place) == 0;
}

inline void __syncwarp(unsigned mask = simulation::all_lanes, simulation::Place place = simulation::Place::here()) {
  char nothing = 0;
  simulation::meet("__syncwarp()", mask, nothing, nothing, simulation::meet_only, place);
}

template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              simulation::Place place = simulation::Place::here()) {
  const int first = simulation::lane() & -width;
  return simulation::shuffle("__shfl_sync()", mask, value, first | (source & (width - 1)), width, place);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                 simulation::Place place = simulation::Place::here()) {
  const int lane = simulation::lane(), first = lane & -width, source = lane - static_cast<int>(delta);
  return simulation::shuffle("__shfl_up_sync()", mask, value, source < first ? lane : source, width, place);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                   simulation::Place place = simulation::Place::here()) {
  const int lane = simulation::lane(), last = lane | (width - 1), source = lane + static_cast<int>(delta);
  return simulation::shuffle("__shfl_down_sync()", mask, value, source > last ? lane : source, width, place);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = warpSize,
                  simulation::Place place = simulation::Place::here()) {
  const int lane = simulation::lane(), last = lane | (width - 1), source = lane ^ bits;
  return simulation::shuffle("__shfl_xor_sync()", mask, value, source > last ? lane : source, width, place);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, simulation::Place place = simulation::Place::here()) {
  return simulation::ballot("__ballot_sync()", mask, predicate != 0, place);
}
inline int __any_sync(unsigned mask, int predicate, simulation::Place place = simulation::Place::here()) {
  return simulation::ballot("__any_sync()", mask, predicate != 0, place) != 0;
}
inline int __all_sync(unsigned mask, int predicate, simulation::Place place = simulation::Place::here()) {
  return simulation::ballot("__all_sync()", mask, predicate == 0, place) == 0;
}

#define HARNESS_REDUCTION(name, combine)                                              \
  template <class T>                                                                  \
  T name(unsigned mask, T value, simulation::Place place = simulation::Place::here()) {            \
    return simulation::reduce<T, simulation::combine<T>>(#name "()", mask, value, place); \
  }
HARNESS_REDUCTION(__reduce_add_sync, sum_of)
HARNESS_REDUCTION(__reduce_min_sync, least_of)
HARNESS_REDUCTION(__reduce_max_sync, greatest_of)
HARNESS_REDUCTION(__reduce_and_sync, both_of)
HARNESS_REDUCTION(__reduce_or_sync, either_of)
#undef HARNESS_REDUCTION

inline void __nanosleep(unsigned, simulation::Place place = simulation::Place::here()) { simulation::sleep(place); }

// Fibers take turns only where they wait, so that every store is visible to whoever runs next.
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
