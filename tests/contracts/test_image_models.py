"""Every bundled classifier passes the contract that a stranger's plugin would get, with each exact kernel."""

import textwrap

import pytest

from harness.planning.resolution import resolve_kernels
from harness.registry import load_registry
from harness.specs import Capability
from harness.testing import IMAGE_CHECKS, ContractViolation, image_model

REGISTRY = load_registry()
# The same code as `vit`, at sizes that would take minutes here.
LARGE = {"vit_ti", "vit_s", "vit_b", "vit_l", "vit_h"}
MODELS = [spec.name for spec in REGISTRY.models.specs() if Capability.CLASSIFIES in spec.capabilities]
EXACT_KERNELS = ("reference", "torch")
VARIANTS = [
    (name, kernel)
    for name in MODELS
    if name not in LARGE
    for kernel in (EXACT_KERNELS if REGISTRY.models[name].spec.ops else ("auto",))
    if not resolve_kernels(kernel, REGISTRY.models[name].spec, "cpu", REGISTRY)[1]
]


def test_every_model_has_at_least_one_variant_under_contract():
    assert {name for name, _ in VARIANTS} == set(MODELS) - LARGE


@pytest.mark.parametrize("check", IMAGE_CHECKS)
@pytest.mark.parametrize(("name", "kernel"), VARIANTS, ids=[f"{name}-{kernel}" for name, kernel in VARIANTS])
def test_bundled_models_hold_the_contract(name, kernel, check):
    IMAGE_CHECKS[check](image_model(name, kernel=kernel))


CHEATS = {
    "shape": "return self.head(x)[:, :-1]",
    "finite": "return self.head(x) / 0.0",
    "pixels": "return self.head(x * self.upper_half)",
    "batch_independence": "return self.head(x - x.mean(0, keepdim=True))",
    "determinism": "return self.head(x + 0.1 * torch.randn_like(x))",
    "gradients": "return self.head(x.detach()) + 0 * self.unused.sum()",
    "state_dict": "return self.head(x) + self.hidden[0]",
    "features": "return self.head(x).relu()",
    "learning": "return 0.001 * self.head(x.mean(1, keepdim=True).expand_as(x))",
}


@pytest.mark.parametrize("check", CHEATS)
def test_a_model_that_breaks_the_contract_is_caught_by_name(tmp_path, check):
    file = tmp_path / f"cheat_{check}.py"
    file.write_text(
        textwrap.dedent(
            f"""
            import torch
            from torch import nn
            from harness import model

            @model(name="cheat", classifies=True, extracts_features=True)
            class Cheat(nn.Module):
                def __init__(self, num_classes: int, channels: int, height: int, width: int):
                    super().__init__()
                    self.head = nn.Linear(channels * height * width, num_classes)
                    self.unused = nn.Parameter(torch.ones(2))
                    self.hidden = [torch.randn(num_classes)]
                    half = torch.zeros(channels, height, width)
                    half[:, : height // 2] = 1
                    self.register_buffer("upper_half", half.flatten())

                def features(self, images):
                    return images.flatten(1)

                def forward(self, images):
                    x = self.features(images)
                    {CHEATS[check]}
            """
        )
    )
    with pytest.raises(ContractViolation):
        IMAGE_CHECKS[check](image_model("cheat", files=[file]))
