// What a `.cu` file sees when it is compiled for the CPU: CUDA's vocabulary, each word with its meaning for fibers.
#pragma once

#define HARNESS_SIMULATION 1

// Placement has no meaning on a CPU. `__shared__` is missing on purpose: translation.py rewrites its declarations,
// since each needs storage that belongs to the block and is poisoned when the block starts.
#define __device__
#define __host__
#define __global__
#define __constant__
#define __managed__
#define __grid_constant__
#define __launch_bounds__(...)
#define __cluster_dims__(...)
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <type_traits>
#include <utility>

#include <vector_types.h>
#include <vector_functions.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#undef __shared__

// One state per shared object: nothing of it is seen outside, so that kernels do not share it.
#pragma GCC visibility push(hidden)
#include "runtime/machine.h"
#include "runtime/faults.h"
#include "runtime/warp.h"
#include "runtime/shared.h"
#include "runtime/arithmetic.h"
#include "runtime/matrix.h"
#include "runtime/entry.h"
#pragma GCC visibility pop
