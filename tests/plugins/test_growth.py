"""What models declare of their growth is what their code does: operations and state, counted, of long sequences."""

import math
from functools import partial

import pytest
import torch

from harness.interfaces import ImageData, TokenData
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import load_registry
from harness.runtime.measuring import nested_bytes
from harness.runtime.operations import count_operations
from harness.specs import Capability

REGISTRY = load_registry()
TOKEN_MODELS = [spec for spec in REGISTRY.models.specs() if Capability.STEPS_TOKENS in spec.capabilities]
VOCAB = 7
OPTIONS = {
    "infini_attention": {"segment_length": 32, "num_heads": 1},
    "local_attention": {"num_heads": 1},
    "linear_attention": {"num_heads": 1},
    "transformer": {"num_heads": 1},
}
NARROW = {"d_model": 8, "num_layers": 1, "patch_size": 1}
CLASSIFIERS = {
    "vit": NARROW | {"num_heads": 1},
    "s4": NARROW,
    "s4d": NARROW,
    "mamba": NARROW,
    "convnet": {"width": 4},
    "mlp": {"d_hidden": 8},
    "logistic_regression": {},
}


@pytest.fixture(params=TOKEN_MODELS, ids=lambda spec: spec.name)
def declared(request):
    return request.param


@pytest.fixture
def kernels(declared):
    return load_kernels(resolve_kernels("auto", declared, "cpu", REGISTRY)[0], REGISTRY)


@pytest.fixture
def build(declared, kernels):
    """Makes a narrow model of one layer, in which what grows the most shows at a moderate length."""
    config = declared.config.load()(d_model=8, num_layers=1, **OPTIONS.get(declared.name, {}))
    return lambda length: declared.build.load()(config, TokenData(vocab=VOCAB, length=length), kernels).eval()


@pytest.fixture
def states(build):
    """The model and its state after so many tokens."""
    module = build(1024)
    with torch.no_grad():
        state, found = module.initial_state(1), {}
        for read in range(1, 513):
            _, state = module.step(torch.zeros(1, dtype=torch.long), state)
            found[read] = state
    return module, found


def growth(declared, along):
    return next(found for found in declared.growth if found.along == along)


@torch.no_grad()
def test_operations_grow_along_the_length_as_declared(declared, build, kernels):
    short, long = (
        count_operations(partial(build(length), torch.zeros(1, length, dtype=torch.long)), kernels.values())
        for length in (1024, 2048)
    )
    assert math.log2(long / short) == pytest.approx(growth(declared, "length").seconds, abs=0.15)


def test_the_state_grows_along_the_context_as_declared(declared, states):
    short, long = (nested_bytes(states[1][read]) for read in (256, 512))
    assert math.log2(long / short) == pytest.approx(growth(declared, "context").state, abs=0.01)


@torch.no_grad()
def test_operations_of_a_token_grow_along_the_context_as_declared(declared, states, kernels):
    module, found = states
    short, long = (
        count_operations(partial(module.step, torch.zeros(1, dtype=torch.long), found[read]), kernels.values())
        for read in (256, 512)
    )
    assert math.log2(long / short) == pytest.approx(growth(declared, "context").seconds, abs=0.15)


@torch.no_grad()
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_operations_grow_along_the_side_of_images_as_declared(name):
    spec = REGISTRY.models[name].spec
    kernels = load_kernels(resolve_kernels("auto", spec, "cpu", REGISTRY)[0], REGISTRY)
    config = spec.config.load()(**CLASSIFIERS[name])
    short, long = (
        count_operations(
            partial(
                spec.build.load()(
                    config, ImageData(num_classes=2, channels=1, height=side, width=side), kernels
                ).eval(),
                torch.zeros(1, 1, side, side),
            ),
            kernels.values(),
        )
        for side in (32, 64)
    )
    assert math.log2(long / short) == pytest.approx(growth(spec, "side").seconds, abs=0.25)


def test_every_model_that_is_measured_along_something_declares_its_growth():
    alongs = {"length": Capability.PREDICTS_TOKENS, "context": Capability.STEPS_TOKENS, "side": Capability.CLASSIFIES}
    silent = [
        (spec.name, along)
        for along, capability in alongs.items()
        for spec in REGISTRY.models.specs()
        if capability in spec.capabilities and along not in {found.along for found in spec.growth}
    ]
    assert silent == []
