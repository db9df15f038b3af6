// The storage behind shared memory.
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace simulation {
alignas(1024) unsigned char dynamic_memory[most_shared_bytes + 1024];

namespace {
constexpr size_t most_static_bytes = 48 << 10;
constexpr size_t alignment = 128;
#if defined(__SANITIZE_ADDRESS__)
constexpr size_t zone_bytes = 0;  // the sanitizer surrounds an allocation with zones of its own
#else
constexpr size_t zone_bytes = 256;
#endif
constexpr size_t dynamic_zone_bytes = 1024;

size_t padded(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

size_t allocated(const SharedVariable& variable) {
  return zone_bytes ? padded(variable.bytes) + 2 * zone_bytes : variable.bytes;
}

void poison_with_zones(const SharedVariable& variable) {
  std::memset(variable.data - zone_bytes, poison, allocated(variable));
}
}  // namespace

void add_shared(SharedVariable& variable) {
  void* memory = nullptr;
  if (posix_memalign(&memory, alignment, allocated(variable))) std::abort();
  variable.data = static_cast<unsigned char*>(memory) + zone_bytes;
  variable.next = machine.shared;
  machine.shared = &variable;
  machine.static_bytes += padded(variable.bytes);
  poison_with_zones(variable);
}

bool is_shared(const void* address) {
  const unsigned char* byte = static_cast<const unsigned char*>(address);
  if (byte >= dynamic_memory && byte < dynamic_memory + machine.dynamic_bytes) return true;
  for (SharedVariable* variable = machine.shared; variable; variable = variable->next)
    if (byte >= variable->data && byte < variable->data + variable->bytes) return true;
  return false;
}

bool open_shared() {
  if (machine.dynamic_bytes > most_shared_bytes) {
    report(Place{}, "%zu bytes of dynamic shared memory; a block has at most %zu", machine.dynamic_bytes,
           most_shared_bytes);
    return false;
  }
  // A launch before this one may have been given up because of what it stored in the zones.
  for (SharedVariable* variable = machine.shared; variable; variable = variable->next) poison_with_zones(*variable);
#if defined(__SANITIZE_ADDRESS__)
  __asan_unpoison_memory_region(dynamic_memory, sizeof dynamic_memory);
  __asan_poison_memory_region(dynamic_memory + machine.dynamic_bytes, sizeof dynamic_memory - machine.dynamic_bytes);
#else
  std::memset(dynamic_memory, poison, sizeof dynamic_memory);
#endif
  return true;
}

void poison_shared() {
  for (SharedVariable* variable = machine.shared; variable; variable = variable->next)
    std::memset(variable->data, poison, variable->bytes);
  std::memset(dynamic_memory, poison, machine.dynamic_bytes);
}

void check_shared() {
  if (machine.static_bytes > most_static_bytes)
    report(Place{}, "%zu bytes of static shared memory; a block has %zu: use dynamic shared memory",
           machine.static_bytes, most_static_bytes);
  if (machine.static_bytes + machine.dynamic_bytes > most_shared_bytes)
    report(Place{}, "%zu bytes of static and %zu of dynamic shared memory; a block has at most %zu together",
           machine.static_bytes, machine.dynamic_bytes, most_shared_bytes);
  if (zone_bytes == 0) return;
  for (SharedVariable* variable = machine.shared; variable; variable = variable->next) {
    if (!is_poisoned(variable->data + variable->bytes, zone_bytes))
      report(Place{}, "a store behind the end of the shared variable `%s` (%zu bytes)", variable->name,
             variable->bytes);
    if (!is_poisoned(variable->data - zone_bytes, zone_bytes))
      report(Place{}, "a store before the start of the shared variable `%s` (%zu bytes)", variable->name,
             variable->bytes);
  }
  if (!is_poisoned(dynamic_memory + machine.dynamic_bytes, dynamic_zone_bytes))
    report(Place{}, "a store behind the end of dynamic shared memory (%zu bytes)", machine.dynamic_bytes);
}
}  // namespace simulation
