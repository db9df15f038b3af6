"""What every test starts from: one thread, a cache and a results folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from jaxtyping import install_import_hook

from harness.registry import Registry, load_registry

# Shapes in signatures are checked wherever a test runs this code in its own process.
SHAPED = ["harness.runtime.learning", "harness_sequence", "harness_transformer", "harness_infini", "harness_baselines"]
SHAPED += ["harness.runtime.augmentation", "harness.runtime.images", "harness_vit"]
SHAPED += ["harness_cvae", "harness_gan", "harness_vae", "harness_video_diffusion"]
SHAPED += ["harness_dqn.networks", "harness_dqn.targets"]
# Those that are given wrong shapes on purpose are left out.
MEASURES = ("class_scores", "feature_statistics", "frechet_distance", "neighbourhoods", "pairs", "sample_evidence")
NETWORKS = ("bilinear", "drawing", "efficientnet", "extractor_network", "inception_blocks", "inception_network")
SHAPED += [f"harness_generative.{name}" for name in (*MEASURES, *NETWORKS)]
# Not what numba or Triton compile themselves.
SHAPED += [f"harness_s4.{name}" for name in ("diagonal", "discretisation", "hippo", "low_rank", "model", "steps")]
SHAPED += [f"harness_s4.s4_kernel.{name}" for name in ("cauchy", "dense", "parallel", "reference")]
SHAPED += ["harness_s4.s4d_kernel.parallel", "harness_s4.s4d_kernel.reference"]
SHAPED += ["harness_mamba.model", "harness_mamba.convolution"]
install_import_hook(SHAPED, "beartype.beartype")

FILES = Path(__file__).parent / "files"
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def registry() -> Registry:
    return load_registry()


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One data cache for the whole session, so that each data set is built once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def harness(tmp_path: Path, cache: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the `harness` command in an empty folder, as a user would."""

    def run(*arguments: str | Path, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "harness.cli", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "HARNESS_CACHE": str(cache), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
