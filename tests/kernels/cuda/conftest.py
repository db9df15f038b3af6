from __future__ import annotations

from pathlib import Path

import pytest

from harness.kernels.cuda.sources import CudaSource

FILES = Path(__file__).parents[1] / "files"


@pytest.fixture(scope="session")
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def samples(session_cache: Path, monkeypatch: pytest.MonkeyPatch) -> CudaSource:
    """A file of small kernels; what is compiled is kept for the session."""
    monkeypatch.setenv("HARNESS_CACHE", str(session_cache))
    monkeypatch.syspath_prepend(FILES)
    return CudaSource("kernel_samples", "samples.cu")
