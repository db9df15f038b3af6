// How a kernel that does something wrong ends: the launch stops with a text for a person.
#pragma once

namespace simulation {
// Keeps the first report of a launch.
[[gnu::format(printf, 2, 3)]] void report(Place place, const char* format, ...);

// Called by a thread of the kernel: it never runs again, since the scheduler gives the launch up.
[[noreturn, gnu::format(printf, 2, 3)]] void fail(Place place, const char* format, ...);

#if defined(__SANITIZE_ADDRESS__)
constexpr size_t stack_bytes = 256 << 10;
#else
constexpr size_t stack_bytes = 64 << 10;
#endif
inline char* stack_of(int thread) { return machine.stacks + thread * stack_bytes; }
void report_stack(int thread);
}  // namespace simulation

[[noreturn]] inline void __trap(simulation::Place place = simulation::Place::here()) {
  simulation::fail(place, "__trap() was reached");
}
#undef assert
#define assert(condition) \
  ((condition) ? void()   \
               : ::simulation::fail(::simulation::Place::here(), "the assertion `%s` does not hold", #condition))
