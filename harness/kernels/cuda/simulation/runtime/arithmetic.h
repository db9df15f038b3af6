// The device's arithmetic: built-in functions that a host compiler lacks, atomics, and loads with a cache hint.
#pragma once

namespace simulation {
template <class To, class From>
To same_bits(From from) {
  static_assert(sizeof(To) == sizeof(From), "as many bits");
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}
template <class A, class B>
using Common = std::enable_if_t<std::is_arithmetic<A>::value && std::is_arithmetic<B>::value, std::common_type_t<A, B>>;

// Multiples of pi lose nothing when the period is removed before the multiplication.
inline double sine_of_pi(double x) { return std::sin(M_PI * std::remainder(x, 2.0)); }
inline double cosine_of_pi(double x) { return std::cos(M_PI * std::remainder(x, 2.0)); }

inline float reciprocal_root(float x) { return static_cast<float>(1.0 / std::sqrt(static_cast<double>(x))); }
inline double reciprocal_root(double x) { return 1.0 / std::sqrt(x); }
inline void sine_and_cosine(float x, float* sine, float* cosine) {
  *sine = std::sin(x);
  *cosine = std::cos(x);
}
inline void sine_and_cosine_of_pi(float x, float* sine, float* cosine) {
  *sine = static_cast<float>(sine_of_pi(x));
  *cosine = static_cast<float>(cosine_of_pi(x));
}
inline float clamp_to_one(float x) { return x > 1.f ? 1.f : x > 0.f ? x : 0.f; }
inline float normal_distribution(float x) {
  return static_cast<float>(std::erfc(-static_cast<double>(x) / M_SQRT2) / 2);
}
}  // namespace simulation

// Some C libraries declare functions of these names with another linkage; macros stay out of their way.
#define rsqrtf(x) ::simulation::reciprocal_root(static_cast<float>(x))
#define rsqrt(x) ::simulation::reciprocal_root(static_cast<double>(x))
#define sinpif(x) static_cast<float>(::simulation::sine_of_pi(x))
#define cospif(x) static_cast<float>(::simulation::cosine_of_pi(x))
#define sincospif(x, sine, cosine) ::simulation::sine_and_cosine_of_pi(x, sine, cosine)
#define normcdff(x) ::simulation::normal_distribution(x)
#define __expf(x) std::exp(static_cast<float>(x))
#define __exp10f(x) static_cast<float>(std::pow(10.0, static_cast<double>(x)))
#define __logf(x) std::log(static_cast<float>(x))
#define __log2f(x) std::log2(static_cast<float>(x))
#define __log10f(x) std::log10(static_cast<float>(x))
#define __powf(x, y) std::pow(static_cast<float>(x), static_cast<float>(y))
#define __sinf(x) std::sin(static_cast<float>(x))
#define __cosf(x) std::cos(static_cast<float>(x))
#define __tanf(x) std::tan(static_cast<float>(x))
#define __tanhf(x) std::tanh(static_cast<float>(x))
#define __sincosf(x, sine, cosine) ::simulation::sine_and_cosine(x, sine, cosine)
#define __saturatef(x) ::simulation::clamp_to_one(x)

inline float __fdividef(float a, float b) { return a / b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.f / x; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }
inline float __frsqrt_rn(float x) { return simulation::reciprocal_root(x); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }

inline int __float_as_int(float x) { return simulation::same_bits<int>(x); }
inline unsigned __float_as_uint(float x) { return simulation::same_bits<unsigned>(x); }
inline float __int_as_float(int x) { return simulation::same_bits<float>(x); }
inline float __uint_as_float(unsigned x) { return simulation::same_bits<float>(x); }
inline long long __double_as_longlong(double x) { return simulation::same_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return simulation::same_bits<double>(x); }
inline float __int2float_rn(int x) { return static_cast<float>(x); }
inline float __uint2float_rn(unsigned x) { return static_cast<float>(x); }
inline int __float2int_rn(float x) { return static_cast<int>(std::nearbyint(x)); }
inline int __float2int_rz(float x) { return static_cast<int>(x); }
inline int __float2int_rd(float x) { return static_cast<int>(std::floor(x)); }
inline int __float2int_ru(float x) { return static_cast<int>(std::ceil(x)); }
inline unsigned __float2uint_rn(float x) { return static_cast<unsigned>(std::nearbyint(x)); }
inline unsigned __float2uint_rz(float x) { return static_cast<unsigned>(x); }

inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __clz(int x) { return x ? __builtin_clz(static_cast<unsigned>(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(static_cast<unsigned long long>(x)) : 64; }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline unsigned __brev(unsigned x) {
  unsigned reversed = 0;
  for (int bit = 0; bit < 32; ++bit) reversed |= (x >> bit & 1u) << (31 - bit);
  return reversed;
}
inline int __mulhi(int a, int b) { return static_cast<int>(static_cast<long long>(a) * b >> 32); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(static_cast<unsigned long long>(a) * b >> 32);
}
inline int __mul24(int a, int b) { return (a << 8 >> 8) * (b << 8 >> 8); }
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>(((static_cast<unsigned long long>(high) << 32 | low) << (shift & 31)) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return static_cast<unsigned>((static_cast<unsigned long long>(high) << 32 | low) >> (shift & 31));
}

template <class A, class B>
simulation::Common<A, B> min(A a, B b) {
  using T = std::common_type_t<A, B>;
  if constexpr (std::is_floating_point<T>::value)
    return std::fmin(static_cast<T>(a), static_cast<T>(b));
  else
    return static_cast<T>(b) < static_cast<T>(a) ? static_cast<T>(b) : static_cast<T>(a);
}
template <class A, class B>
simulation::Common<A, B> max(A a, B b) {
  using T = std::common_type_t<A, B>;
  if constexpr (std::is_floating_point<T>::value)
    return std::fmax(static_cast<T>(a), static_cast<T>(b));
  else
    return static_cast<T>(a) < static_cast<T>(b) ? static_cast<T>(b) : static_cast<T>(a);
}

// What the headers of the half precisions declare for devices only: computed exactly enough, and rounded once.
#define HARNESS_HALF_FUNCTION(type, rounded, name, value) \
  inline type name(type h) {                             \
    const double x = static_cast<float>(h);              \
    return rounded(value);                               \
  }
#define HARNESS_HALF_FUNCTIONS(type, rounded)                                \
  inline type __hfma(type a, type b, type c) {                              \
    const float x = a, y = b, z = c;                                        \
    return rounded(static_cast<double>(x) * y + z);                         \
  }                                                                         \
  inline type##2 __hfma2(type##2 a, type##2 b, type##2 c) {                 \
    return type##2(__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y));           \
  }                                                                         \
  HARNESS_HALF_FUNCTION(type, rounded, hexp, std::exp(x))                   \
  HARNESS_HALF_FUNCTION(type, rounded, hexp2, std::exp2(x))                 \
  HARNESS_HALF_FUNCTION(type, rounded, hlog, std::log(x))                   \
  HARNESS_HALF_FUNCTION(type, rounded, hsqrt, std::sqrt(x))                 \
  HARNESS_HALF_FUNCTION(type, rounded, hrsqrt, 1.0 / std::sqrt(x))          \
  HARNESS_HALF_FUNCTION(type, rounded, hrcp, 1.0 / x)                       \
  HARNESS_HALF_FUNCTION(type, rounded, htanh, std::tanh(x))
HARNESS_HALF_FUNCTIONS(__half, __double2half)
HARNESS_HALF_FUNCTIONS(__nv_bfloat16, __double2bfloat16)
#undef HARNESS_HALF_FUNCTIONS
#undef HARNESS_HALF_FUNCTION

// Fibers take turns only where they wait, so that reading, changing and writing in a row is atomic.
#define HARNESS_ATOMIC(name, changed)                        \
  template <class T>                                         \
  T name(T* address, std::common_type_t<T> value) {          \
    const T old = *address;                                  \
    *address = changed;                                      \
    return old;                                              \
  }
HARNESS_ATOMIC(atomicAdd, old + value)
HARNESS_ATOMIC(atomicSub, old - value)
HARNESS_ATOMIC(atomicExch, value)
HARNESS_ATOMIC(atomicMin, value < old ? value : old)
HARNESS_ATOMIC(atomicMax, old < value ? value : old)
HARNESS_ATOMIC(atomicAnd, old & value)
HARNESS_ATOMIC(atomicOr, old | value)
HARNESS_ATOMIC(atomicXor, old ^ value)
HARNESS_ATOMIC(atomicInc, old >= value ? T(0) : T(old + 1))
HARNESS_ATOMIC(atomicDec, old == T(0) || value < old ? value : T(old - 1))
#undef HARNESS_ATOMIC
template <class T>
T atomicCAS(T* address, std::common_type_t<T> expected, std::common_type_t<T> value) {
  const T old = *address;
  if (old == expected) *address = value;
  return old;
}
inline float2 atomicAdd(float2* address, float2 value) {
  const float2 old = *address;
  *address = make_float2(old.x + value.x, old.y + value.y);
  return old;
}
inline float4 atomicAdd(float4* address, float4 value) {
  const float4 old = *address;
  *address = make_float4(old.x + value.x, old.y + value.y, old.z + value.z, old.w + value.w);
  return old;
}

#define HARNESS_LOAD(name)      \
  template <class T>            \
  T name(const T* address) {    \
    return *address;            \
  }
HARNESS_LOAD(__ldg)
HARNESS_LOAD(__ldca)
HARNESS_LOAD(__ldcg)
HARNESS_LOAD(__ldcs)
HARNESS_LOAD(__ldcv)
HARNESS_LOAD(__ldlu)
#undef HARNESS_LOAD
#define HARNESS_STORE(name)                                  \
  template <class T>                                         \
  void name(T* address, std::common_type_t<T> value) {       \
    *address = value;                                        \
  }
HARNESS_STORE(__stcg)
HARNESS_STORE(__stcs)
HARNESS_STORE(__stwb)
HARNESS_STORE(__stwt)
#undef HARNESS_STORE
