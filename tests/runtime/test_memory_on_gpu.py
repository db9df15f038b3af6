"""On a GPU the allocator's events say what its own statistics say, and its limit holds."""

import pytest
import torch
from torch import nn

from harness.runtime.allocations import measure_memory
from harness.runtime.failures import is_out_of_memory
from harness.runtime.memory_limits import allocations_limited

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
GPU = torch.device("cuda")


def test_the_peak_of_a_step_is_that_of_the_allocator():
    layer = nn.Sequential(nn.Linear(1024, 1024), nn.GELU(), nn.Linear(1024, 1024)).to(GPU)
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)
    x = torch.randn(4096, 1024, device=GPU)

    def step():
        optimizer.zero_grad()
        layer(x).sum().backward()
        optimizer.step()

    step()
    weights = sum(parameter.untyped_storage().nbytes() for parameter in layer.parameters())
    # The inputs and the workspaces of libraries lie beside weights, gradients and the two moments.
    others = torch.cuda.memory_allocated() - 4 * weights
    torch.cuda.reset_peak_memory_stats()
    step()
    expected = torch.cuda.max_memory_allocated() - others
    assert measure_memory(step, layer, GPU).peak == pytest.approx(expected, rel=0.02)


def test_an_allocation_beyond_the_limit_runs_out_of_memory_and_the_next_does_not():
    before = torch.cuda.get_per_process_memory_fraction()
    with pytest.raises(torch.OutOfMemoryError) as caught, allocations_limited(64 * 2**20, GPU):
        torch.empty(2**28, device=GPU)
    assert is_out_of_memory(caught.value)
    assert torch.cuda.get_per_process_memory_fraction() == before
    assert torch.ones(2**26, device=GPU).sum() == 2**26
