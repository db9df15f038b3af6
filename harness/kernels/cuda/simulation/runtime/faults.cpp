// Reports of what a kernel did wrong.
#include <cstdarg>

namespace simulation {
namespace {
void write_report(Place place, const char* format, va_list values) {
  if (machine.failed) return;
  machine.failed = true;
  char* text = machine.failure;
  const int size = sizeof machine.failure;
  int used = place.line ? std::snprintf(text, size, "%s:%u: ", place.file, place.line) : 0;
  if (used < size) used += std::vsnprintf(text + used, size - used, format, values);
  if (used < size) std::snprintf(text + used, size - used, " (block %u,%u,%u)", blockIdx.x, blockIdx.y, blockIdx.z);
}
}  // namespace

void report(Place place, const char* format, ...) {
  va_list values;
  va_start(values, format);
  write_report(place, format, values);
  va_end(values);
}

void fail(Place place, const char* format, ...) {
  va_list values;
  va_start(values, format);
  write_report(place, format, values);
  va_end(values);
  yield();
  std::abort();
}

void report_stack(int thread) {
  report(Place{}, "thread %d needs more than %zu bytes of stack for its local variables", thread, stack_bytes);
}
}  // namespace simulation

// The compiler inserts checks (toolchain.py has the list) and calls these when one does not hold.
namespace simulation {
struct CheckedPlace {
  const char* file;
  unsigned line, column;
  operator Place() const { return Place{file, line}; }
};
struct CheckedType {
  unsigned short kind, information;
  char name[1];
};
struct MismatchedAccess {
  CheckedPlace place;
  const CheckedType* type;
  unsigned char log_alignment, kind;
};
struct MismatchedIndex {
  CheckedPlace place;
  const CheckedType *array, *index;
};
}  // namespace simulation

extern "C" {
void __ubsan_handle_type_mismatch_v1(simulation::MismatchedAccess* access, uintptr_t address) {
  if (address == 0) simulation::fail(access->place, "an access through a null pointer to %s", access->type->name);
  simulation::fail(access->place, "an access to %s at an address that is no multiple of %d", access->type->name,
                   1 << access->log_alignment);
}
void __ubsan_handle_out_of_bounds(simulation::MismatchedIndex* index, uintptr_t value) {
  simulation::fail(index->place, "index %lld is outside of %s", static_cast<long long>(value), index->array->name);
}
void __ubsan_handle_divrem_overflow(simulation::CheckedPlace* place, uintptr_t, uintptr_t) {
  simulation::fail(*place, "an integer division by zero, or one whose result does not fit");
}
}
