// Functions that a host compiler does not have, or has under another name.
#include "harness.cuh"

__global__ void functions(const float* x, float* y, int n) {
  const int i = threadIdx.x;
  const float v = x[i];
  int row = 0;
  auto put = [&](float value) { y[row++ * n + i] = value; };
  put(exp2f(v));
  put(__expf(v));
  put(__logf(v));
  put(__fdividef(1.0f, v));
  put(__frcp_rn(v));
  put(rsqrtf(v));
  put(__sinf(v));
  put(__cosf(v));
  put(fmaf(v, v, v));
  put(__ldg(x + i));
  put(__saturatef(v));
  put(__powf(v, 1.5f));
  float sine, cosine;
  sincosf(v, &sine, &cosine);
  put(sine);
  put(cosine);
  sincospif(v, &sine, &cosine);
  put(sine);
  put(cosine);
  put(min(v, 1.0f));
  put(max(v, 1.0f));
  put(normcdff(v));
  put(log1pf(v));
  put(__int_as_float(__float_as_int(v)));
  put(__uint_as_float(__float_as_uint(v) ^ 0x80000000u));
}

__global__ void words(const int* x, int* y, int n) {
  const int i = threadIdx.x, v = x[i];
  y[i] = __popc(v);
  y[n + i] = __clz(v);
  y[2 * n + i] = __ffs(v);
  y[3 * n + i] = static_cast<int>(__brev(v));
  y[4 * n + i] = static_cast<int>(__umulhi(v, 0x9e3779b9u));
  y[5 * n + i] = min(v, 7) + max(v, -7);
  y[6 * n + i] = __float2int_rn(v * 0.5f);
}

template <class T>
__device__ void halves_of(const T* x, T* y, int n) {
  const int i = threadIdx.x;
  y[i] = x[i] + x[n - 1 - i];
  y[n + i] = x[i] * x[n - 1 - i];
  y[2 * n + i] = from_float<T>(to_float(x[i]) / 3.0f);
  y[3 * n + i] = __hfma(x[i], x[i], x[n - 1 - i]);
  y[4 * n + i] = hexp(x[i]);
}
__global__ void halves(const __half* a, __half* b, const __nv_bfloat16* c, __nv_bfloat16* d, int n) {
  halves_of(a, b, n);
  halves_of(c, d, n);
}
