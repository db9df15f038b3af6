"""What every classifier of images must hold besides."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from harness.interfaces import ExtractsFeatures
from harness.specs import Capability
from harness.testing import common_checks as common
from harness.testing.subjects import CLASSES, SIDE, ContractViolation, ImageModel, expect, fitted, images, outputs_of

EXCESS = 8


def check_shape(model: ImageModel) -> None:
    """Logits are [batch, classes] for batches of one and more."""
    module = model.build()
    for count in (1, 2, 5):
        shape = tuple(outputs_of(module, images(count)).shape)
        expect(shape == (count, CLASSES), f"logits of {count} images are {shape}, not {(count, CLASSES)}")


def check_pixels(model: ImageModel) -> None:
    """Every quarter of an image matters to its logits."""
    module = model.build()
    base, half = outputs_of(module, images()), SIDE // 2
    for top in (0, half):
        for left in (0, half):
            changed = images()
            changed[:, :, top : top + half, left : left + half] += 1.0
            change = float((outputs_of(module, changed) - base).abs().max())
            expect(change > 0, f"changing the pixels from row {top} and column {left} on changes no logit")


def check_features(model: ImageModel) -> None:
    """The logits are an affine map of the features (only for EXTRACTS_FEATURES)."""
    if Capability.EXTRACTS_FEATURES not in model.spec.capabilities:
        return
    module = model.build()
    if not isinstance(module, ExtractsFeatures):
        raise ContractViolation(f"{model.spec.name} declares extracts_features but has no method features")
    with torch.no_grad():
        width = module.features(fitted(module, images())).shape[1]
        many = fitted(module, images(width + 1 + EXCESS))
        features, logits = module.features(many), module(many)
    known = torch.cat([features, torch.ones_like(features[:, :1])], dim=1)
    weights = torch.linalg.lstsq(known, logits, driver="gelsd").solution
    error = float((known @ weights - logits).abs().max())
    expect(error < 1e-6, f"the logits are off by {error:.1e} from any affine map of the features")


CHECKS: Mapping[str, Callable[[ImageModel], None]] = {
    "shape": check_shape,
    "finite": common.check_finite,
    "pixels": check_pixels,
    "batch_independence": common.check_batch_independence,
    "determinism": common.check_determinism,
    "gradients": common.check_gradients,
    "state_dict": common.check_state_dict,
    "features": check_features,
    "learning": common.check_learning,
}
