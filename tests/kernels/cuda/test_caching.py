from __future__ import annotations

import threading
from pathlib import Path

import pytest

from harness.kernels.cuda.caching import Program, default_folder, read_program, write_program


def test_folder_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HARNESS_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "harness" / "cuda"


def test_readers_see_whole_programs_while_writers_race(tmp_path: Path) -> None:
    programs = [Program(cubin=bytes([number]) * 20_000, symbol=f"kernel{number}", log="") for number in range(3)]
    seen, end = [], threading.Event()

    def write(program: Program) -> None:
        for _ in range(50):
            write_program(tmp_path, "key", program)

    def read() -> None:
        while not end.is_set():
            seen.append(read_program(tmp_path, "key"))

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(program,)) for program in programs]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    end.set()
    reader.join()
    assert any(seen)
    assert all(program in [None, *programs] for program in seen)
    assert {path.name for path in tmp_path.iterdir()} == {"key.cubin", "key.json"}
