"""Bytes, and `tokenizer.json` files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.bridges.lm_eval.tokenization import ByteTokenizer, choose_tokenizer, load_tokenizer
from harness.errors import UsageError

pytestmark = pytest.mark.filterwarnings("default")
TEXT = "state space naïve 日本\n"


def test_bytes_come_back_as_the_text():
    tokenizer = ByteTokenizer()
    assert tokenizer.encode(TEXT, special=True) == list(TEXT.encode())
    assert tokenizer.decode(tokenizer.encode(TEXT, special=True)) == TEXT


def test_broken_bytes_and_ids_that_are_none_do_not_end_a_run():
    assert ByteTokenizer().decode([0xE6, 0x97, 300, 65]) == "\N{REPLACEMENT CHARACTER}A"


def test_a_file_gives_what_transformers_gives(checkpoints):
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(checkpoints["mamba"])
    ours = load_tokenizer(str(checkpoints["mamba"] / "tokenizer.json"))
    assert ours.encode(TEXT, special=True) == theirs(TEXT).input_ids
    assert ours.decode(ours.encode(TEXT, special=True)) == TEXT
    assert (ours.prefix, ours.end) == (theirs.bos_token_id, theirs.eos_token_id)


def test_a_tokenizer_is_named_with_a_digest_of_its_file(checkpoints):
    assert load_tokenizer(str(checkpoints["mamba"] / "tokenizer.json")).name.startswith("tokenizer.json:")


def test_a_file_without_a_beginning_asks_for_one(checkpoints, tmp_path: Path):
    (tmp_path / "tokenizer.json").write_bytes((checkpoints["mamba"] / "tokenizer.json").read_bytes())
    with pytest.raises(UsageError, match="give prefix_token_id=ID"):
        load_tokenizer(str(tmp_path / "tokenizer.json"))
    assert load_tokenizer(str(tmp_path / "tokenizer.json"), 3).prefix == 3


def test_special_tokens_of_another_tokenizer_are_refused(checkpoints, tmp_path: Path):
    (tmp_path / "tokenizer.json").write_bytes((checkpoints["mamba"] / "tokenizer.json").read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>"}))
    with pytest.raises(UsageError, match="belong to two tokenizers"):
        load_tokenizer(str(tmp_path / "tokenizer.json"))


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such file"), ("{", "is not JSON"), ("[]", "no entry `model`")],
    ids=["missing", "cut", "other"],
)  # fmt: skip
def test_what_is_no_tokenizer_is_refused(tmp_path: Path, content, message):
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=message):
        load_tokenizer(str(file))


def test_a_prefix_outside_the_ids_is_refused():
    with pytest.raises(UsageError, match="ids go from 0 to 255"):
        load_tokenizer("bytes", 256)


def test_the_checkpoints_tokenizer_is_taken_where_none_is_named(checkpoints):
    folder = checkpoints["mamba"]
    assert choose_tokenizer("", folder, 320) == str(folder / "tokenizer.json")
    assert choose_tokenizer("bytes", folder, 320) == "bytes"
    assert choose_tokenizer("", None, None) == "bytes"


def test_a_vocabulary_that_nothing_explains_is_refused(tmp_path: Path):
    assert choose_tokenizer("", tmp_path, 256) == "bytes"
    with pytest.raises(UsageError, match="knows 320 tokens and nothing says which"):
        choose_tokenizer("", tmp_path, 320)
