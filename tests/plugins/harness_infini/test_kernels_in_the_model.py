"""Kernels where the model calls them: on views of a joint projection, and inside a compiled graph."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from harness.kernels.cuda.simulation.simulator import Simulator
from harness.kernels.cuda.sources import launching_with
from harness_infini.infini_attention.cuda import infini_attention as cuda
from harness_infini.infini_attention.parallel import infini_attention as parallel
from harness_infini.model import InfiniMixer

# The check of shapes, which tests put into these modules, cannot be compiled: so in a process of its own.
COMPILE = """
import torch
from torch import nn
from harness.kernels.cuda.simulation.simulator import Simulator
from harness.kernels.cuda.sources import launching_with
from harness.kernels.loading import load_kernel
from harness.registry import load_registry
from harness_infini.model import InfiniMixer

torch.set_num_threads(1)
torch.autograd.set_multithreading_enabled(False)
registry = load_registry()
for name in ("reference", "torch", "cuda"):
    for memory in ("linear", "delta"):
        torch.manual_seed(0)
        mixer = InfiniMixer(16, 2, 5, memory, load_kernel("infini_attention", name, registry).function)
        nn.init.normal_(mixer.beta)
        x = torch.randn(2, 13, 16)
        outcomes = []
        for forward in (mixer, torch.compile(mixer, fullgraph=True, backend="aot_eager")):
            with launching_with(Simulator()):
                output = forward(x)
                outcomes.append((output, *torch.autograd.grad(output.square().sum(), list(mixer.parameters()))))
        torch.testing.assert_close(outcomes[1], outcomes[0], atol=1e-6, rtol=1e-5)
        print(name, memory)
"""


def outcome(mixer: InfiniMixer) -> tuple[torch.Tensor, ...]:
    """The output and the gradient of every parameter."""
    x = torch.randn(2, 13, 16, generator=torch.Generator().manual_seed(1))
    with launching_with(Simulator()), torch.autograd.set_multithreading_enabled(False):
        output = mixer(x)
        return output, *torch.autograd.grad(output.square().sum(), list(mixer.parameters()))


@pytest.mark.parametrize("memory", ["linear", "delta"])
def test_cuda_kernel_takes_the_views_that_the_model_passes(memory):
    torch.manual_seed(0)
    expected = InfiniMixer(16, 2, 5, memory, parallel)
    nn.init.normal_(expected.beta)
    found = InfiniMixer(16, 2, 5, memory, cuda)
    found.load_state_dict(expected.state_dict())
    torch.testing.assert_close(outcome(found), outcome(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_the_model_compiles_to_one_graph_with_every_kernel_that_runs_here():
    done = subprocess.run([sys.executable, "-c", COMPILE], capture_output=True, text=True, timeout=280, check=False)
    assert done.stdout.split("\n") == [
        "reference linear", "reference delta", "torch linear", "torch delta", "cuda linear", "cuda delta", "",
    ], done.stderr  # fmt: skip
