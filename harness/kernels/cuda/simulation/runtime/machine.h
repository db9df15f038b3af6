// The state of the block that is being run: one at a time, every thread a fiber.
#pragma once

#include "fiber.h"

namespace simulation {
constexpr int warp_size = 32;
constexpr int most_threads = 1024;
constexpr unsigned all_lanes = 0xffffffffu;
constexpr int poison = 0xff;  // bytes that read as NaN in every floating type, and as -1

// A line of the kernel. As a default argument, `here()` is the line of the call.
struct Place {
  const char* file;
  unsigned line;

  static constexpr Place here(const char* file = __builtin_FILE(), unsigned line = __builtin_LINE()) {
    return Place{file, line};
  }
};
inline bool same(const Place& one, const Place& other) {
  return one.line == other.line && (one.file == other.file || std::strcmp(one.file, other.file) == 0);
}

struct Meeting;

// A copy from global to shared memory that was started and is not yet waited for.
struct PendingCopy {
  void* to;
  unsigned char bytes[16];
  unsigned group;
};

enum class Status : unsigned char { ready, sleeping, at_barrier, in_warp, returned };

struct Thread {
  void* stack_pointer;
  uint3 index;
  Status status;
  // Where it waits, and for what.
  const char* operation;
  Place place;
  unsigned mask;
  const void* input;
  void* output;
  void (*resolve)(const Meeting&);
  // Asynchronous copies, and how many groups of them were committed.
  PendingCopy* copies;
  unsigned num_copies, copy_capacity, num_groups;
};

struct Warp {
  unsigned existing, returned, waiting;  // one bit per lane
};

struct SharedVariable {
  const char* name;
  unsigned char* data;
  size_t bytes;
  SharedVariable* next;
};

enum class Order : int { forward, reverse, random, skew };

// What Python asks for; simulator.py has the same layout.
struct Request {
  unsigned grid[3], block[3];
  unsigned long long shared_bytes;
  void** arguments;
  int order;
  unsigned long long seed;
};

struct Machine {
  Thread threads[most_threads];
  Warp warps[most_threads / warp_size];
  int num_threads;
  Thread* current;
  void* scheduler;
  char* stacks;  // that of the first thread; a stack grows downwards from the next one's
  void (*call)(void** arguments);
  void** arguments;
  SharedVariable* shared;
  size_t static_bytes, dynamic_bytes;
  unsigned long long random;
  bool failed;
  char failure[1024];
  // Where in this shared object the last crash was; Python finds the line.
  unsigned long long crash_offset;

  int number(const Thread& thread) const { return static_cast<int>(&thread - threads); }
  Warp& warp(const Thread& thread) { return warps[number(thread) / warp_size]; }
  Thread* lanes(const Thread& thread) { return threads + number(thread) / warp_size * warp_size; }
};
extern Machine machine;

inline int lane() { return machine.number(*machine.current) % warp_size; }

inline bool is_poisoned(const void* from, size_t bytes) {
  const unsigned char* byte = static_cast<const unsigned char*>(from);
  for (size_t i = 0; i < bytes; ++i)
    if (byte[i] != poison) return false;
  return true;
}

inline void yield() { harness_switch_fiber(&machine.current->stack_pointer, machine.scheduler); }
}  // namespace simulation

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = simulation::warp_size;
