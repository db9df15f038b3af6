"""Lines along the batch and along options of the model, and the largest batch that fits."""

import pytest

from harness.planning.selection import select
from harness.runtime.trial import run_trial

BYTES_A_TOKEN = """
import torch
from torch import nn

from harness import model


class Keep(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, tokens):
        ctx.save_for_backward(torch.zeros(tokens.numel() * 2**14, dtype=torch.uint8))
        return logits.expand(*tokens.shape, -1)

    @staticmethod
    def backward(ctx, gradient):
        return gradient.sum(dim=(0, 1)), None


@model(name="keeper", summary="keeps 16 KiB for every token", predicts_tokens=True)
class Keeper(nn.Module):
    def __init__(self, vocab: int):
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(vocab))

    def forward(self, tokens):
        return Keep.apply(self.logits, tokens)
"""


def run(cache, *overrides, plugins=()):
    chosen = select(["suite=scaling", "scale=smoke", *overrides], list(plugins))
    return run_trial(
        chosen.plan.trials[0],
        chosen.registry,
        cache=cache,
        threads=1,
        run_id="test",
        report=lambda step, steps, loss: None,
    ).row


def by_point(row, metric, along):
    return {
        int(entry["name"].removeprefix(f"{metric}[{along}=").removesuffix("]")): entry["value"]
        for entry in row["metrics"]
        if entry["name"].startswith(f"{metric}[{along}=")
    }


def test_models_are_built_as_wide_as_the_point_says(cache):
    row = run(cache, "task=width_scaling", "model=transformer", "transformer.num_layers=1", "transformer.num_heads=2")
    parameters = by_point(row, "parameter_bytes", "width")
    # Twelve weights for each pair of channels in a block: four in attention, eight in its dense layers.
    pairs = {width: 4 * 12 * width**2 for width in parameters}
    assert list(parameters) == [16, 32, 64]
    assert parameters[64] - 2 * parameters[32] == pytest.approx(pairs[64] - 2 * pairs[32], rel=0.05)


def test_a_larger_state_takes_more_operations(cache):
    flops = by_point(run(cache, "task=state_scaling", "model=mamba"), "call_flops", "state")
    assert flops[16] > flops[8] > flops[4]
    assert (flops[16] - flops[8]) / (flops[8] - flops[4]) == pytest.approx(2, rel=0.01)


def test_operations_and_activations_grow_with_the_batch(cache):
    row = run(cache, "task=batch_scaling", "model=mamba")
    flops = by_point(row, "call_flops", "batch")
    assert (flops[4] - flops[2]) / (flops[2] - flops[1]) == pytest.approx(2, rel=0.01)
    assert row["value"] == pytest.approx(4 * 16 / by_point(row, "call_seconds", "batch")[4])


def test_an_option_that_the_model_lacks_is_named(cache):
    row = run(cache, "task=state_scaling", "model=transformer", "state_scaling.option=d_stat")
    assert row["status"] == "error"
    assert "transformer has no option 'd_stat'" in row["reason"]


def test_state_bytes_of_a_sequence_do_not_depend_on_how_many_there_are(cache):
    row = run(cache, "task=decode_batch", "model=transformer")
    # Beside what each sequence has there is the position, once.
    found = by_point(row, "sequence_state_bytes", "batch")
    assert found[1] == pytest.approx(found[4], rel=0.01)


def test_the_largest_batch_is_that_of_a_count_by_hand(cache, tmp_path):
    plugin = tmp_path / "theirs.py"
    plugin.write_text(BYTES_A_TOKEN)
    row = run(cache, "task=batch_limit", "model=keeper", "batch_limit.largest=64", plugins=[plugin])
    # 16 MiB hold 16 KiB for each of 1,024 tokens, which are 16 sequences of 64. Logits, their logarithms and gradients
    # of 256 numbers a token take up to 3 KiB more, so it is 13 to 15.
    assert row["metric"] == "largest_batch_that_fits"
    assert 16 * 2**20 // (64 * (2**14 + 3 * 2**10)) <= row["value"] < 16
    assert row["stopped"].startswith(f"batch {int(row['value']) + 1} takes")
