"""The tasks of the suite. A task's options are those of the dataset that it reads."""

from __future__ import annotations

from collections.abc import Sequence

from harness.interfaces import DatasetRequest
from harness_data.ngrams import NUM_BYTES
from harness_data.options import Options
from harness_long_context import listops as listops_data
from harness_long_context import passkey as passkey_data
from harness_long_context import pathfinder as pathfinder_data
from harness_long_context.induction_heads import InductionHeadsConfig
from harness_long_context.listops import ListopsConfig
from harness_long_context.mqar import MqarConfig
from harness_long_context.passkey import PasskeyConfig
from harness_long_context.pathfinder import PathfinderConfig
from harness_long_context.pixels import PixelsConfig
from harness_long_context.selective_copying import SelectiveCopyingConfig
from harness_long_context.sequence_task import SequenceTask, context_edges
from harness_long_context.text_classification import TextClassificationConfig
from harness_long_context.text_lm import TextLmConfig


def selective_copying(config: SelectiveCopyingConfig) -> SequenceTask:
    """Repeat the data tokens in order; each is scored."""
    return _task("selective_copying", config, config.vocab, config.total_length)


def induction_heads(config: InductionHeadsConfig) -> SequenceTask:
    """One answer a sequence, also at lengths that were not trained."""
    return _task("induction_heads", config, config.vocab, config.length, config.test_lengths)


def mqar(config: MqarConfig) -> SequenceTask:
    """Each key's value is one scored target."""
    return _task("mqar", config, config.vocab, config.length)


def passkey(config: PasskeyConfig) -> SequenceTask:
    """Each digit of the key is one scored target, also at lengths that were not trained."""
    return _task("passkey", config, passkey_data.VOCAB, config.length, config.test_lengths)


def listops(config: ListopsConfig) -> SequenceTask:
    """One of ten classes for a padded expression."""
    return _task("listops", config, listops_data.VOCAB, config.max_length)


def pathfinder(config: PathfinderConfig) -> SequenceTask:
    """One of two classes for 1024 pixels."""
    return _task("pathfinder", config, pathfinder_data.GREY_LEVELS, pathfinder_data.LENGTH)


def pixels(config: PixelsConfig) -> SequenceTask:
    """One of ten classes for an image's pixels."""
    return _task("pixels", config, config.levels, config.length)


def text_lm(config: TextLmConfig) -> SequenceTask:
    """Every byte is scored, and sorted by how many bytes came before it."""
    return _task("text_lm", config, NUM_BYTES, config.length, edges=context_edges(config.length))


def text_classification(config: TextClassificationConfig) -> SequenceTask:
    """One of two classes for a padded document."""
    return _task("text_classification", config, NUM_BYTES, config.length)


def _task(
    name: str,
    config: Options,
    vocab: int,
    length: int,
    test_lengths: Sequence[int] = (),
    edges: tuple[int, ...] = (1,),
) -> SequenceTask:
    return SequenceTask(
        dataset=DatasetRequest(name=name, options=config.model_dump(mode="json")),
        vocab=vocab,
        length=max(length, *test_lengths) if test_lengths else length,
        train_length=length,
        extra_splits={f"test_{longer}": f"length={longer}" for longer in test_lengths},
        context_edges=edges,
    )
