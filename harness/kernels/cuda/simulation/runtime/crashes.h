// A kernel that touches memory which is not there, or divides by zero, ends its launch and not the process.
#pragma once

#include <csignal>
#include <dlfcn.h>
#include <pthread.h>
#include <ucontext.h>

namespace simulation {
constexpr int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE};
constexpr int num_crash_signals = 3;
constexpr size_t alternate_bytes = 64 << 10;

// While a launch runs: what handled these signals before, and who runs the launch.
inline struct sigaction former_actions[num_crash_signals];
inline pthread_t launching_thread;

struct Registers {
  unsigned long long counter, stack_pointer;
};
inline Registers registers_of(const void* context) {
  const mcontext_t& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return Registers{static_cast<unsigned long long>(registers.gregs[REG_RIP]),
                   static_cast<unsigned long long>(registers.gregs[REG_RSP])};
#else
  return Registers{registers.pc, registers.sp};
#endif
}

inline void on_crash(int signal, siginfo_t* information, void* context) {
  if (!pthread_equal(pthread_self(), launching_thread)) {
    // Somebody else's: the instruction runs again and meets the former handler.
    for (int i = 0; i < num_crash_signals; ++i) sigaction(crash_signals[i], &former_actions[i], nullptr);
    return;
  }
  const auto [counter, stack_pointer] = registers_of(context);
  const int thread = machine.number(*machine.current);
  Dl_info found, mine;
  dladdr(reinterpret_cast<void*>(&on_crash), &mine);
  const bool is_mine = dladdr(reinterpret_cast<void*>(counter), &found) && found.dli_fbase == mine.dli_fbase;
  machine.crash_offset = is_mine ? counter - reinterpret_cast<unsigned long long>(mine.dli_fbase) : 0;
  if (stack_pointer < reinterpret_cast<unsigned long long>(stack_of(thread)))
    report_stack(thread);
  else if (signal == SIGFPE)
    report(Place{}, "an integer division by zero, or one whose result does not fit");
  else
    report(Place{}, "an access to memory that is not there, at %p", information->si_addr);
  void* left_behind;
  harness_switch_fiber(&left_behind, machine.scheduler);
}

// Catches crashes during its life.
class CrashCatcher {
 public:
  CrashCatcher() {
    machine.crash_offset = 0;
#if !defined(__SANITIZE_ADDRESS__)  // which reports crashes itself
    launching_thread = pthread_self();
    // A fiber may have no stack left.
    stack_t alternate{};
    alternate.ss_sp = memory_ = static_cast<char*>(std::malloc(alternate_bytes));
    alternate.ss_size = alternate_bytes;
    sigaltstack(&alternate, &former_stack_);
    struct sigaction action {};
    action.sa_sigaction = on_crash;
    // The handler is left by a switch of stacks, after which the next crash has to be caught as well.
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    for (int i = 0; i < num_crash_signals; ++i) sigaction(crash_signals[i], &action, &former_actions[i]);
#endif
  }
  ~CrashCatcher() {
#if !defined(__SANITIZE_ADDRESS__)
    for (int i = 0; i < num_crash_signals; ++i) sigaction(crash_signals[i], &former_actions[i], nullptr);
    sigaltstack(&former_stack_, nullptr);
    std::free(memory_);
#endif
  }
  CrashCatcher(const CrashCatcher&) = delete;
  CrashCatcher& operator=(const CrashCatcher&) = delete;

 private:
  char* memory_ = nullptr;
  stack_t former_stack_{};
};
}  // namespace simulation
