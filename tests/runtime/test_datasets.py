import multiprocessing
import os
import textwrap

import numpy as np
import pytest

from harness.errors import DataError, UsageError
from harness.interfaces import DatasetRequest
from harness.registry import load_registry
from harness.runtime.datasets import load_dataset
from harness.runtime.seeding import SeedStreams, seeded

PLUGIN = """
import os
import time
from pathlib import Path
import numpy as np
from pydantic import BaseModel, ConfigDict
from harness import Ref, Tier, hookimpl
from harness.interfaces import BuiltDataset
from harness.specs import DatasetSpec

class Config(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
    count: int = 5
    log: str = ""

def build(config, streams):
    with open(config.log, "a") as file:
        file.write("built\\n")
    time.sleep(0.3)
    draw = streams.numpy("train").integers(0, 9, size=(config.count, 3))
    splits = {"train": {"inputs": draw}}
    return BuiltDataset(splits=splits, tier=Tier.EMBEDDED, provenance="drawn", facts={"chance": 0.5})

@hookimpl
def harness_datasets():
    return [DatasetSpec(name="drawn", summary="", config=Ref(f"{__name__}:Config"), build=Ref(f"{__name__}:build"),
                        licence="CC0-1.0")]
"""


@pytest.fixture
def plugin(tmp_path):
    path = tmp_path / "drawn.py"
    path.write_text(textwrap.dedent(PLUGIN))
    return path


def load(plugin, folder, **options):
    request = DatasetRequest(name="drawn", options={"log": str(folder / "log"), **options})
    return load_dataset(request, load_registry([plugin]), folder / "cache")


def load_in_child(plugin, folder, answers):
    answers.put(load(plugin, folder).digest)


def test_a_dataset_is_built_once_and_memory_mapped(plugin, tmp_path):
    first, second = load(plugin, tmp_path), load(plugin, tmp_path)
    assert (tmp_path / "log").read_text() == "built\n"
    assert first.digest == second.digest
    assert isinstance(second.splits["train"]["inputs"], np.memmap)
    assert second.facts == {"chance": 0.5}


def test_other_options_are_another_dataset(plugin, tmp_path):
    assert load(plugin, tmp_path).digest != load(plugin, tmp_path, count=6).digest


def test_two_processes_that_ask_at_once_build_it_once(plugin, tmp_path):
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    children = [context.Process(target=load_in_child, args=(plugin, tmp_path, answers)) for _ in range(2)]
    for child in children:
        child.start()
    digests = [answers.get(timeout=60) for _ in children]
    for child in children:
        child.join()
    assert (tmp_path / "log").read_text() == "built\n"
    assert digests[0] == digests[1]


def test_an_option_of_the_wrong_type_is_a_usage_error(plugin, tmp_path):
    with pytest.raises(UsageError, match="count: input should be a valid integer"):
        load(plugin, tmp_path, count="many")


def test_a_cache_that_cannot_be_written_is_a_data_error(plugin, tmp_path):
    (tmp_path / "cache").write_text("in the way")
    with pytest.raises(DataError, match="give another with --cache"):
        load(plugin, tmp_path)


def test_a_damaged_copy_is_named(plugin, tmp_path):
    load(plugin, tmp_path)
    victim = next((tmp_path / "cache" / "datasets").glob("*/train.inputs.npy"))
    os.truncate(victim, 40)
    with pytest.raises(DataError, match="is damaged"):
        load(plugin, tmp_path)


def test_streams_are_named_and_independent_of_order():
    streams = SeedStreams(3)
    first = streams.numpy("a").random(4)
    streams.numpy("b").random(100)
    assert np.array_equal(first, SeedStreams(3).numpy("a").random(4))
    assert not np.array_equal(first, streams.numpy("b").random(4))
    assert not np.array_equal(first, SeedStreams(4).numpy("a").random(4))


def test_a_seeded_block_leaves_the_global_generators_as_they_were():
    import torch

    before = torch.random.get_rng_state()
    with seeded(1):
        inside = torch.rand(3)
    with seeded(1):
        assert torch.equal(inside, torch.rand(3))
    assert torch.equal(before, torch.random.get_rng_state())
