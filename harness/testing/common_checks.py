"""What every model must hold, whatever it reads."""

from __future__ import annotations

import torch

from harness.interfaces import Training
from harness.testing.subjects import BATCH, Subject, expect, fitted, outputs_of


def check_finite(model: Subject) -> None:
    """A new network's outputs are finite numbers."""
    logits = outputs_of(model.build(), model.inputs())
    expect(bool(torch.isfinite(logits).all()), "a new network's logits hold NaN or infinity")


def check_batch_independence(model: Subject) -> None:
    """An example's outputs do not depend on the others in its batch."""
    module = model.build()
    together = outputs_of(module, model.inputs())
    alone = torch.cat([outputs_of(module, row[None]) for row in model.inputs()])
    error = float((together - alone).abs().max())
    expect(error < 1e-9, f"an example's logits change by {error:.1e} with the rest of its batch")


def check_determinism(model: Subject) -> None:
    """The same seed gives the same network and the same outputs; evaluation draws no random numbers."""
    first = outputs_of(model.build(), model.inputs())
    state = torch.random.get_rng_state()
    second = outputs_of(model.build(), model.inputs())
    expect(bool(torch.equal(first, second)), "two networks of one seed give different logits")
    expect(bool(torch.equal(state, torch.random.get_rng_state())), "evaluation draws from the global generator")
    other = outputs_of(model.build(seed=1), model.inputs())
    expect(not torch.equal(first, other), "networks of different seeds are equal: initialisation ignores the seed")


def check_gradients(model: Subject) -> None:
    """The loss has a finite gradient that is not zero for every parameter."""
    module = model.build().train()
    model.loss(module(fitted(module, model.inputs()))).backward()
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            expect(parameter.grad is not None, f"no gradient reaches {name}")
            assert parameter.grad is not None
            expect(bool(torch.isfinite(parameter.grad).all()), f"the gradient of {name} is not finite")
            expect(bool(parameter.grad.abs().sum() > 0), f"the gradient of {name} is zero everywhere")


def check_state_dict(model: Subject) -> None:
    """A state dict carries the whole network."""
    first, second = model.build(), model.build(seed=1)
    second.load_state_dict(first.state_dict(), strict=True)
    same = torch.equal(outputs_of(first, model.inputs()), outputs_of(second, model.inputs()))
    expect(bool(same), "a network with another's state dict gives other logits: something is not in it")


def check_learning(model: Subject) -> None:
    """Training on one batch brings its loss under a third of what guessing costs."""
    steps = 150
    training = Training(learning_rate=1e-2, batch_size=BATCH)
    learner, batch = model.learner(model.build(dtype=torch.float32), training, steps)
    losses = [float(learner.train_step(batch)["loss"]) for _ in range(steps)]
    limit = float(torch.tensor(model.guessing).log()) / 3
    expect(losses[-1] < limit, f"after {steps} steps on one batch the loss is {losses[-1]:.2f}, not under {limit:.2f}")
