"""Rows as trials of a large run would leave them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

NUM_TASKS, NUM_MODELS = 5, 20
START = datetime(2026, 1, 1, tzinfo=UTC)


def make_row(index: int) -> dict[str, Any]:
    """Row `index` of a leaderboard of five tasks and twenty models; a hundred rows are one seed."""
    seed, pair = divmod(index, NUM_TASKS * NUM_MODELS)
    task, model = divmod(pair, NUM_MODELS)
    value = 0.5 + 0.02 * model + 0.001 * (seed * 7919 % 13)
    return {
        "trial_id": f"{index:020x}",
        "run_id": "history-small-0",
        "suite": "history",
        "scale": "small",
        "task": f"task{task}",
        "model": f"model{model}",
        "kernel": "auto",
        "kernels": {"attention": "torch"},
        "seed": seed,
        "status": "ok",
        "reason": "",
        "traceback": "",
        "ranked": True,
        "unranked_reason": "",
        "metric": "accuracy",
        "value": value,
        "higher_is_better": True,
        "chance": 0.1,
        "references": {},
        "metrics": [
            {"name": name, "value": value / divisor, "unit": "", "higher_is_better": True, "n": 1000}
            for divisor, name in enumerate(("accuracy", "token_accuracy", "likelihood"), start=1)
        ],
        "task_options": '{"length":64}',
        "model_options": '{"d_model":64}',
        "training": '{"batch_size":32}',
        "num_candidates": 1,
        "budget_steps": 1000,
        "steps": 1000,
        "parameters": 70_000 + 10 * model,
        "train_seconds": 10.0 + model,
        "step_seconds": 0.01,
        "wall_seconds": 12.0 + model,
        "peak_memory_bytes": 10**9,
        "peak_memory_kind": "process_rss",
        "device": "cpu",
        "precision": "float32",
        "threads": 1,
        "cpu": "a processor",
        "cpu_count": 2,
        "ram_bytes": 10**10,
        "os": "Linux",
        "machine_extra": {},
        "details": {},
        "artifacts": {},
        "versions": {"python": "3.11", "torch": "2.13.0"},
        "sources": {"harness": "0.1.0"},
        "git_commit": "0" * 40,
        "git_dirty": False,
        "started_at": START + timedelta(seconds=index),
        "ended_at": START + timedelta(seconds=index + 10),
    }
