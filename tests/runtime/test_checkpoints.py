"""A state is replaced as a whole or not at all, and what goes wrong with it ends nothing."""

import resource
import signal
from contextlib import contextmanager
from dataclasses import asdict

import numpy as np
import pytest
import torch

from harness.interfaces import Checkpoints, Transitions
from harness.runtime import checkpoints
from harness.runtime.checkpoints import FileCheckpoints, restored_transitions, transitions_state

STATE = {"weights": torch.arange(1000.0), "steps": 3, "nested": [{"kept": None}, {"rate": 0.5}]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trial" / "0.pt"


@contextmanager
def full_disk():
    """No file of this process can grow past a kilobyte, its output in a file neither."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)


def files(path):
    return sorted(file.name for file in path.parent.iterdir())


def test_a_state_comes_back(path):
    ours: Checkpoints = FileCheckpoints(path, seconds=0)
    ours.save(STATE)
    found = FileCheckpoints(path, seconds=0).load()
    torch.testing.assert_close(found.pop("weights"), STATE["weights"], rtol=0, atol=0)
    assert found == {"steps": 3, "nested": [{"kept": None}, {"rate": 0.5}]}
    assert files(path) == ["0.pt"]


def test_there_is_none_at_first(path):
    ours = FileCheckpoints(path, seconds=0)
    assert ours.load() is None
    assert ours.problems == []


def test_random_numbers_go_on_from_where_they_were(path):
    ours = FileCheckpoints(path, seconds=0)
    ours.save(STATE)
    expected = torch.rand(5)
    ours.load()
    assert torch.equal(torch.rand(5), expected)


def test_saving_draws_nothing(path):
    torch.manual_seed(0)
    expected = torch.rand(5)
    torch.manual_seed(0)
    FileCheckpoints(path, seconds=0).save(STATE)
    assert torch.equal(torch.rand(5), expected)


@pytest.mark.parametrize("length", [0, 10, 2000, -30], ids=["empty", "start", "half", "all but the end"])
def test_a_file_that_was_cut_is_a_fresh_start_that_is_said(path, length):
    ours = FileCheckpoints(path, seconds=0)
    ours.save(STATE)
    path.write_bytes(path.read_bytes()[:length])
    assert ours.load() is None
    (problem,) = ours.problems
    assert problem.startswith("a checkpoint could not be read (")
    assert problem.endswith("), so that training began anew")


def test_a_file_that_holds_something_else_is_a_fresh_start(path):
    path.parent.mkdir()
    torch.save({"other": 1}, path)
    ours = FileCheckpoints(path, seconds=0)
    assert ours.load() is None
    assert len(ours.problems) == 1


def test_a_full_disk_keeps_the_state_before_and_is_said_once(path):
    ours = FileCheckpoints(path, seconds=0)
    ours.save({"steps": 2})
    with full_disk():
        ours.save(STATE)
        ours.save(STATE)
    assert ours.load() == {"steps": 2}
    assert ours.problems == ["a checkpoint could not be written (File too large)"]
    assert files(path) == ["0.pt"]


def test_a_folder_that_cannot_be_made_ends_nothing(path):
    path.parent.write_text("in the way")
    ours = FileCheckpoints(path, seconds=0)
    ours.save(STATE)
    assert ours.problems == ["a checkpoint could not be written (File exists)"]


@pytest.mark.parametrize(("took", "next_at"), [(0.0, 70.0), (2.0, 70.0), (5.0, 110.0)])
def test_a_save_follows_after_its_time_or_after_twenty_times_what_the_one_before_took(path, monkeypatch, took, next_at):
    clock = iter([0.0, 59.9, 60.0, 10.0 - took, 10.0, next_at - 0.1, next_at])
    monkeypatch.setattr(checkpoints.time, "monotonic", lambda: next(clock))
    ours = FileCheckpoints(path, seconds=60)
    assert [ours.due(), ours.due()] == [False, True]
    ours.save({})
    assert [ours.due(), ours.due()] == [False, True]


def test_transitions_come_back(path):
    kept = Transitions(
        observations=np.zeros((2, 4, 3, 3), np.uint8),
        actions=np.array([1, 0]),
        rewards=np.array([0.5, -1], np.float32),
        terminated=np.array([True, False]),
        truncated=np.array([False, True]),
        restarted=np.array([True, True]),
        next_observations=np.ones((2, 4, 3, 3), np.uint8),
    )
    ours = FileCheckpoints(path, seconds=0)
    ours.save(transitions_state(kept))
    found = restored_transitions(ours.load())
    np.testing.assert_equal(asdict(found), asdict(kept))
