"""What every token model must hold, bundled or a stranger's: named checks that say what was seen and what was expected.

from harness.testing import CHECKS, token_model

@pytest.mark.parametrize("check", CHECKS)
def test_contract(check):
    CHECKS[check](token_model("mine", files=[Path("my_model.py")]))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from harness.configuration import parse_config
from harness.errors import PluginError
from harness.interfaces import StepsTokens, TokenBatch, TokenData, Training
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import Registry, load_registry
from harness.runtime.learning import DefaultTokenLearner
from harness.runtime.seeding import seeded
from harness.specs import Capability, ModelSpec

VOCAB, BATCH, LENGTH = 11, 3, 23


class ContractViolation(AssertionError):
    """A model does not hold what its declaration promises."""


@dataclass(frozen=True, slots=True)
class TokenModel:
    """A model under test: its declaration, its options, and a way to build it."""

    spec: ModelSpec
    options: Mapping[str, Any]
    registry: Registry
    kernel: str = "auto"

    def build(self, seed: int = 0, dtype: torch.dtype = torch.float64) -> nn.Module:
        """The network from that seed, in evaluation mode. Kernels that take float32 only are built in float32."""
        kernels, reason = resolve_kernels(self.kernel, self.spec, "cpu", self.registry, "float64")
        if reason:
            raise PluginError(reason)
        config = parse_config(self.spec.config.load(), self.options, self.spec.name)
        data = TokenData(vocab=VOCAB, length=LENGTH)
        with seeded(seed):
            module: nn.Module = self.spec.build.load()(config, data, load_kernels(kernels, self.registry))
        return module.to(dtype).eval()


def token_model(
    name: str, *, files: Sequence[Path] = (), options: Mapping[str, Any] | None = None, kernel: str = "auto"
) -> TokenModel:
    """The registered model of that name, or one from a plugin file."""
    registry = load_registry(files)
    return TokenModel(registry.models[name].spec, options or {}, registry, kernel)


def tokens(length: int = LENGTH, seed: int = 0) -> Tensor:
    return torch.randint(0, VOCAB, (BATCH, length), generator=torch.Generator().manual_seed(seed))


def check_shape(model: TokenModel) -> None:
    """Logits are [batch, length, vocab] for lengths that are odd, prime, one."""
    module = model.build()
    for length in (1, 2, 7, LENGTH):
        shape = tuple(_forward(module, tokens(length)).shape)
        _expect(shape == (BATCH, length, VOCAB), f"logits of {length} tokens are {shape}, not {(BATCH, length, VOCAB)}")


def check_finite(model: TokenModel) -> None:
    """A new network's outputs are finite numbers."""
    _expect(
        bool(torch.isfinite(_forward(model.build(), tokens())).all()), "a new network's logits hold NaN or infinity"
    )


def check_causality(model: TokenModel) -> None:
    """Changing token t changes no output before t."""
    module = model.build()
    before = tokens()
    base = _forward(module, before)
    for place in (1, LENGTH // 2, LENGTH - 1):
        after = before.clone()
        after[:, place] = (after[:, place] + 1) % VOCAB
        change = float((_forward(module, after)[:, :place] - base[:, :place]).abs().max())
        _expect(change < 1e-9, f"changing token {place} changes an earlier output by {change:.1e}: it sees the future")


def check_memory(model: TokenModel) -> None:
    """Changing the token at t changes the output at t: the input is used."""
    module = model.build()
    before = tokens()
    after = before.clone()
    after[:, 5] = (after[:, 5] + 1) % VOCAB
    change = float((_forward(module, after)[:, 5] - _forward(module, before)[:, 5]).abs().max())
    _expect(change > 0, "changing a token does not change the output at its place")


def check_batch_independence(model: TokenModel) -> None:
    """An example's outputs do not depend on the others in its batch."""
    module = model.build()
    together = _forward(module, tokens())
    alone = torch.cat([_forward(module, row[None]) for row in tokens()])
    error = float((together - alone).abs().max())
    _expect(error < 1e-9, f"an example's logits change by {error:.1e} with the rest of its batch")


def check_determinism(model: TokenModel) -> None:
    """The same seed gives the same network and the same outputs; evaluation draws no random numbers."""
    first = _forward(model.build(), tokens())
    state = torch.random.get_rng_state()
    second = _forward(model.build(), tokens())
    _expect(bool(torch.equal(first, second)), "two networks of one seed give different logits")
    _expect(bool(torch.equal(state, torch.random.get_rng_state())), "evaluation draws from the global generator")
    other = _forward(model.build(seed=1), tokens())
    _expect(not torch.equal(first, other), "networks of different seeds are equal: initialisation ignores the seed")


def check_gradients(model: TokenModel) -> None:
    """The loss has a finite gradient that is not zero for every parameter."""
    module = model.build().train()
    loss = torch.nn.functional.cross_entropy(module(tokens()).flatten(0, 1), tokens(seed=1).flatten())
    loss.backward()
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            _expect(parameter.grad is not None, f"no gradient reaches {name}")
            assert parameter.grad is not None
            _expect(bool(torch.isfinite(parameter.grad).all()), f"the gradient of {name} is not finite")
            _expect(bool(parameter.grad.abs().sum() > 0), f"the gradient of {name} is zero everywhere")


def check_state_dict(model: TokenModel) -> None:
    """A state dict carries the whole network."""
    first, second = model.build(), model.build(seed=1)
    second.load_state_dict(first.state_dict(), strict=True)
    same = torch.equal(_forward(first, tokens()), _forward(second, tokens()))
    _expect(bool(same), "a network with another's state dict gives other logits: something is not in it")


def check_streaming(model: TokenModel) -> None:
    """Step by step gives what the whole sequence gives at once (only for STEPS_TOKENS)."""
    if Capability.STEPS_TOKENS not in model.spec.capabilities:
        return
    module = model.build()
    if not isinstance(module, StepsTokens):
        raise ContractViolation(f"{model.spec.name} declares steps_tokens but has no initial_state and step")
    whole = _forward(module, tokens())
    with torch.no_grad():
        state = module.initial_state(BATCH)
        outputs = []
        for column in tokens().unbind(dim=1):
            logits, state = module.step(column, state)
            outputs.append(logits)
    error = float((torch.stack(outputs, dim=1) - whole).abs().max())
    _expect(error < 1e-7, f"stepwise logits differ from the parallel ones by {error:.1e} in float64")


def check_learning(model: TokenModel) -> None:
    """Training on one batch brings its loss under a third of what guessing costs."""
    module = model.build(dtype=torch.float32)
    steps = 150
    groups = model.spec.parameter_groups.load()(module) if model.spec.parameter_groups is not None else ()
    training = Training(learning_rate=1e-2, batch_size=BATCH)
    learner = DefaultTokenLearner(module, training=training, steps=steps, groups=groups)
    batch = TokenBatch(inputs=tokens(12), targets=tokens(12, seed=1))
    losses = [float(learner.train_step(batch)["loss"]) for _ in range(steps)]
    limit = float(torch.tensor(VOCAB).log()) / 3
    _expect(losses[-1] < limit, f"after {steps} steps on one batch the loss is {losses[-1]:.2f}, not under {limit:.2f}")


CHECKS: Mapping[str, Callable[[TokenModel], None]] = {
    "shape": check_shape,
    "finite": check_finite,
    "causality": check_causality,
    "memory": check_memory,
    "batch_independence": check_batch_independence,
    "determinism": check_determinism,
    "gradients": check_gradients,
    "state_dict": check_state_dict,
    "streaming": check_streaming,
    "learning": check_learning,
}


def _forward(module: nn.Module, inputs: Tensor) -> Tensor:
    with torch.no_grad():
        outputs: Tensor = module(inputs)
    return outputs


def _expect(condition: bool, message: str) -> None:
    if not condition:
        raise ContractViolation(message)
