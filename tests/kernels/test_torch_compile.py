"""Models compile whole, whatever kernels they use, and agree with themselves.

They do so in a process of their own, without what checks shapes in tests, which torch.compile cannot trace.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.planning.resolution import resolve_kernels
from harness.registry import load_registry
from harness.specs import Capability

SCRIPT = Path(__file__).parent / "files" / "compile_models.py"
REGISTRY = load_registry()
KINDS = {"tokens": Capability.PREDICTS_TOKENS, "images": Capability.CLASSIFIES}
# The same code as `vit`, at sizes that do not fit the images of this test.
LARGE = {"vit_ti", "vit_s", "vit_b", "vit_l", "vit_h"}
PAIRS = [
    f"{spec.name}-{kernel}-{kind}"
    for kernel in ("auto", "torch", "reference", "cpu")
    for spec in REGISTRY.models.specs()
    for kind, capability in KINDS.items()
    if spec.ops and capability in spec.capabilities and spec.name not in LARGE
    if not resolve_kernels(kernel, spec, "cpu", REGISTRY)[1]
]


def compared(backend, pairs):
    done = subprocess.run(
        [sys.executable, SCRIPT, backend, *pairs], capture_output=True, text=True, check=True, timeout=280
    )
    return {line["pair"]: line["error"] for line in map(json.loads, done.stdout.splitlines())}


@pytest.fixture(scope="module")
def traced():
    return compared("aot_eager", PAIRS)


@pytest.mark.parametrize("pair", PAIRS)
def test_a_model_compiles_whole_and_agrees(traced, pair):
    assert traced[pair] == ""


@pytest.mark.slow
def test_models_compile_to_machine_code():
    pairs = ["mamba-auto-tokens", "transformer-auto-tokens", "vit-auto-images"]
    assert compared("inductor", pairs) == dict.fromkeys(pairs, "")
