// Stores and reads beside what a kernel was given.
__global__ void store(float* x, int at) {
  const int i = threadIdx.x;
  x[i + at] = 1.0f;
}
__global__ void read(const float* x, float* y, int at) {
  const int i = threadIdx.x;
  y[i] = x[i + at];
}
__global__ void add(const float* x, float* y) { y[threadIdx.x] += x[threadIdx.x]; }
__global__ void store_shared(float* x, int at) {
  __shared__ float kept[32];
  // The size is forgotten, or the compiler's own check would be first.
  float* pointer = kept;
  const int i = threadIdx.x;
  pointer[i + at] = 1.0f;
  __syncthreads();
  x[i] = kept[i];
}
__global__ void store_dynamic(float* x, int at) {
  extern __shared__ float kept[];
  const int i = threadIdx.x;
  kept[i + at] = 1.0f;
  __syncthreads();
  x[i] = kept[i];
}
// A parameter of every kind.
__global__ void parameters(const float* a, const __half* b, float* c, int d, long long e, float f, double g, bool h,
                           const float4* i) {
  c[0] = a[0] + __half2float(b[0]) + d + e + f + static_cast<float>(g) + h + (i == nullptr ? 100.0f : 0.0f);
}
__global__ void large(float* x, int at) {
  __shared__ float kept[12289];
  kept[at] = 1.0f;
  x[0] = kept[at];
}
