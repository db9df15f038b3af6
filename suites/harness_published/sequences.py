"""Beside the long-context tasks: Long Range Arena, and the tasks of Mamba's and Infini-attention's papers."""

from __future__ import annotations

from dataclasses import replace

from harness_published.beside import Beside

# The systems that are also models here, and the best known ones that are not.
SYSTEMS = (
    "Transformer",
    "Local Attention",
    "Linear Transformer",
    "S4 (v1, original ICLR runs)",
    "S4 (v2, S4-LegS updated)",
    "S4D-LegS",
    "S5",
    "Mega",
    "Transformer (re-run by Mega authors)",
    "Mamba (run by the xLSTM authors)",
)
BUDGET = (
    "Long Range Arena's models are larger than small and medium have them, each with a schedule of its own, most "
    "state space models with widths and rates of their own for each task; what was trained here stands on the board"
)
# our task, LRA's, what is different
ARENA = (
    ("listops", "LRA ListOps", "Expressions of 500 to 2,000 tokens there, of the board's lengths here, drawn anew"),
    ("pathfinder", "LRA Pathfinder", "The images are drawn anew by the same rules, with the board's contour_length"),
    ("pixels", "LRA Image", "Photographs of 1,024 grey pixels there; digits of 64 or clothes of 784 pixels here"),
    (
        "text_classification",
        "LRA Text",
        "IMDB by its bytes there, test images of the choice; the board names its data here",
    ),
)
TRAINED = 256
TEST_LENGTHS = (TRAINED, 1_024, 16_384)
PLACES = ("start", "middle", "end")


def _accuracy(task: str, metric: str, printed: str, differs: str) -> Beside:
    return Beside(
        task=task,
        metrics=(metric,),
        printed_task=printed,
        printed_metric="accuracy_pct",
        quantity="accuracy",
        unit="%",
        differs=f"{differs}. The board's accuracies are fractions of one.",
    )


def _induction(length: int) -> Beside:
    return Beside(
        task="induction_heads",
        metrics=("accuracy" if length == TRAINED else f"accuracy[length={length}]",),
        printed_task=f"induction heads, test length {length}",
        printed_metric="accuracy_pct",
        quantity="accuracy",
        unit="%",
        setting=f"tested at {length:,} tokens",
        differs=(
            f"Trained at {TRAINED} tokens with a vocabulary of 16 for 204,800 steps there; length, vocabulary and "
            "steps here are the board's. The board's accuracies are fractions of one."
        ),
    )


def _passkey(length: str, place: str) -> Beside:
    return Beside(
        task="passkey",
        metrics=("token_accuracy",),
        printed_task=f"passkey retrieval, fine-tuned 400 steps, {length}, {place}",
        printed_metric="token_accuracy_pct",
        quantity="accuracy",
        unit="%",
        setting=f"{length} tokens, key at the {place}",
        differs=(
            "A language model of a billion parameters there, fine-tuned on subwords; here a small model learns words "
            "and digits from nothing, and the key lies anywhere. The board's accuracies are fractions of one."
        ),
    )


BESIDE = (
    _accuracy(
        "selective_copying",
        "token_accuracy",
        "selective copying",
        "4,096 tokens, 16 of them data, 400,000 steps there; the board's options and budget here",
    ),
    *map(_induction, TEST_LENGTHS),
    *(_passkey(length, place) for length in ("32K", "1M") for place in PLACES),
    *(
        replace(_accuracy(task, "accuracy", printed, f"{differs}. {BUDGET}"), systems=SYSTEMS)
        for task, printed, differs in ARENA
    ),
)
