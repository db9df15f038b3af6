"""The suite from plan to row: every task leaves its points, and a model of known cost is measured as it is."""

import math
from pathlib import Path

import pytest

from harness.planning.selection import select
from harness.runtime.trial import run_trial

WORDS = ["suite=scaling", "scale=smoke"]
POINTS = {
    "training_step": ("model=mamba", "length", (16, 32, 64)),
    "prefill": ("model=transformer", "length", (16, 32, 64)),
    "decode": ("model=transformer", "context", (8, 16, 32)),
    "batch_scaling": ("model=mamba", "batch", (1, 2, 4)),
    "width_scaling": ("model=transformer", "width", (16, 32, 64)),
    "state_scaling": ("model=mamba", "state", (4, 8, 16)),
    "decode_batch": ("model=mamba", "batch", (1, 2, 4)),
    "op_scaling": ("model=selective_scan_op", "length", (16, 32, 64)),
    "image_scaling": ("model=vit", "side", (8, 16)),
    "video_scaling": ("model=video_diffusion", "frames", (1, 2)),
    "sampling": ("model=image_diffusion", "steps", (1, 2)),
}
SLOW = """
import time

import torch
from torch import nn

from harness import model


@model(name="slow", summary="waits ten microseconds for each pair of tokens", predicts_tokens=True)
class Slow(nn.Module):
    def __init__(self, vocab: int, exponent: float = 2.0):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(vocab))
        self.exponent = exponent

    def forward(self, tokens):
        if self.training:
            time.sleep(2e-3 + 1e-5 * tokens.shape[1] ** self.exponent)
        return self.logits.expand(*tokens.shape, -1)
"""
HUNGRY = """
import torch
from torch import nn

from harness import model


@model(name="hungry", summary="keeps a byte for each pair of tokens, and fails beyond 32 of them", predicts_tokens=True)
class Hungry(nn.Module):
    def __init__(self, vocab: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(vocab))

    def forward(self, tokens):
        if tokens.shape[1] > 32:
            raise MemoryError("no more")
        return self.logits.expand(*tokens.shape, -1)
"""


def run(cache, *overrides, plugins=()):
    chosen = select([*WORDS, *overrides], list(plugins))
    return run_trial(
        chosen.plan.trials[0],
        chosen.registry,
        cache=cache,
        threads=1,
        run_id="test",
        report=lambda step, steps, loss: None,
    )


def plugin(folder: Path, text: str) -> Path:
    path = folder / "theirs.py"
    path.write_text(text)
    return path


def by_point(row, metric, along):
    return {
        int(entry["name"].removeprefix(f"{metric}[{along}=").removesuffix("]")): entry["value"]
        for entry in row["metrics"]
        if entry["name"].startswith(f"{metric}[{along}=")
    }


@pytest.mark.parametrize("task", POINTS)
def test_every_task_leaves_time_memory_and_operations_of_every_point(task, cache):
    model, along, points = POINTS[task]
    outcome = run(cache, f"task={task}", model)
    row = outcome.row
    assert row["status"] == "ok", row["traceback"] or row["reason"]
    assert row["stopped"] == ""
    for metric in ("call_seconds", "allocated_peak_bytes", "call_flops", "parameter_bytes", "first_call_seconds"):
        found = by_point(row, metric, along)
        assert tuple(found) == points
        assert all(math.isfinite(value) and value > 0 for value in found.values())


def test_samples_of_every_round_stand_in_the_curves(cache):
    outcome = run(cache, "task=prefill", "model=transformer")
    names = [f"seconds[length={length}]" for length in (16, 32, 64)]
    kept = {name: [p["value"] for p in outcome.curve if p["name"] == name] for name in names}
    assert {len(samples) for samples in kept.values()} == {outcome.row["steps"]}
    assert min(min(samples) for samples in kept.values()) > 0


def test_the_headline_is_the_throughput_at_the_last_point(cache):
    row = run(cache, "task=prefill", "model=transformer").row
    assert row["metric"] == "tokens_per_second"
    assert row["value"] == pytest.approx(64 / by_point(row, "call_seconds", "length")[64])


def test_a_wait_of_known_law_is_measured_as_it_is(cache, tmp_path):
    row = run(cache, "task=training_step", "model=slow", plugins=[plugin(tmp_path, SLOW)]).row
    seconds = by_point(row, "call_seconds", "length")
    assert (seconds[64] - seconds[32]) / (seconds[32] - seconds[16]) == pytest.approx(4, rel=0.15)


def test_points_beyond_one_that_does_not_fit_are_left_out_and_said(cache, tmp_path):
    row = run(cache, "task=training_step", "model=hungry", plugins=[plugin(tmp_path, HUNGRY)]).row
    assert row["status"] == "ok"
    assert row["stopped"] == "length 64 does not fit the memory (no more)"
    assert tuple(by_point(row, "call_seconds", "length")) == (16, 32)
    assert row["value"] == 0


def test_a_point_that_takes_too_long_ends_the_line(cache, tmp_path):
    row = run(
        cache, "task=training_step", "model=slow", "training_step.call_seconds=0.03", plugins=[plugin(tmp_path, SLOW)]
    ).row
    assert row["stopped"].startswith("length 64 takes 0.0")
    assert row["stopped"].endswith("more than 0.03 s")


def test_state_of_attention_grows_with_the_context_and_that_of_mamba_does_not(cache):
    state = [
        by_point(run(cache, "task=decode", f"model={model}").row, "sequence_state_bytes", "context")
        for model in ("transformer", "mamba")
    ]
    growth = [sizes[32] / sizes[8] for sizes in state]
    assert growth == [pytest.approx(4, rel=0.01), 1]


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training_step.lengths=[64,32]", "growing positive numbers"),
        ("training_step.tokens=100", "no whole number of sequences of 16 tokens"),
    ],
)
def test_points_that_make_no_line_are_refused_when_planning(override, said):
    with pytest.raises(Exception, match=said):
        select([*WORDS, "task=training_step", "model=mamba", override], [])
