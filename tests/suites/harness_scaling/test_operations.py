"""Ops measured alone: what is called, what it is held against, and that nothing else is in the time."""

import math
import time
from dataclasses import dataclass, replace

import pytest
import torch

from harness.configuration import parse_config
from harness.errors import PluginError, UsageError
from harness.interfaces import Budget, MemoryUse, OpData, TokenData, Training
from harness.kernels.costs import Ceilings
from harness.kernels.loading import Kernel, load_kernel
from harness.planning.selection import select
from harness.registry import load_registry
from harness.runtime.cost_curves import _least_work
from harness.runtime.operating import OpAlone, OpLearner
from harness.specs import Capability
from harness_scaling.metrics import bytes_per_second, times_floor
from harness_scaling.options import OpOptions
from harness_scaling.tasks import op_scaling

REGISTRY = load_registry()
ALONE = [spec for spec in REGISTRY.models.specs() if Capability.RUNS_ALONE in spec.capabilities]
CPU = torch.device("cpu")
CEILINGS = Ceilings(
    bytes_per_second=1e9,
    matrix_flops_per_second=1e12,
    flops_per_second=1e12,
    exponentials_per_second=1e12,
    launch_seconds=0.0,
)


def built(spec, length, kernel="auto", **options):
    op = spec.ops[0]
    name = kernel
    if kernel == "auto":
        usable = [k.spec for k in REGISTRY.kernels_of(op).values() if "cpu" in k.spec.devices and k.spec.auto_rank >= 0]
        name = max(usable, key=lambda found: found.auto_rank).name
    config = parse_config(spec.config.load(), options, spec.name)
    module = spec.build.load()(config, OpData(length=length), {op: load_kernel(op, name, REGISTRY)})
    return OpLearner(module, training=Training(), steps=1)


@dataclass
class Planted:
    """Builds an op whose kernel waits ten microseconds for each position."""

    exponent: float

    def build(self, data, options):
        spec = next(spec for spec in ALONE if spec.name == "causal_conv1d_op")
        loaded = load_kernel("causal_conv1d", "torch", REGISTRY)

        def waiting(*arguments):
            time.sleep(1e-5 * arguments[0].shape[1] ** self.exponent)
            return loaded.function(*arguments)

        config = parse_config(spec.config.load(), {"channels": 1}, spec.name)
        kernels = {"causal_conv1d": Kernel(loaded.op, loaded.spec, waiting)}
        return OpLearner(spec.build.load()(config, data, kernels), training=Training(), steps=1)

    def memory(self, call, module):
        return MemoryUse(parameters=1, gradients=0, optimizer=0, activations=0, workspace=0, peak=1)

    def operations(self, call):
        return 1.0

    def ceilings(self):
        return CEILINGS

    def joules(self, call):
        return None


def measured(instruments, **options):
    task = op_scaling(OpOptions(**options)).with_instruments(instruments)
    task.fit(
        None,
        None,
        training=Training(),
        budget=Budget(steps=12, seconds=5.0),
        streams=None,
        device=CPU,
        record=lambda step, values: None,
    )
    return task.evaluate(None, None, "test", training=Training(), device=CPU)


def test_the_ops_of_the_papers_are_there():
    names = {spec.name for spec in ALONE}
    assert names >= {
        "attention_op", "causal_conv1d_op", "infini_attention_op", "infini_memory_op", "long_conv_op", "s4_kernel_op",
        "s4d_kernel_op", "selective_scan_op",
    }  # fmt: skip


@pytest.mark.parametrize("spec", ALONE, ids=lambda spec: spec.name)
def test_each_runs_forward_and_backward_at_any_length(spec):
    held = []
    for length in (8, 40):
        learner = built(spec, length)
        learner.call(backward=True)()
        learner.call(backward=False)()
        assert list(learner.module.parameters()) == []
        assert any(item.requires_grad for item in learner.module.arguments() if isinstance(item, torch.Tensor))
        work = learner.work(backward=True)
        forward = learner.work(backward=False)
        assert work.bytes > forward.bytes > 0
        held.append(work.bytes)
    assert held[1] > held[0]


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_a_kernel_of_known_law_is_measured_as_it_is(exponent):
    evidence = measured(Planted(exponent), lengths=(64, 128, 256), ceilings=False)
    seconds = {
        at: float(torch.tensor(evidence.arrays["seconds"][evidence.arrays["at"] == at]).median())
        for at in (64, 128, 256)
    }
    assert (seconds[256] - seconds[128]) / (seconds[128] - seconds[64]) == pytest.approx(2**exponent, rel=0.2)


def test_the_floor_is_that_of_the_ops_cost_model():
    evidence = measured(Planted(0.0), lengths=(64, 128), ceilings=True)
    spec = next(spec for spec in ALONE if spec.name == "causal_conv1d_op")
    work = built(spec, 128, channels=1).work(backward=True)
    median = float(torch.tensor(evidence.arrays["seconds"][evidence.arrays["at"] == 128]).quantile(0.5))
    assert times_floor(evidence).value == pytest.approx(median / (work.bytes / 1e9))
    assert bytes_per_second(evidence).value == pytest.approx(work.bytes / median)


def test_without_a_cost_model_bytes_are_those_of_memory_that_is_read_and_written():
    use = MemoryUse(parameters=100, gradients=10, optimizer=20, activations=3, workspace=1000, peak=1133)
    work = _least_work(use, 7.0, 5)
    assert (work.bytes, work.matrix_flops) == (100 + 5 + 2 * 33, 7.0)


def test_forward_alone_costs_less_than_both():
    spec = next(spec for spec in ALONE if spec.name == "attention_op")
    learner = built(spec, 256, kernel="reference")
    passes = {}
    for backward in (False, True):
        call = learner.call(backward=backward)
        call()
        times = []
        for _ in range(7):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        passes[backward] = sorted(times)[3]
    assert passes[False] < 0.7 * passes[True]


def test_a_kernel_without_a_backward_pass_is_timed_forward():
    spec = next(spec for spec in ALONE if spec.name == "selective_scan_op")
    loaded = load_kernel("selective_scan", "reference", REGISTRY)
    forward_only = Kernel(loaded.op, replace(loaded.spec, differentiable=False), loaded.function)
    learner = OpLearner(
        OpAlone(forward_only, {**dict(spec.config.load()()), "length": 8}), training=Training(), steps=1
    )
    assert learner.work(backward=True) == learner.work(backward=False)


def test_half_precision_takes_the_ops_inputs_in_that_type():
    spec = next(spec for spec in ALONE if spec.name == "attention_op")
    module = built(spec, 16, kernel="torch").module
    learner = OpLearner(module, training=Training(), steps=1, precision="bfloat16")
    assert {item.dtype for item in learner.module.arguments() if isinstance(item, torch.Tensor)} == {torch.bfloat16}
    learner.call(backward=True)()


def test_a_size_that_the_op_lacks_is_refused_when_planning():
    with pytest.raises(UsageError, match="selective_scan_op lacks it"):
        select(["suite=scaling", "scale=smoke", "task=op_scaling", "model=selective_scan_op", "model.chanels=3"], [])


def test_an_op_is_built_for_a_length_only():
    spec = next(spec for spec in ALONE if spec.name == "attention_op")
    with pytest.raises(PluginError, match="runs alone on data of a length, not on TokenData"):
        spec.build.load()(spec.config.load()(), TokenData(vocab=2, length=4), {})


def test_throughput_counts_positions_of_all_examples():
    evidence = measured(Planted(0.0), lengths=(64, 128), ceilings=False)
    assert set(evidence.arrays["units"][evidence.arrays["at"] == 128]) == {128.0}
    assert math.isfinite(float(evidence.arrays["seconds"].mean()))
