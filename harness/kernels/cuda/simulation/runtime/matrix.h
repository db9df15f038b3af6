// The twins of what include/mma.cuh has for a device. Its comments have the layouts.
#pragma once

namespace simulation {
// Reports if some lanes do not take part.
bool is_whole_warp(const Meeting& meeting);

struct Fragments {
  const unsigned *a, *b;
};

template <class T>
float half_of_register(unsigned bits, int which) {
  const unsigned short half = static_cast<unsigned short>(bits >> 16 * which);
  T value;
  std::memcpy(static_cast<void*>(&value), &half, 2);
  return static_cast<float>(value);
}

template <class T>
void multiply_m16n8k16(const Meeting& meeting) {
  if (!is_whole_warp(meeting)) return;
  float a[16][16], b[16][8];
  for (int lane = 0; lane < warp_size; ++lane) {
    const Fragments& mine = meeting.input<Fragments>(lane);
    const int g = lane / 4, t = lane % 4;
    for (int half = 0; half < 2; ++half) {
      for (int r = 0; r < 4; ++r) a[g + r % 2 * 8][2 * t + half + r / 2 * 8] = half_of_register<T>(mine.a[r], half);
      for (int r = 0; r < 2; ++r) b[2 * t + half + r * 8][g] = half_of_register<T>(mine.b[r], half);
    }
  }
  for (int lane = 0; lane < warp_size; ++lane) {
    float(&d)[4] = meeting.output<float[4]>(lane);
    for (int element = 0; element < 4; ++element) {
      const int row = lane / 4 + element / 2 * 8, column = lane % 4 * 2 + element % 2;
      float sum = 0;
      for (int k = 0; k < 16; ++k) sum += a[row][k] * b[k][column];
      d[element] += sum;
    }
  }
}

// Ends the thread unless this is an address where 16 bytes of shared memory may be moved at once.
void require_row(const void* address, const char* operation, Place place);

template <int count, bool transposed>
void distribute_matrices(const Meeting& meeting) {
  if (!is_whole_warp(meeting)) return;
  for (int lane = 0; lane < warp_size; ++lane) {
    for (int matrix = 0; matrix < count; ++matrix) {
      unsigned short pair[2];
      for (int i = 0; i < 2; ++i) {
        const int outer = lane / 4, inner = lane % 4 * 2 + i;
        const int row = transposed ? inner : outer, column = transposed ? outer : inner;
        pair[i] = meeting.input<const unsigned short*>(matrix * 8 + row)[column];
      }
      std::memcpy(&meeting.output<unsigned[count]>(lane)[matrix], pair, sizeof pair);
    }
  }
}

template <int count, bool transposed>
void load_matrices(const char* operation, unsigned (&registers)[count], const void* row, Place place) {
  require_row(row, operation, place);
  const unsigned short* elements = static_cast<const unsigned short*>(row);
  meet(operation, all_lanes, elements, registers, distribute_matrices<count, transposed>, place);
}

// The copy takes place as late as the device may let it: when the thread waits. Until then its target is poison.
void start_copy(void* to, const void* from, bool valid, Place place);
void commit_copies();
// Finishes all groups but the latest `pending`.
void wait_for_copies(unsigned pending);
}  // namespace simulation

template <class T>
void mma_m16n8k16(float (&d)[4], const unsigned (&a)[4], const unsigned (&b)[2],
                  simulation::Place place = simulation::Place::here()) {
  static_assert(std::is_same<T, __half>::value || std::is_same<T, __nv_bfloat16>::value, "a 16-bit type");
  const simulation::Fragments fragments{a, b};
  simulation::meet("mma_m16n8k16", simulation::all_lanes, fragments, d, simulation::multiply_m16n8k16<T>, place);
}

inline void ldmatrix_x4(unsigned (&r)[4], const void* row, simulation::Place place = simulation::Place::here()) {
  simulation::load_matrices<4, false>("ldmatrix_x4", r, row, place);
}
inline void ldmatrix_x4_trans(unsigned (&r)[4], const void* row, simulation::Place place = simulation::Place::here()) {
  simulation::load_matrices<4, true>("ldmatrix_x4_trans", r, row, place);
}

inline void cp_async_16(void* to, const void* from, bool valid, simulation::Place place = simulation::Place::here()) {
  simulation::start_copy(to, from, valid, place);
}
inline void cp_async_commit() { simulation::commit_copies(); }
template <int pending>
void cp_async_wait() {
  simulation::wait_for_copies(pending);
}
