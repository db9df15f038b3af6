"""Every bundled generative model passes the contract that a stranger's plugin would get."""

import textwrap

import pytest

from harness.registry import load_registry
from harness.specs import Capability
from harness.testing import GENERATIVE_CHECKS, ContractViolation, generative_model

GENERATIVE = {
    Capability.RECONSTRUCTS,
    Capability.BOUNDS_LIKELIHOOD,
    Capability.COMPLETES,
    Capability.SAMPLES_IMAGES,
    Capability.SAMPLES_VIDEO,
}
FEW_STEPS = {"base_channels": 16, "sampler_steps": 3}
OPTIONS = {"image_diffusion": FEW_STEPS, "video_diffusion": FEW_STEPS}
MODELS = [spec.name for spec in load_registry().models.specs() if spec.capabilities & GENERATIVE]


@pytest.mark.parametrize("check", GENERATIVE_CHECKS)
@pytest.mark.parametrize("name", MODELS)
def test_bundled_models_hold_the_contract(name, check):
    GENERATIVE_CHECKS[check](generative_model(name, options=OPTIONS.get(name)))


CHEATS = {
    "training": ("loss", "return self.used.square().sum()"),
    "seed": ("__init__", "torch.nn.init.zeros_(self.used)"),
    "samples": ("sample", "return 2 * torch.rand(count, 1, 8, 8, generator=generator)"),
    "bounds": ("log_weights", "return torch.randn(samples, len(images))"),
    "reconstruction": ("reconstruct", "return images - 1"),
}


@pytest.mark.parametrize("check", CHEATS)
def test_a_model_that_breaks_the_contract_is_caught_by_name(tmp_path, check):
    place, line = CHEATS[check]
    lines = {
        "__init__": "pass",
        "loss": "return (self.used.sum() - batch.inputs.mean()) ** 2 + self.unused.sum() ** 2",
        "sample": "return torch.rand(count, 1, 8, 8, generator=generator)",
        "log_weights": "return torch.randn(samples, len(images), generator=generator)",
        "reconstruct": "return images",
        place: line,
    }
    file = tmp_path / f"cheat_{check}.py"
    file.write_text(
        textwrap.dedent(
            f"""
            import torch
            from torch import nn
            from harness.hookspecs import hookimpl
            from harness.specs import Capability, ModelSpec, Ref
            from pydantic import BaseModel

            class Config(BaseModel):
                pass

            class Cheat(nn.Module):
                def __init__(self):
                    super().__init__()
                    self.used = nn.Parameter(torch.randn(2))
                    self.unused = nn.Parameter(torch.ones(2))
                    {lines["__init__"]}

                def loss(self, batch):
                    {lines["loss"]}

                def sample(self, count, generator):
                    {lines["sample"]}

                def log_weights(self, images, samples, generator):
                    {lines["log_weights"]}

                def reconstruct(self, images):
                    {lines["reconstruct"]}

            def build(config, data, kernels):
                return Cheat()

            @hookimpl
            def harness_models():
                able = (Capability.SAMPLES_IMAGES, Capability.BOUNDS_LIKELIHOOD, Capability.RECONSTRUCTS)
                here = __name__
                return [
                    ModelSpec(name="cheat", summary="", config=Ref(f"{{here}}:Config"), build=Ref(f"{{here}}:build"),
                              capabilities=frozenset(able))
                ]
            """
        )
    )
    with pytest.raises(ContractViolation):
        GENERATIVE_CHECKS[check](generative_model("cheat", files=[file]))
