"""Pixels, text windows and padded documents, and the references that counting gives."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError
from sklearn.datasets import load_digits

from harness.errors import DataError, MissingDataError
from harness.runtime.seeding import SeedStreams
from harness.specs import Tier
from harness_data.ngrams import ByteBigram, ByteUnigram
from harness_data.spam_assassin import LABELS
from harness_long_context import pixels, text_classification, text_lm
from harness_long_context.pixels import PixelsConfig
from harness_long_context.text_classification import TextClassificationConfig
from harness_long_context.text_lm import TextLmConfig

STREAMS = SeedStreams(0, "tests")


def markov_text(transition: np.ndarray, length: int, seed: int) -> np.ndarray:
    """A path of the chain over the bytes 0, 1, ..."""
    uniform = np.random.default_rng(seed).random(length)
    steps = transition.cumsum(axis=1)
    text = np.zeros(length, dtype=np.uint8)
    for i in range(1, length):
        text[i] = np.searchsorted(steps[text[i - 1]], uniform[i])
    return text


def entropy_rate(transition: np.ndarray) -> float:
    """Bits a step in the stationary state."""
    values, vectors = np.linalg.eig(transition.T)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary /= stationary.sum()
    return float(-(stationary[:, None] * transition * np.log2(transition)).sum())


TRANSITION = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])


def test_bigram_on_a_markov_chain_needs_its_entropy_rate() -> None:
    train, validation, test = (markov_text(TRANSITION, 60_000, seed) for seed in range(3))
    bigram = ByteBigram.fit(train, validation[:-1], validation[1:])
    # The code length's standard error over 60000 steps is about 0.004 bits.
    assert bigram.bits_per_byte(test[:-1], test[1:]) == pytest.approx(entropy_rate(TRANSITION), abs=0.015)


def test_bigram_without_memory_in_the_source_is_no_better_than_the_unigram() -> None:
    shares = np.array([0.5, 0.25, 0.25])
    texts = [np.random.default_rng(seed).choice(3, 40_000, p=shares).astype(np.uint8) for seed in range(3)]
    bigram = ByteBigram.fit(texts[0], texts[1][:-1], texts[1][1:])
    assert ByteUnigram.count(texts[0]).bits_per_byte(texts[2]) == pytest.approx(1.5, abs=0.015)
    assert bigram.bits_per_byte(texts[2][:-1], texts[2][1:]) == pytest.approx(1.5, abs=0.015)


def test_bigram_rows_are_distributions_and_nothing_is_impossible() -> None:
    text = np.frombuffer(b"abracadabra", dtype=np.uint8)
    bigram = ByteBigram.fit(text, text[:-1], text[1:])
    assert np.allclose(bigram.probabilities.sum(axis=1), 1)
    assert bigram.probabilities.min() > 0


def test_prior_is_the_best_of_the_candidates_on_validation() -> None:
    noise = np.random.default_rng(0).integers(0, 256, 3000).astype(np.uint8)
    cycle = np.tile(np.arange(7, dtype=np.uint8), 500)
    other_noise = np.random.default_rng(1).integers(0, 256, 3000).astype(np.uint8)
    smooth = ByteBigram.fit(noise, other_noise[:-1], other_noise[1:])
    sharp = ByteBigram.fit(cycle, cycle[:-1], cycle[1:])
    assert sharp.prior < 0.1 < 100 < smooth.prior


@pytest.fixture
def local_text(tmp_path: Path) -> Path:
    """Three thousand bytes whose place can be told from any two neighbours within a hundred windows."""
    path = tmp_path / "text"
    path.write_bytes(np.random.default_rng(0).integers(0, 256, 3000).astype(np.uint8).tobytes())
    return path


def text_config(path: Path, **options: int) -> TextLmConfig:
    return TextLmConfig(
        **{"length": 20, "num_train": 100, "num_validation": 10, "num_test": 10, **options},
        source="path",
        path=str(path),
    )


def test_targets_are_the_next_bytes(local_text: Path) -> None:
    arrays = text_lm.build(text_config(local_text), STREAMS).splits["test"]
    assert np.array_equal(arrays["inputs"][:, 1:], arrays["targets"][:, :-1])


def test_windows_come_from_their_own_part_of_the_text(local_text: Path) -> None:
    splits = text_lm.build(text_config(local_text), STREAMS).splits
    content = local_text.read_bytes()
    starts = {split: [content.find(row.tobytes()) for row in arrays["inputs"]] for split, arrays in splits.items()}
    assert 0 <= min(starts["train"]) <= max(starts["train"]) < 2400 - 20
    assert 2400 <= min(starts["validation"]) <= max(starts["validation"]) < 2700 - 20
    assert 2700 <= min(starts["test"]) <= max(starts["test"]) < 3000 - 20


def test_held_out_windows_do_not_overlap_and_are_spread(local_text: Path) -> None:
    arrays = text_lm.build(text_config(local_text), STREAMS).splits["test"]
    content = local_text.read_bytes()
    starts = np.array([content.find(row.tobytes()) for row in arrays["inputs"]])
    assert np.diff(starts).min() >= 20
    assert starts[-1] >= 3000 - 3 * 20


def test_local_text_is_of_the_offline_tier(local_text: Path) -> None:
    assert text_lm.build(text_config(local_text), STREAMS).tier == Tier.OFFLINE


@pytest.mark.parametrize(
    ("options", "said"),
    [
        pytest.param({"num_train": 3000}, "num_train=3000 are wanted", id="train"),
        pytest.param({"num_test": 15}, "num_test=15 are wanted", id="test"),
        pytest.param({"length": 2500}, "windows of 2500 bytes", id="length"),
    ],
)
def test_too_little_text_is_a_data_error(local_text: Path, options: dict[str, int], said: str) -> None:
    with pytest.raises(DataError, match=said):
        text_lm.build(text_config(local_text, **options), STREAMS)


def test_stdlib_references_are_ordered_as_they_must_be() -> None:
    config = TextLmConfig(length=64, num_train=100, num_validation=200, num_test=200)
    built = text_lm.build(config, STREAMS)
    assert built.tier == Tier.EMBEDDED
    assert built.facts["chance"] == 8
    assert 2 < built.facts["byte_bigram"] < built.facts["byte_unigram"] < 6


def test_digit_sequences_are_the_pixels_row_by_row() -> None:
    splits = pixels.build(PixelsConfig(), STREAMS).splits
    rows = np.concatenate([arrays["inputs"] for arrays in splits.values()])
    assert sorted(rows.tolist()) == sorted(load_digits().data.astype(int).tolist())


@pytest.mark.parametrize(("levels", "expected"), [(17, [0, 0, 8, 16]), (256, [0, 1, 128, 255])], ids=["17", "256"])
def test_grey_levels_are_rounded_to_the_nearest(levels: int, expected: list[int]) -> None:
    image = np.array([[[0, 1], [128, 255]]], dtype=np.uint8)
    assert pixels.quantise(image, 255, levels).tolist() == [expected]


@pytest.mark.parametrize("levels", [2, 17, 100, 256])
def test_quantising_is_monotone_and_uses_every_level(levels: int) -> None:
    tokens = pixels.quantise(np.arange(256, dtype=np.uint8)[None], 255, levels)[0].astype(int)
    assert (np.diff(tokens) >= 0).all()
    assert np.unique(tokens).tolist() == list(range(levels))


def test_fashion_mnist_that_is_missing_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"pixels\.folder"):
        pixels.build(PixelsConfig(images="fashion_mnist", folder=str(tmp_path)), STREAMS)


@pytest.fixture
def mails(tmp_path: Path) -> Path:
    for name in LABELS:
        (tmp_path / name).mkdir()
        for index in range(20):
            (tmp_path / name / f"{index}.txt").write_text(f"From: x\n\n{name} says {index}" + "!" * index)
    return tmp_path


def test_documents_are_bytes_with_lengths_and_labels(mails: Path) -> None:
    built = text_classification.build(TextClassificationConfig(folder=str(mails), length=16), STREAMS)
    arrays = built.splits["test"]
    texts = [row[:length].tobytes() for row, length in zip(arrays["inputs"], arrays["lengths"], strict=True)]
    assert arrays["inputs"].shape == (20, 16)
    assert [text.startswith(b"spam") for text in texts] == (arrays["labels"] == 1).tolist()
    assert built.tier == Tier.OFFLINE


def test_majority_of_documents_is_the_reference(mails: Path) -> None:
    built = text_classification.build(TextClassificationConfig(folder=str(mails)), STREAMS)
    assert built.facts == {"chance": 0.5, "majority_class": np.mean(built.splits["test"]["labels"] == 0)}


@pytest.mark.parametrize(
    ("module", "make_config"),
    [
        pytest.param(text_classification, lambda path: TextClassificationConfig(folder=str(path)), id="documents"),
        pytest.param(text_lm, lambda path: TextLmConfig(source="path", path=str(path)), id="text"),
    ],
)
def test_fingerprint_changes_with_a_file(module, make_config, mails: Path) -> None:
    config = make_config(mails)
    before = module.fingerprint(config)
    (mails / "spam-1" / "0.txt").write_text("From: y\n\nanother")
    assert module.fingerprint(config) != before


@pytest.mark.parametrize(
    ("config", "options", "said"),
    [
        pytest.param(TextLmConfig, {"source": "path"}, "path is empty", id="no-path"),
        pytest.param(TextLmConfig, {"path": "x"}, "add source=path", id="unused-path"),
        pytest.param(TextClassificationConfig, {"source": "imdb_hub", "folder": "x"}, "reads none", id="hub-folder"),
        pytest.param(PixelsConfig, {"levels": 16}, "17 or 256", id="levels"),
    ],
)
def test_options_that_contradict_each_other_say_what_to_do(config: type[BaseModel], options: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        config(**options)


def test_uniform_bits_are_eight() -> None:
    assert math.isclose(text_lm.UNIFORM_BITS, 8.0)


def test_documents_without_a_folder_are_missing_not_wrong():
    with pytest.raises(MissingDataError, match="no folder is given"):
        text_classification.fingerprint(TextClassificationConfig())
