"""How the CUDA kernels of `selective_scan` cut up a call, which `walk.cuh` and the code that launches agree on."""

from __future__ import annotations

from dataclasses import dataclass

WARPS = 4
STATES = 8
"""As in walk.cuh: warps of a block, states of a thread."""
WARPS_THAT_FILL = 1024
"""About two for each scheduler of the devices at hand. It is no property of the device in use, so that results do not
depend on it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a call is cut up: first as `Shape` in walk.cuh does it, then into warps, blocks and chunks of time."""

    batch: int
    length: int
    channels: int
    states: int

    @property
    def lanes(self) -> int:
        """Lanes that share the states of a channel."""
        return min(32, max(4, _power_of_two(self.states) // 4))

    @property
    def per_lane(self) -> int:
        return 4 if self.states <= 128 else 8

    @property
    def slice(self) -> int:
        """Channels of a warp."""
        return STATES // self.per_lane * 32 // self.lanes

    @property
    def vector(self) -> int:
        """Channels that a lane loads at once."""
        return min(8, self.slice)

    @property
    def steps(self) -> int:
        """Steps of a tile."""
        return min(32 * self.vector // self.slice, max(4, 256 // (self.lanes * self.per_lane)))

    @property
    def part(self) -> int:
        """Steps whose states the backward pass has in registers."""
        return 8 if self.lanes == 4 else 4

    @property
    def segment(self) -> int:
        """Steps between states that are kept."""
        return 64 if self.per_lane < STATES else 32

    @property
    def kept(self) -> int:
        """Numbers that a warp keeps of its states."""
        return 32 * STATES

    @property
    def backward_bytes(self) -> int:
        """The shared memory of a block of the backward pass: WARPS times what `BackwardTile` lists."""
        drive = self.steps * (2 * self.slice + 4)
        rows = 4 * self.steps * self.lanes * self.per_lane
        columns = 4 * self.steps * self.slice
        notes = (self.segment // self.part - 1) * self.kept
        vectors = 2 * self.slice * (1 + self.steps)
        return 16 * WARPS * _parts(drive + rows + columns + notes + vectors, 4)

    @property
    def slices(self) -> int:
        """Warps side by side, each with some channels of a sequence."""
        return _parts(self.channels, self.slice)

    @property
    def blocks(self) -> int:
        """Blocks side by side."""
        return _parts(self.slices, WARPS)

    @property
    def segments(self) -> int:
        return _parts(self.length, self.segment)

    @property
    def chunk(self) -> int:
        """Steps of a chunk: all of them, unless there are so few warps that states are better computed twice."""
        missing = WARPS_THAT_FILL // (self.batch * self.slices)
        return self.segment * (self.segments if missing < 3 else _parts(self.segments, min(missing, self.segments)))

    @property
    def chunks(self) -> int:
        return _parts(self.length, self.chunk)


def _parts(whole: int, part: int) -> int:
    return -(-whole // part)


def _power_of_two(number: int) -> int:
    """The least that is not below `number`."""
    return 1 << (number - 1).bit_length()
