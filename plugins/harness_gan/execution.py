"""How an update runs: in which precision, and what of `Training` no adversarial pair takes."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.interfaces import Training
from harness_gan.pair import Scores


def refuse_unsupported(training: Training) -> None:
    """Raises UsageError for what would change how the pair is run and is not done."""
    if training.micro_batch:
        raise UsageError(
            f"training.micro_batch={training.micro_batch}: an adversarial pair is updated from whole batches; "
            "use micro_batch=0"
        )
    if training.compile:
        raise UsageError("training.compile=true: an adversarial pair is not compiled; use compile=false")


def autocast(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """The context in which the networks run: none in float32, torch.autocast in a half type."""
    return nullcontext() if precision == "float32" else torch.autocast(device.type, dtype=getattr(torch, precision))


def measured(scores: Scores, loss_d: Tensor, loss_g: Tensor) -> dict[str, Tensor]:
    """What an update returns: both losses and their sum, and the means of D(x) and D(G(z))."""
    return {
        "loss": (loss_d + loss_g).detach(),
        "loss_d": loss_d.detach(),
        "loss_g": loss_g.detach(),
        "real_score": torch.sigmoid(scores.real.detach()).mean(),
        "fake_score": torch.sigmoid(scores.fake.detach()).mean(),
    }
