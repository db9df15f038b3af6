"""The search finds what a linear one finds, and a process is as it was after memory ran out."""

import gc
import resource
import weakref
from types import SimpleNamespace

import psutil
import pytest
import torch
from torch import nn

from harness.runtime.allocations import measure_memory
from harness.runtime.failures import is_out_of_memory
from harness.runtime.memory_limits import allocations_limited, largest_that_fits

CPU = torch.device("cpu")


@pytest.mark.parametrize("limit", range(20))
@pytest.mark.parametrize("multiple", [1, 3])
@pytest.mark.parametrize("largest", [1, 7, 16])
def test_the_search_agrees_with_trying_every_size(limit, multiple, largest):
    found = largest_that_fits(lambda size: "too large" if size > limit else "", multiple=multiple, largest=largest)
    sizes = range(multiple, largest + 1, multiple)
    assert found.at == max((size for size in sizes if size <= limit), default=0)


def test_no_size_is_tried_twice_nor_beyond_twice_the_answer():
    found = largest_that_fits(lambda size: "too large" if size > 700 else "", multiple=1, largest=10**6)
    tried = [attempt.at for attempt in found.attempts]
    assert len(set(tried)) == len(tried) < 22
    assert max(tried) <= 2 * 700


def test_every_failure_keeps_its_reason():
    found = largest_that_fits(lambda size: f"{size} is too large" if size > 5 else "", multiple=1, largest=100)
    assert {attempt.at: attempt.reason for attempt in found.attempts if attempt.reason} == {
        8: "8 is too large",
        6: "6 is too large",
    }


def test_the_search_agrees_with_a_linear_one_on_the_memory_of_a_step():
    layer = nn.Sequential(nn.Linear(16, 64), nn.GELU(), nn.Linear(64, 16))

    def attempt(batch):
        x = torch.ones(batch, 16)

        def step():
            layer.zero_grad(set_to_none=True)
            layer(x).sum().backward()

        step()
        return "too large" if measure_memory(step, layer, CPU).peak > 60_000 else ""

    found = largest_that_fits(attempt, multiple=8, largest=128)
    linear = [size for size in range(8, 129, 8) if not attempt(size)]
    assert 8 < found.at == max(linear) < 128


@pytest.fixture
def few_objects():
    """Collecting garbage passes over what was there before, which takes long among a session's objects."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def allocate_far_too_much():
    with pytest.raises(RuntimeError) as caught, allocations_limited(64 * 2**20, CPU):
        torch.empty(2**28).fill_(1)
    return caught.value


def test_beyond_the_limit_memory_runs_out():
    assert is_out_of_memory(allocate_far_too_much())


def test_within_the_limit_nothing_changes():
    with allocations_limited(256 * 2**20, CPU):
        assert torch.ones(2**20).sum() == 2**20


EXTRA = 16 * 2**20


def fill(seen):
    held = []
    while True:
        held.append(torch.ones(2**18))
        seen.append(weakref.ref(held[-1]))


def run_out_of_memory(seen):
    """Fails once much is held, and hands on the error, whose frames name it."""
    with pytest.raises(RuntimeError) as caught, allocations_limited(EXTRA, CPU):
        fill(seen)
    return caught.value


def test_what_was_held_when_memory_ran_out_is_let_go_while_the_error_is_kept():
    seen = []
    error = run_out_of_memory(seen)
    assert seen
    assert all(tensor() is None for tensor in seen)
    assert is_out_of_memory(error)


def test_an_error_of_another_kind_keeps_what_it_names():
    def fails(number):
        raise ValueError(number)

    with pytest.raises(ValueError, match="7") as caught, allocations_limited(64 * 2**20, CPU):
        fails(7)
    assert caught.traceback[-1].locals["number"] == 7


def test_after_memory_ran_out_often_the_process_is_as_before(few_objects):
    run_out_of_memory([])
    limits, resident = resource.getrlimit(resource.RLIMIT_DATA), psutil.Process().memory_info().rss
    for _ in range(20):
        run_out_of_memory([])
    assert resource.getrlimit(resource.RLIMIT_DATA) == limits
    # malloc may keep what one run took in an arena whose end it does not give back; each run would add as much.
    assert psutil.Process().memory_info().rss - resident < 4 * EXTRA
    assert torch.ones(2**24).sum() == 2**24


class FractionOfGpu:
    """What torch says of GPUs with 1000 bytes each, and the share that a process may take, by the device's number."""

    def __init__(self):
        self.fractions, self.set = {0: 1.0, 1: 0.5}, []

    def current_device(self):
        return 0

    def get_device_properties(self, index):
        return SimpleNamespace(total_memory=1000)

    def memory_reserved(self, index):
        return 200

    def empty_cache(self):
        pass

    def get_per_process_memory_fraction(self, index):
        return self.fractions[index]

    def set_per_process_memory_fraction(self, fraction, index):
        self.fractions[index] = fraction
        self.set.append((index, fraction))


@pytest.mark.parametrize(
    ("device", "extra", "expected"),
    [("cuda", 300, [(0, 0.5), (0, 1.0)]), ("cuda:1", 100, [(1, 0.3), (1, 0.5)]), ("cuda:1", 900, [(1, 0.5), (1, 0.5)])],
    ids=["current", "numbered", "already_limited"],
)
def test_a_share_of_a_gpu_is_set_and_restored(device, extra, expected, monkeypatch):
    gpu = FractionOfGpu()
    monkeypatch.setattr(torch, "cuda", gpu)
    with allocations_limited(extra, torch.device(device)):
        pass
    assert gpu.set == expected
