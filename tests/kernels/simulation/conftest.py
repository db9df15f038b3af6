"""Running the `.cu` files of this folder, where g++ and CUDA's headers are installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.errors import UnsupportedError
from harness.kernels.cuda.caching import default_folder
from harness.kernels.cuda.simulation.simulator import Simulator
from harness.kernels.cuda.simulation.toolchain import find_toolchain
from harness.kernels.cuda.sources import Argument, CudaSource, Dimensions, launching_with

FOLDER = Path(__file__).parent

Run = Callable[..., None]


@pytest.fixture(scope="session")
def toolchain() -> None:
    """What the simulator needs. CI has it, so that a test that is skipped there would hide something."""
    try:
        find_toolchain(sanitize=False)
    except UnsupportedError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))


@pytest.fixture
def run(toolchain: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Launches an entry of a file of this folder in a simulator."""
    monkeypatch.syspath_prepend(str(FOLDER.parent))

    def launch(
        file: str,
        entry: str,
        arguments: Sequence[Argument],
        *,
        grid: Dimensions = (1,),
        block: Dimensions = (32,),
        shared_bytes: int = 0,
        simulator: Simulator | None = None,
    ) -> None:
        source = CudaSource(FOLDER.name, file)
        with launching_with(simulator or Simulator()):
            source.launch(entry, grid=grid, block=block, arguments=arguments, shared_bytes=shared_bytes)

    return launch


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache for texts that only tests build. The compiled simulator itself is taken from the user's cache."""
    cache = tmp_path_factory.mktemp("built")
    (cache / "simulation").mkdir()
    for header in default_folder().with_name("simulation").glob("*/simulator.h"):
        (cache / "simulation" / header.parent.name).symlink_to(header.parent)
    return cache


@pytest.fixture
def write(toolchain: None, tmp_path: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], CudaSource]:
    """Makes a source of a text, which is built outside of the user's cache."""
    monkeypatch.setenv("HARNESS_CACHE", str(built))
    monkeypatch.syspath_prepend(str(tmp_path))

    def to_source(text: str) -> CudaSource:
        folder = tmp_path / "written_kernels"
        folder.mkdir(exist_ok=True)
        (folder / "written.cu").write_text(text)
        return CudaSource(folder.name, "written.cu")

    return to_source
