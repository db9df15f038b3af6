// How a launch enters the compiled file, and what Python is told about a kernel's parameters.
#pragma once

namespace simulation {
template <class T>
struct Name {
  static constexpr const char* text = "";
};
#define HARNESS_NAME(type, name)               \
  template <>                                  \
  struct Name<type> {                          \
    static constexpr const char* text = #name; \
  };
HARNESS_NAME(bool, bool)
HARNESS_NAME(char, int8)
HARNESS_NAME(signed char, int8)
HARNESS_NAME(unsigned char, uint8)
HARNESS_NAME(short, int16)
HARNESS_NAME(unsigned short, uint16)
HARNESS_NAME(int, int32)
HARNESS_NAME(unsigned, uint32)
HARNESS_NAME(long, int64)
HARNESS_NAME(long long, int64)
HARNESS_NAME(unsigned long, uint64)
HARNESS_NAME(unsigned long long, uint64)
HARNESS_NAME(float, float32)
HARNESS_NAME(double, float64)
HARNESS_NAME(__half, float16)
HARNESS_NAME(__nv_bfloat16, bfloat16)
#undef HARNESS_NAME

// One word per parameter: whether it is a pointer, the type (empty if it has no name here), and its size.
template <class T>
void describe(char* text, size_t size) {
  using Pointee = std::remove_cv_t<std::remove_pointer_t<T>>;
  const size_t used = std::strlen(text);
  const char* star = std::is_pointer<T>::value ? "*" : "";
  std::snprintf(text + used, size - used, "%s%s:%zu ", star, Name<Pointee>::text, sizeof(T));
}

template <class... Parameters>
const char* describe_parameters(void (*)(Parameters...)) {
  static char text[4096];
  text[0] = 0;
  (describe<std::remove_cv_t<Parameters>>(text, sizeof text), ...);
  return text;
}

template <class... Parameters>
struct Kernel {
  static inline void (*function)(Parameters...);

  template <size_t... I>
  static void call_with(void** arguments, std::index_sequence<I...>) {
    function(*static_cast<std::remove_cv_t<Parameters>*>(arguments[I])...);
  }
  static void call(void** arguments) { call_with(arguments, std::index_sequence_for<Parameters...>{}); }
};

// Runs all blocks; what a kernel did wrong, or null.
const char* run_grid(const Request& request);

template <class... Parameters>
const char* run(void (*kernel)(Parameters...), const Request& request) {
  Kernel<Parameters...>::function = kernel;
  machine.call = Kernel<Parameters...>::call;
  return run_grid(request);
}
}  // namespace simulation

// Follows the translated file: makes one kernel, or one instance of a template, callable from Python.
#define HARNESS_EXPORT extern "C" __attribute__((visibility("default")))
#define HARNESS_ENTRY(...)                                                              \
  HARNESS_EXPORT const char* harness_run(const simulation::Request* request) {          \
    return simulation::run(__VA_ARGS__, *request);                                      \
  }                                                                                     \
  HARNESS_EXPORT const char* harness_parameters() {                                     \
    return simulation::describe_parameters(__VA_ARGS__);                                \
  }                                                                                     \
  HARNESS_EXPORT unsigned long long harness_crash_offset() { return simulation::machine.crash_offset; }
