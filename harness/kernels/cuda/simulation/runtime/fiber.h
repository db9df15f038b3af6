// Switching between the stacks of simulated threads.
#pragma once

// Saves what the convention for calls wants preserved on the present stack, stores the stack pointer through the first
// argument and continues where the stack of the second argument left off.
extern "C" void harness_switch_fiber(void** save, void* resume);

namespace simulation {
// A stack that starts `body` when it is switched to; `top` is a multiple of 64.
void* prepare_fiber(char* top, void (*body)());
}  // namespace simulation
