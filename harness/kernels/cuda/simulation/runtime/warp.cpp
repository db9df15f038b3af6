// Meetings of lanes, and the places where threads wait.
namespace simulation {
bool try_to_meet(const Thread& thread) {
  Warp& warp = machine.warp(thread);
  const unsigned needed = thread.mask & warp.existing & ~warp.returned;
  if ((warp.waiting & needed) != needed) return false;
  Thread* lanes = machine.lanes(thread);
  for (int lane = 0; lane < warp_size; ++lane) {
    if (!(needed >> lane & 1)) continue;
    const Thread& other = lanes[lane];
    if (other.mask != thread.mask || other.resolve != thread.resolve || !same(other.place, thread.place)) return false;
  }
  thread.resolve(Meeting{lanes, needed});
  warp.waiting &= ~needed;
  for (int lane = 0; lane < warp_size; ++lane)
    if (needed >> lane & 1) lanes[lane].status = Status::ready;
  return true;
}

void wait_for_warp(const char* operation, unsigned mask, const void* input, void* output,
                   void (*resolve)(const Meeting&), Place place) {
  Thread& me = *machine.current;
  if (!(mask >> lane() & 1)) fail(place, "%s: lane %d is not in its own mask 0x%08x", operation, lane(), mask);
  me.operation = operation;
  me.place = place;
  me.mask = mask;
  me.input = input;
  me.output = output;
  me.resolve = resolve;
  me.status = Status::in_warp;
  machine.warp(me).waiting |= 1u << lane();
  if (!try_to_meet(me)) yield();
}

int wait_for_block(const char* operation, int predicate, Place place) {
  Thread& me = *machine.current;
  int votes = predicate != 0;
  me.operation = operation;
  me.place = place;
  me.output = &votes;
  me.status = Status::at_barrier;
  yield();
  return votes;
}

void sleep(Place place) {
  Thread& me = *machine.current;
  me.operation = "__nanosleep()";
  me.place = place;
  me.status = Status::sleeping;
  yield();
}

void meet_only(const Meeting&) {}

void deliver(const Meeting& meeting) {
  for (int lane = 0; lane < warp_size; ++lane) {
    if (!meeting.has(lane)) continue;
    const unsigned source = meeting.input<Parcel>(lane).source;
    meeting.output<unsigned long long>(lane) = meeting.has(source) ? meeting.input<Parcel>(source).bits : ~0ull;
  }
}

namespace {
void vote(const Meeting& meeting) {
  unsigned votes = 0;
  for (int lane = 0; lane < warp_size; ++lane)
    if (meeting.has(lane) && meeting.input<bool>(lane)) votes |= 1u << lane;
  for (int lane = 0; lane < warp_size; ++lane)
    if (meeting.has(lane)) meeting.output<unsigned>(lane) = votes;
}
}  // namespace

unsigned ballot(const char* operation, unsigned mask, bool predicate, Place place) {
  unsigned votes = 0;
  meet(operation, mask, predicate, votes, vote, place);
  return votes;
}
}  // namespace simulation
