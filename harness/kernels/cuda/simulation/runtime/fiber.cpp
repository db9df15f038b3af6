// Switching between the stacks of simulated threads: the convention for calls says what has to be kept.
#include "fiber.h"

#if defined(__x86_64__)
asm(R"(
.text
.globl harness_switch_fiber
.hidden harness_switch_fiber
.type harness_switch_fiber, @function
harness_switch_fiber:
  pushq %rbx
  pushq %rbp
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbp
  popq %rbx
  ret
.size harness_switch_fiber, . - harness_switch_fiber
)");
constexpr int return_word = 6;
constexpr int frame_words = 8;  // one word of padding: a function starts with its stack 8 bytes off a multiple of 16
#elif defined(__aarch64__)
asm(R"(
.text
.globl harness_switch_fiber
.hidden harness_switch_fiber
.type harness_switch_fiber, %function
harness_switch_fiber:
  stp x29, x30, [sp, #-160]!
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  stp x23, x24, [sp, #48]
  stp x25, x26, [sp, #64]
  stp x27, x28, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #16]
  ldp x21, x22, [sp, #32]
  ldp x23, x24, [sp, #48]
  ldp x25, x26, [sp, #64]
  ldp x27, x28, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  ldp x29, x30, [sp], #160
  ret
.size harness_switch_fiber, . - harness_switch_fiber
)");
constexpr int return_word = 1;
constexpr int frame_words = 20;
#else
#error "the simulator switches fibers on x86-64 and aarch64 only"
#endif

namespace simulation {
void* prepare_fiber(char* top, void (*body)()) {
  void** frame = reinterpret_cast<void**>(top) - frame_words;
  std::memset(frame, 0, frame_words * sizeof(void*));
  frame[return_word] = reinterpret_cast<void*>(body);
  return frame;
}
}  // namespace simulation
