// Copies that take place later, and what the instructions of a whole warp ask for.
namespace simulation {
bool is_whole_warp(const Meeting& meeting) {
  if (meeting.participants == all_lanes) return true;
  // Not the thread that runs now: it may be one that has just returned.
  const Thread& thread = meeting.first();
  report(thread.place, "%s needs all 32 lanes of a warp; only 0x%08x take part", thread.operation,
         meeting.participants);
  return false;
}

void require_row(const void* address, const char* operation, Place place) {
  if (reinterpret_cast<uintptr_t>(address) % 16)
    fail(place, "%s moves 16 bytes; an address is no multiple of 16", operation);
  if (!is_shared(address)) fail(place, "%s was given an address outside of shared memory", operation);
}

void start_copy(void* to, const void* from, bool valid, Place place) {
  require_row(to, "cp_async_16", place);
  if (valid && reinterpret_cast<uintptr_t>(from) % 16)
    fail(place, "cp_async_16 moves 16 bytes; an address is no multiple of 16");
  Thread& me = *machine.current;
  if (me.num_copies == me.copy_capacity) {
    me.copy_capacity = me.copy_capacity ? 2 * me.copy_capacity : 16;
    me.copies = static_cast<PendingCopy*>(std::realloc(me.copies, me.copy_capacity * sizeof(PendingCopy)));
    if (!me.copies) std::abort();
  }
  PendingCopy& copy = me.copies[me.num_copies++];
  copy = PendingCopy{to, {}, me.num_groups};
  if (valid) std::memcpy(copy.bytes, from, 16);
  std::memset(to, poison, 16);
}

void commit_copies() { ++machine.current->num_groups; }

void wait_for_copies(unsigned pending) {
  Thread& me = *machine.current;
  unsigned kept = 0;
  for (unsigned i = 0; i < me.num_copies; ++i) {
    if (me.copies[i].group + pending < me.num_groups)
      std::memcpy(me.copies[i].to, me.copies[i].bytes, 16);
    else
      me.copies[kept++] = me.copies[i];
  }
  me.num_copies = kept;
}
}  // namespace simulation
