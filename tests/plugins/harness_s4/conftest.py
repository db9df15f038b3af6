"""What the tests of S4 and S4D share: small models in float64 from the kernels of a name."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from harness.interfaces import TokenData
from harness_s4 import plugin
from harness_s4.config import S4Config, S4DConfig, StateSpaceConfig
from harness_sequence.long_conv.fourier import long_conv
from harness_sequence.stack import TokenModel

CONFIGS = {
    "s4": S4Config(d_model=8, d_state=16),
    "s4d_lin": S4DConfig(d_model=8, d_state=16),
    "s4d_inv": S4DConfig(d_model=8, d_state=16, initialisation="inv"),
    "s4d_legs": S4DConfig(d_model=8, d_state=16, initialisation="legs"),
    "s4d_real": S4DConfig(d_model=8, d_state=16, initialisation="real"),
    "s4d_bilinear": S4DConfig(d_model=8, d_state=16, initialisation="legs", discretisation="bilinear"),
}
DATA = TokenData(vocab=11, length=24)

Build = Callable[..., TokenModel]


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS)
def config(request: pytest.FixtureRequest) -> StateSpaceConfig:
    return request.param  # type: ignore[no-any-return]


@pytest.fixture
def build() -> Build:
    """Builds a model as its declaration says, with the named implementation of its kernel."""

    def build(config: StateSpaceConfig, data: TokenData = DATA, kernel: str = "torch") -> TokenModel:
        name = "s4" if isinstance(config, S4Config) else "s4d"
        (spec,) = (spec for spec in plugin.harness_models() if spec.name == name)
        kernels = {spec.op: spec.implementation.load() for spec in plugin.harness_kernels() if spec.name == kernel}
        return spec.build.load()(config, data, kernels | {"long_conv": long_conv})  # type: ignore[no-any-return]

    return build


@pytest.fixture
def model(config: StateSpaceConfig, build: Build) -> TokenModel:
    return build(config).double().eval()
