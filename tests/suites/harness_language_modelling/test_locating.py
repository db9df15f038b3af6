"""Names of lm-eval's tasks lead to one file each, quickly."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from harness.errors import DataError, UsageError
from harness_language_modelling.locating import BUNDLED, locate


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    locate.cache_clear()


@pytest.mark.parametrize("way", ["{folder}/mine.yaml", "{folder}/my_choice"], ids=["file", "folder"])
def test_a_task_of_ones_own_is_found_by_file_and_by_folder(folder: Path, way: str) -> None:
    found = locate(way.format(folder=folder))
    assert (found.name, found.version, found.fetches) == ("my_choice", "3.1", "")


@pytest.mark.parametrize("name", sorted(file.stem for file in BUNDLED.glob("*.yaml")))
def test_bundled_tasks_need_no_network(name: str) -> None:
    assert (locate(name).name, locate(name).fetches) == (name, "")


@pytest.mark.parametrize(
    ("name", "fetches"),
    [
        ("lambada_openai", "EleutherAI/lambada_openai"), ("hellaswag", "Rowan/hellaswag"), ("piqa", "baber/piqa"),
        ("arc_easy", "allenai/ai2_arc"), ("arc_challenge", "allenai/ai2_arc"), ("winogrande", "allenai/winogrande"),
    ],
)  # fmt: skip
def test_the_zero_shot_tasks_of_the_mamba_paper_are_found_without_a_scan(name: str, fetches: str) -> None:
    started = time.perf_counter()
    found = locate(name)
    assert (found.name, found.fetches) == (name, fetches)
    assert time.perf_counter() - started < 15


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"no task .arc_esay..*did you mean arc_easy"):
        locate("arc_esay")


def test_a_group_is_no_task(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text("group: all\ntask: [one, two]\n")
    with pytest.raises(UsageError, match="declares a group"):
        locate(str(tmp_path / "all.yaml"))


@pytest.mark.parametrize("name", ["nowhere/mine.yaml", "nowhere/my_choice"], ids=["file", "folder"])
def test_a_place_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(UsageError, match=r"there is no (such file|folder nowhere)"):
        locate(name)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "cut.yaml").write_text("task: [")
    with pytest.raises(DataError, match=r"cut\.yaml is not the YAML file"):
        locate(str(tmp_path / "cut.yaml"))


def test_documents_that_are_not_there_are_named(folder: Path) -> None:
    (folder / "rows.jsonl").unlink()
    with pytest.raises(DataError, match=r"rows\.jsonl, which is not there"):
        locate(str(folder / "mine.yaml"))


def test_the_digest_is_of_configuration_documents_and_functions(folder: Path) -> None:
    def digest() -> str:
        locate.cache_clear()
        return locate(str(folder / "mine.yaml")).digest

    found = [digest()]
    (folder / "rows.jsonl").write_text((folder / "rows.jsonl").read_text().replace("bytes", "words"))
    found.append(digest())
    (folder / "mine.yaml").write_text((folder / "mine.yaml").read_text().replace("3.1", "3.2"))
    found.append(digest())
    (folder / "utils.py").write_text("x = 1\n")
    found.append(digest())
    assert len(set(found)) == 4
    assert digest() == found[-1]
