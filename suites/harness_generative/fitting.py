"""What the generative tasks have in common: a run of the fit loop, and the network that is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from harness.errors import PluginError
from harness.interfaces import Budget, FitOutcome, GenerativeLearner, Record

if TYPE_CHECKING:
    import torch

Ability = TypeVar("Ability")


def fit_batches(
    learner: GenerativeLearner, batches: Iterator[Any], *, budget: Budget, device: torch.device, record: Record
) -> FitOutcome:
    """Train on the batches until the budget is spent."""
    from harness.runtime.fitting import fit

    return fit(
        learner, batches, budget=budget, record=record, count=lambda batch: (len(batch.inputs), 0), device=device
    )


def asked(learner: GenerativeLearner, ability: type[Ability]) -> Ability:
    """The evaluated network in evaluation mode. Raises PluginError where it lacks what its capability promises."""
    network = learner.evaluated.eval()
    if not isinstance(network, ability):
        raise PluginError(
            f"{type(network).__name__} is no {ability.__name__}; its declared capabilities promise that "
            "(harness.interfaces)"
        )
    return network
