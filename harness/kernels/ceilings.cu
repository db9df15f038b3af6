// What a device can do at most, measured: exponentials from registers, and the start of a kernel that does nothing.

__global__ void nothing() {}

// `rounds` times eight independent chains of exp2, so that neither memory nor the latency of one is in the way.
__global__ void __launch_bounds__(256) exponentials(float* out, float start, int rounds) {
  float x[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) x[i] = start * (float)(threadIdx.x + i + 1);
  for (int round = 0; round < rounds; ++round)
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#ifdef HARNESS_SIMULATION
      x[i] = exp2f(-x[i]);
#else
      asm volatile("ex2.approx.ftz.f32 %0, %1;" : "=f"(x[i]) : "f"(-x[i]));
#endif
    }
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < 8; ++i) sum += x[i];
  if (sum == 12345.0f) out[0] = sum;
}

// The same with multiply-adds.
__global__ void __launch_bounds__(256) multiply_adds(float* out, float factor, int rounds) {
  float x[8];
#pragma unroll
  for (int i = 0; i < 8; ++i) x[i] = (float)(threadIdx.x + i);
  for (int round = 0; round < rounds; ++round)
#pragma unroll
    for (int i = 0; i < 8; ++i) x[i] = fmaf(x[i], factor, 1.0f);
  float sum = 0.0f;
#pragma unroll
  for (int i = 0; i < 8; ++i) sum += x[i];
  if (sum == 12345.0f) out[0] = sum;
}
