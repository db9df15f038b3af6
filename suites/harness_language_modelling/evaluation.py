"""A task of lm-eval after training on text: the bridge asks, and what each document gave is the evidence."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import DataError
from harness.interfaces import (
    Array,
    Budget,
    Dataset,
    DatasetRequest,
    Evidence,
    FitOutcome,
    Record,
    Streams,
    TokenBatch,
    TokenData,
    TokenLearner,
    Training,
)
from harness_data.ngrams import NUM_BYTES
from harness_language_modelling.baselines import baselines
from harness_language_modelling.locating import LocatedTask
from harness_language_modelling.measures import KNOWN, VALIDATION, measures_of, needs_of
from harness_language_modelling.options import LmEvalConfig

if TYPE_CHECKING:
    import torch
    from torch import nn

BATCH_SIZE = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class LmEvalTask:
    """A `harness.interfaces.Task`. Models are of bytes, and learn from windows of the data set `text_lm`."""

    located: LocatedTask
    options: LmEvalConfig
    extra_splits: Mapping[str, str] = field(default_factory=dict)
    validation_metric: str = VALIDATION

    @property
    def dataset(self) -> DatasetRequest:
        chosen = self.options
        names = ("source", "path", "suffix", "length", "num_train", "num_validation")
        return DatasetRequest(name="text_lm", options={name: getattr(chosen, name) for name in names} | {"num_test": 1})

    @property
    def train_length(self) -> int:
        return self.options.length

    def describe(self) -> TokenData:
        return TokenData(vocab=NUM_BYTES, length=max(self.options.length, self.options.max_length))

    def fit(
        self,
        learner: TokenLearner,
        data: Dataset | None,
        *,
        training: Training,
        budget: Budget,
        streams: Streams,
        device: torch.device,
        record: Record,
    ) -> FitOutcome:
        """Predict the next byte of windows of text."""
        from harness.runtime.tokens import fit_sequences

        def validate() -> dict[str, float]:
            arrays = self.evaluate(learner, data, "validation", training=training, device=device).arrays
            return {"validation_nats": float(arrays["text_nats"].sum() / arrays["text_bytes"].sum())}

        return fit_sequences(
            learner,
            _text(data, "train"),
            training=training,
            budget=budget,
            streams=streams,
            device=device,
            record=record,
            validate=validate,
        )

    def evaluate(
        self, learner: TokenLearner, data: Dataset | None, split: str, *, training: Training, device: torch.device
    ) -> Evidence:
        """On `test` what lm-eval says of each document; on `validation` the `text_nats` of windows of text."""
        if split == "test":
            return self._asked(learner.module, device)
        return _text_evidence(learner, _text(data, split), training.batch_size, device)

    def references(self, data: Dataset | None) -> Mapping[str, float]:
        """One answer in so many is right by chance, where there is a choice of as many for every document."""
        counts = self._numbers_of_choices()
        return {"chance": float(np.mean(1.0 / counts))} if len(counts) else {}

    def reference_evidence(self, data: Dataset | None, device: torch.device) -> Iterable[tuple[str, Evidence]]:
        """What models without learning say: one that knows nothing, for which the shortest answer is the likeliest, and
        counts of bytes and of pairs of bytes in the training text."""
        text = _text(data, "train")["inputs"]
        for name, module in baselines(text):
            yield name, self._asked(module.to(device), device)

    def sample_batch(self, data: Dataset | None, *, training: Training, device: torch.device) -> TokenBatch:
        from harness.runtime.tokens import token_batch

        return token_batch(_text(data, "train"), slice(0, training.batch_size), device)

    def _asked(self, module: nn.Module, device: torch.device) -> Evidence:
        from lm_eval.evaluator import evaluate

        from harness.bridges.lm_eval import language_model
        from harness.bridges.lm_eval.tokenization import ByteTokenizer

        lm = language_model()(
            module,
            ByteTokenizer(),
            vocab=NUM_BYTES,
            max_length=self.options.max_length,
            batch_size=BATCH_SIZE,
            device=device,
        )
        level = logging.getLogger("lm_eval").level
        logging.getLogger("lm_eval").setLevel(logging.ERROR)
        try:
            task = self._task()
            found = evaluate(
                lm,
                {"tasks": {self.located.name: task}},
                limit=self.options.limit,
                bootstrap_iters=0,
                log_samples=True,
            )
        finally:
            logging.getLogger("lm_eval").setLevel(level)
        assert found is not None
        evidence = evidence_of(found["samples"][self.located.name], self.located.config)
        truncated = {"truncated_contexts": np.array([lm.truncated])}
        return Evidence(arrays={**evidence.arrays, **truncated})

    def _task(self) -> Any:
        from lm_eval.tasks import TaskManager

        loaded = TaskManager(include_defaults=False).load([str(self.located.file)])["tasks"]
        task = loaded[self.located.name]
        if self.options.num_fewshot:
            task.set_config("num_fewshot", self.options.num_fewshot)
        task.set_fewshot_seed(self.options.fewshot_seed)
        return task

    def _numbers_of_choices(self) -> Array:
        if self.located.config.get("output_type") != "multiple_choice":
            return np.zeros(0)
        task = self._task()
        documents = list(task.eval_docs)[: self.options.limit]
        return np.array([len(task.doc_to_choice(document)) for document in documents])


def evidence_of(samples: Iterable[Mapping[str, Any]], config: Mapping[str, Any]) -> Evidence:
    """Each document's values, in the order of the documents, of the first filter where the task has several.

    Raises DataError where a document has no value of a metric that the task's configuration names.
    """
    ordered = sorted(samples, key=lambda sample: int(sample["doc_id"]))
    first = ordered[0].get("filter") if ordered else None
    ordered = [sample for sample in ordered if sample.get("filter") == first]
    arrays: dict[str, Array] = {}
    for name in KNOWN:
        if f"lm_eval_{name}" not in measures_of(config):
            continue
        if any(name not in sample for sample in ordered):
            raise DataError(
                f"lm-eval left no {name} for some documents of {config.get('task')}; it names it as a metric"
            )
        table = np.array([sample[name] for sample in ordered], dtype=np.float64)
        columns = table.T if table.ndim == 2 else table[None]
        arrays |= dict(zip(needs_of(name), columns, strict=True))
    return Evidence(arrays=arrays)


def _text_evidence(
    learner: TokenLearner, arrays: Mapping[str, Array], batch_size: int, device: torch.device
) -> Evidence:
    import torch
    from torch.nn.functional import cross_entropy

    from harness.runtime.tokens import ordered_batches

    learner.module.eval()
    nats = []
    with torch.no_grad():
        for _, batch in ordered_batches(arrays, batch_size, device):
            logits = learner.logits(batch).double()
            nats.append(cross_entropy(logits.flatten(0, 1), batch.targets.flatten(), reduction="none").cpu().numpy())
    whole = np.concatenate(nats)
    return Evidence(arrays={"text_nats": whole, "text_bytes": np.ones_like(whole)})


def _text(data: Dataset | None, split: str) -> Mapping[str, Array]:
    if data is None:
        raise DataError("a task of lm-eval got no text to train on; it reads the data set that it asks for; pass that")
    return data.splits[split]
