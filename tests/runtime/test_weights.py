"""Weights in safetensors: everything is there under a known name, or nothing is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from harness.errors import DataError, MissingDataError, UsageError
from harness.runtime.weights import digest_of, find_weights, load_weights, named_weights, read_weights, write_weights


class Tied(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(5, 3)
        self.inner = nn.Linear(3, 3)
        self.head = nn.Linear(3, 5, bias=False)
        self.head.weight = self.embedding.weight


def test_a_module_reads_back_what_it_wrote(tmp_path: Path) -> None:
    first, second = Tied(), Tied()
    write_weights(named_weights(first), tmp_path / "model.safetensors")
    load_weights(second, read_weights(find_weights(tmp_path)), "file")
    assert all(torch.equal(first.state_dict()[name], value) for name, value in second.state_dict().items())


def test_shared_tensors_are_written_once() -> None:
    assert set(named_weights(Tied())) == {"embedding.weight", "inner.weight", "inner.bias"}


def test_missing_unexpected_and_misshapen_tensors_are_all_listed() -> None:
    tensors = named_weights(Tied())
    del tensors["inner.bias"]
    tensors |= {"outer.bias": torch.zeros(2), "inner.weight": torch.zeros(3, 4)}
    with pytest.raises(
        UsageError,
        match=r"missing: inner.bias; unexpected: outer.bias; .*inner.weight \[3, 4\] where the model has \[3, 3\]",
    ):
        load_weights(Tied(), tensors, "file")


def test_shared_tensors_with_different_values_are_refused() -> None:
    tensors = named_weights(Tied()) | {"head.weight": torch.ones(5, 3)}
    with pytest.raises(UsageError, match="different though the model shares them"):
        load_weights(Tied(), tensors, "file")


def test_nothing_is_loaded_where_something_is_wrong() -> None:
    module = Tied()
    before = module.inner.weight.clone()
    with pytest.raises(UsageError):
        load_weights(module, named_weights(Tied()) | {"outer.bias": torch.zeros(2)}, "file")
    assert torch.equal(module.inner.weight, before)


def split_in_two(folder: Path) -> None:
    tensors = named_weights(Tied())
    files = {name: f"part-{index % 2}.safetensors" for index, name in enumerate(tensors)}
    for file in set(files.values()):
        save_file({name: tensors[name] for name in tensors if files[name] == file}, folder / file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": files}))


def test_weights_in_several_files_are_found_by_their_index(tmp_path: Path) -> None:
    split_in_two(tmp_path)
    assert set(read_weights(find_weights(tmp_path))) == set(named_weights(Tied()))


def test_a_part_that_is_missing_is_named(tmp_path: Path) -> None:
    split_in_two(tmp_path)
    (tmp_path / "part-1.safetensors").unlink()
    with pytest.raises(MissingDataError, match=r"lacks part-1\.safetensors"):
        find_weights(tmp_path)


def test_an_index_cannot_lead_out_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"x": "../secret.safetensors"}}))
    with pytest.raises(DataError, match="outside the folder"):
        find_weights(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"weight_map": 3}'], ids=["empty", "list", "nothing", "number"])
def test_a_damaged_index_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(content)
    with pytest.raises(DataError, match="names no weight files"):
        find_weights(tmp_path)


def test_pickled_weights_are_not_read(tmp_path: Path) -> None:
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(MissingDataError, match=r"pytorch_model\.bin may run code"):
        find_weights(tmp_path)


def test_a_missing_place_and_a_damaged_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="no such file or folder"):
        find_weights(tmp_path / "nowhere")
    (tmp_path / "model.safetensors").write_bytes(b"not this")
    with pytest.raises(DataError, match="not a safetensors file"):
        read_weights(find_weights(tmp_path))


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    write_weights({"x": torch.zeros(2)}, tmp_path / "a")
    write_weights({"x": torch.zeros(2)}, tmp_path / "b")
    write_weights({"x": torch.ones(2)}, tmp_path / "c")
    assert digest_of([tmp_path / "a"]) == digest_of([tmp_path / "b"]) != digest_of([tmp_path / "c"])
