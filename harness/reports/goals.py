"""The page of goals: `python -m harness.reports.goals > docs/goals.md`, from the rows that are committed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.kernels.running.rows import SUITE
from harness.registry import Registry, load_registry
from harness.reports.kernels import Row, goal_lines
from harness.store import read_rows

VERDICTS = {True: "reached", False: "missed", None: "open"}


def goals_markdown(rows: Sequence[Row], registry: Registry) -> str:
    """The text of `docs/goals.md`."""
    lines = goal_lines(rows, registry)
    open_on_gpu = sum(line.reached is None and line.size.endswith("cuda") for line in lines)
    text = [
        "# Goals",
        "",
        "What the fastest of our kernels of an op should reach: a speed relative to another kernel timed in the same",
        "run, and a time relative to the floor, the least that the device's measured memory bandwidth, arithmetic and",
        "exponentials allow. This page is made by `python -m harness.reports.goals > docs/goals.md` from the rows",
        f"under `results/`; a goal without a row is open. Open for want of a GPU: {open_on_gpu}. `make gpu` measures",
        "them.",
        "",
        "| op | inputs | goal | measured | |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| `{line.op}` | {line.size} | {line.goal} | {line.measured or 'unmeasured'} | {VERDICTS[line.reached]} |"
            for line in lines
        ),
    ]
    return "\n".join(text) + "\n"


def committed_rows(root: Path) -> list[Row]:
    """Rows of kernels in the leaderboards directly under `results/`, not those of local runs."""
    paths = sorted(path for path in root.glob("results/*/leaderboard.parquet") if path.parent.name != "local")
    table = read_rows(paths).table
    return list(table.loc[(table["suite"] == SUITE) & (table["scale"] == "bench")].to_dict("records"))


if __name__ == "__main__":
    print(goals_markdown(committed_rows(Path()), load_registry()), end="")
