// Shared memory: storage that every block finds poisoned, between zones that no thread may write.
#pragma once

namespace simulation {
constexpr size_t most_shared_bytes = 227 << 10;  // of a block on sm_90 and sm_100

// The address is fixed, so that a declaration outside of the kernel means the same memory as one inside.
extern unsigned char dynamic_memory[most_shared_bytes + 1024];

// Gives a variable its storage.
void add_shared(SharedVariable& variable);

bool is_shared(const void* address);

template <class T, class Declaration>
inline SharedVariable shared_variable{};

// Every declaration passes a lambda of its own, whose type also differs between instances of a template.
template <class T, class Declaration>
T& shared(const char* name, Declaration) {
  SharedVariable& variable = shared_variable<T, Declaration>;
  if (!variable.data) {
    variable.name = name;
    variable.bytes = sizeof(T);
    add_shared(variable);
  }
  return *reinterpret_cast<T*>(variable.data);
}

template <class T>
T* dynamic_shared() {
  return reinterpret_cast<T*>(dynamic_memory);
}

// At the start of a launch (reports and says no if it asks for too much), at the start of a block, and after a block.
bool open_shared();
void poison_shared();
void check_shared();
}  // namespace simulation
