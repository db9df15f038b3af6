"""What every token model must hold besides."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from harness.interfaces import ReadsTokens, StepsTokens
from harness.specs import Capability
from harness.testing import common_checks as common
from harness.testing.subjects import BATCH, LENGTH, VOCAB, ContractViolation, TokenModel, expect, outputs_of, tokens


def check_shape(model: TokenModel) -> None:
    """Logits are [batch, length, vocab] for lengths that are odd, prime, one."""
    module = model.build()
    for length in (1, 2, 7, LENGTH):
        shape = tuple(outputs_of(module, tokens(length)).shape)
        expect(shape == (BATCH, length, VOCAB), f"logits of {length} tokens are {shape}, not {(BATCH, length, VOCAB)}")


def check_causality(model: TokenModel) -> None:
    """Changing token t changes no output before t."""
    module = model.build()
    before = tokens()
    base = outputs_of(module, before)
    for place in (1, LENGTH // 2, LENGTH - 1):
        after = before.clone()
        after[:, place] = (after[:, place] + 1) % VOCAB
        change = float((outputs_of(module, after)[:, :place] - base[:, :place]).abs().max())
        expect(change < 1e-9, f"changing token {place} changes an earlier output by {change:.1e}: it sees the future")


def check_memory(model: TokenModel) -> None:
    """Changing the token at t changes the output at t: the input is used."""
    module = model.build()
    before = tokens()
    after = before.clone()
    after[:, 5] = (after[:, 5] + 1) % VOCAB
    change = float((outputs_of(module, after)[:, 5] - outputs_of(module, before)[:, 5]).abs().max())
    expect(change > 0, "changing a token does not change the output at its place")


def check_streaming(model: TokenModel) -> None:
    """Step by step gives what the whole sequence gives at once (only for STEPS_TOKENS)."""
    if Capability.STEPS_TOKENS not in model.spec.capabilities:
        return
    module = model.build()
    if not isinstance(module, StepsTokens):
        raise ContractViolation(f"{model.spec.name} declares steps_tokens but has no initial_state and step")
    whole = outputs_of(module, tokens())
    with torch.no_grad():
        state = module.initial_state(BATCH)
        outputs = []
        for column in tokens().unbind(dim=1):
            logits, state = module.step(column, state)
            outputs.append(logits)
    error = float((torch.stack(outputs, dim=1) - whole).abs().max())
    expect(error < 1e-7, f"stepwise logits differ from the parallel ones by {error:.1e} in float64")


def check_reading(model: TokenModel) -> None:
    """Prompts that are read at once, joined and selected go on as whole sequences (only where there is `read`)."""
    module = model.build()
    if not (isinstance(module, ReadsTokens) and isinstance(module, StepsTokens)):
        return
    prompts, following = (1, LENGTH // 2, LENGTH // 2 + 1), 4
    whole = outputs_of(module, tokens())
    with torch.no_grad():
        read = [module.read(tokens()[:, :prompt]) for prompt in prompts]
        state = module.join([state for _, state in read])
        # Every sequence goes on as it is and, from the same state, with its tokens the other way round.
        rows = [row for row in range(len(prompts) * BATCH) for _ in range(2)]
        state = module.select(state, rows)
        ends = [(row % BATCH, prompts[row // BATCH]) for row in rows]
        following_tokens = torch.stack([tokens()[row, end : end + following] for row, end in ends])
        following_tokens[1::2] = following_tokens[1::2].flip(1)
        outputs = []
        for column in following_tokens.unbind(dim=1):
            logits, state = module.step(column, state)
            outputs.append(logits)
    straight = torch.stack(outputs, dim=1)[::2]
    expected = torch.stack([whole[row, end : end + following] for row, end in ends[::2]])
    error = max(
        float((straight - expected).abs().max()),
        max(
            float((logits - whole[:, prompt - 1]).abs().max())
            for (logits, _), prompt in zip(read, prompts, strict=True)
        ),
    )
    expect(error < 1e-7, f"after prompts read at once, joined and selected, logits differ by {error:.1e} in float64")


CHECKS: Mapping[str, Callable[[TokenModel], None]] = {
    "shape": check_shape,
    "finite": common.check_finite,
    "causality": check_causality,
    "memory": check_memory,
    "batch_independence": common.check_batch_independence,
    "determinism": common.check_determinism,
    "gradients": common.check_gradients,
    "state_dict": common.check_state_dict,
    "streaming": check_streaming,
    "reading": check_reading,
    "learning": common.check_learning,
}
