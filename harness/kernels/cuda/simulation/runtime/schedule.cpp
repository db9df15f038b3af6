// Who runs next. Any order is allowed on a device; an order that keeps warps apart shows what a barrier is missing for.
#include <sys/mman.h>

#include "crashes.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace simulation {
Machine machine;

namespace {
constexpr size_t page_bytes = 4096;
constexpr int most_idle_rounds = 1000;

// The stacks of a block's threads, above a page that nobody may touch.
class Stacks {
 public:
  explicit Stacks(int count) : bytes_(page_bytes + count * stack_bytes) {
    void* memory = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) std::abort();
    memory_ = static_cast<char*>(memory);
    machine.stacks = memory_ + page_bytes;
    mprotect(memory_, page_bytes, PROT_NONE);
  }
  ~Stacks() {
#if defined(__SANITIZE_ADDRESS__)
    __asan_unpoison_memory_region(memory_, bytes_);  // what a launch that was given up left behind
#endif
    munmap(memory_, bytes_);
  }
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;

 private:
  size_t bytes_;
  char* memory_;
};

unsigned long long draw() {
  unsigned long long bits = machine.random += 0x9e3779b97f4a7c15ull;
  bits = (bits ^ bits >> 30) * 0xbf58476d1ce4e5b9ull;
  bits = (bits ^ bits >> 27) * 0x94d049bb133111ebull;
  return bits ^ bits >> 31;
}
unsigned draw_below(unsigned limit) { return static_cast<unsigned>(draw() % limit); }

struct Turns {
  bool ran = false;    // somebody ran
  bool moved = false;  // somebody did more than sleep
};

// Ends a thread; what waits in its warp may have waited for nobody else.
void thread_body() {
  machine.call(machine.arguments);
  Thread& me = *machine.current;
  me.status = Status::returned;
  Warp& warp = machine.warp(me);
  warp.returned |= 1u << lane();
  Thread* lanes = machine.lanes(me);
  for (int other = 0; other < warp_size; ++other)
    if (warp.waiting >> other & 1) try_to_meet(lanes[other]);
  yield();
  std::abort();
}

// Runs a thread until it waits. Says whether it moved on.
bool run_thread(Thread& thread, Turns& turns) {
  if (machine.failed || (thread.status != Status::ready && thread.status != Status::sleeping)) return false;
  thread.status = Status::ready;
  machine.current = &thread;
  threadIdx = thread.index;
  harness_switch_fiber(&machine.scheduler, thread.stack_pointer);
  const bool moved = thread.status != Status::sleeping;
  turns.ran = true;
  turns.moved |= moved;
  return moved;
}

void shuffle_order(unsigned* order, unsigned count) {
  for (unsigned i = count; i > 1; --i) std::swap(order[i - 1], order[draw_below(i)]);
}

// One warp as far as it gets before the next, its lanes from either end.
void run_skewed(const unsigned* warps, unsigned num_warps, Turns& turns) {
  for (unsigned w = 0; w < num_warps; ++w) {
    const int first = static_cast<int>(warps[w]) * warp_size;
    const int last = (first + warp_size < machine.num_threads ? first + warp_size : machine.num_threads) - 1;
    for (bool more = true; more;) {
      more = false;
      const bool backwards = draw() & 1;
      for (int i = first; i <= last; ++i) more |= run_thread(machine.threads[backwards ? first + last - i : i], turns);
    }
  }
}

// A lane waits in a meeting that does not take place: says for whom.
void report_deadlock(const Thread& thread) {
  const Warp& warp = machine.warp(thread);
  const Thread* lanes = machine.lanes(thread);
  const unsigned missing = thread.mask & warp.existing & ~warp.returned & ~warp.waiting;
  // If all are there, some came to another meeting.
  unsigned awaited = missing;
  for (int lane = 0; lane < warp_size && !missing; ++lane) {
    const bool differs = lanes[lane].mask != thread.mask || !same(lanes[lane].place, thread.place);
    if (differs) awaited |= thread.mask & warp.waiting & 1u << lane;
  }
  const Thread& other = lanes[awaited ? __builtin_ctz(awaited) : 0];
  const int number = machine.number(thread);
  report(thread.place,
         "deadlock: lane %d of warp %d waits in %s with mask 0x%08x for lane %d, which waits in %s at %s:%u with mask "
         "0x%08x",
         number % warp_size, number / warp_size, thread.operation, thread.mask, machine.number(other) % warp_size,
         other.operation, other.place.file, other.place.line, other.mask);
}

// Everybody who did not return waits. Lets them on if they wait for the same thing.
bool release_barrier() {
  const Thread* first = nullptr;
  const Thread* absent = nullptr;
  int votes = 0, num_returned = 0;
  for (int i = 0; i < machine.num_threads; ++i) {
    const Thread& thread = machine.threads[i];
    if (thread.status == Status::returned) {
      ++num_returned;
      absent = &thread;
      continue;
    }
    if (thread.status == Status::in_warp) {
      report_deadlock(thread);
      return false;
    }
    if (!first) first = &thread;
    votes += *static_cast<int*>(thread.output);
    if (!same(thread.place, first->place)) {
      report(first->place, "threads %d and %d wait in different barriers: %s here, %s at %s:%u",
             machine.number(*first), i, first->operation, thread.operation, thread.place.file, thread.place.line);
      return false;
    }
  }
  if (!first) return false;
  if (absent) {
    report(first->place, "%s is waited in after %d of %d threads returned, thread %d among them; all must reach it",
           first->operation, num_returned, machine.num_threads, machine.number(*absent));
    return false;
  }
  for (int i = 0; i < machine.num_threads; ++i) {
    *static_cast<int*>(machine.threads[i].output) = votes;
    machine.threads[i].status = Status::ready;
  }
  return true;
}

void start_threads() {
  const unsigned width = blockDim.x, height = blockDim.y;
  for (Warp& warp : machine.warps) warp = Warp{};
  for (int i = 0; i < machine.num_threads; ++i) {
    Thread& thread = machine.threads[i];
    char* stack = stack_of(i);
    std::memset(stack, poison, sizeof(unsigned long long));
    thread.stack_pointer = prepare_fiber(stack + stack_bytes, thread_body);
    thread.index = uint3{i % width, i / width % height, i / (width * height)};
    thread.status = Status::ready;
    thread.mask = 0;
    thread.num_copies = thread.num_groups = 0;
    machine.warps[i / warp_size].existing |= 1u << i % warp_size;
  }
}

// A thread that overran its stack may have done any damage; this is then the one thing to say.
void check_stacks() {
  for (int i = 0; i < machine.num_threads; ++i) {
    if (is_poisoned(stack_of(i), sizeof(unsigned long long))) continue;
    machine.failed = false;
    report_stack(i);
    return;
  }
}

void run_block(Order order) {
  poison_shared();
  start_threads();
  static unsigned turn[most_threads];
  const unsigned num_warps = (machine.num_threads + warp_size - 1) / warp_size;
  const unsigned count = order == Order::skew ? num_warps : machine.num_threads;
  for (unsigned i = 0; i < count; ++i) turn[i] = order == Order::reverse ? count - 1 - i : i;
  int idle_rounds = 0;
  while (!machine.failed) {
    Turns turns;
    if (order == Order::random || order == Order::skew) shuffle_order(turn, count);
    if (order == Order::skew)
      run_skewed(turn, count, turns);
    else
      for (unsigned i = 0; i < count; ++i) run_thread(machine.threads[turn[i]], turns);
    idle_rounds = turns.moved ? 0 : idle_rounds + 1;
    if (idle_rounds > most_idle_rounds) {
      report(machine.current->place, "a thread sleeps forever: it waits for what no thread of this block does");
    } else if (!turns.ran && !release_barrier()) {
      break;
    }
  }
  if (!machine.failed) check_shared();
  check_stacks();
}
}  // namespace

const char* run_grid(const Request& request) {
  const Order order = static_cast<Order>(request.order);
  gridDim = dim3{request.grid[0], request.grid[1], request.grid[2]};
  blockDim = dim3{request.block[0], request.block[1], request.block[2]};
  machine.arguments = request.arguments;
  machine.num_threads = static_cast<int>(blockDim.x * blockDim.y * blockDim.z);
  machine.dynamic_bytes = request.shared_bytes;
  machine.random = request.seed;
  machine.failed = false;
  blockIdx = uint3{};
  if (!open_shared()) return machine.failure;

  const unsigned num_blocks = gridDim.x * gridDim.y * gridDim.z;
  unsigned* blocks = static_cast<unsigned*>(std::malloc(num_blocks * sizeof(unsigned)));
  if (!blocks) std::abort();
  for (unsigned i = 0; i < num_blocks; ++i) blocks[i] = order == Order::reverse ? num_blocks - 1 - i : i;
  if (order == Order::random || order == Order::skew) shuffle_order(blocks, num_blocks);
  const Stacks stacks(machine.num_threads);
  const CrashCatcher catcher;
  for (unsigned i = 0; i < num_blocks && !machine.failed; ++i) {
    blockIdx = uint3{blocks[i] % gridDim.x, blocks[i] / gridDim.x % gridDim.y, blocks[i] / (gridDim.x * gridDim.y)};
    run_block(order);
  }
  std::free(blocks);
  return machine.failed ? machine.failure : nullptr;
}

}  // namespace simulation
