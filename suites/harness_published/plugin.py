"""What this plugin declares: tables of published results, each for the tasks of one suite."""

from harness.hookspecs import hookimpl
from harness.specs import PublishedTable, Ref

HERE = "harness_published"
LIKELIHOODS = ("binary_likelihood", "fixed_binary_likelihood", "quadrants")
SAMPLES = ("digit_samples", "fashion_samples", "clips")
SEQUENCES = (
    "selective_copying",
    "induction_heads",
    "passkey",
    "listops",
    "pathfinder",
    "pixels",
    "text_classification",
)
IMAGES = ("cifar10", "cifar100")
ATARI = ("atari",)
# module that says what stands beside which task, what that is, tasks
TABLES = (
    ("likelihoods", "bounds on the likelihood of images and of their hidden quadrants", LIKELIHOODS),
    ("samples", "Parzen windows around samples, Fréchet distances of clips", SAMPLES),
    ("sequences", "Long Range Arena, copying, induction and passkey", SEQUENCES),
    ("images", "accuracies on CIFAR", IMAGES),
    ("atari", "scores of Atari's games", ATARI),
)


@hookimpl
def harness_published_results() -> list[PublishedTable]:
    return [
        PublishedTable(
            name=f"papers_{name}",
            summary=summary,
            tasks=tasks,
            results=Ref(f"{HERE}.beside:results", of=f"{HERE}.{name}:BESIDE"),
        )
        for name, summary, tasks in TABLES
    ]
