"""A folder with tasks of one's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

ROWS = [
    {"question": "state space", "choices": ["a", "bcd"], "right": 0},
    {"question": "models of", "choices": ["text", "or"], "right": 1},
    {"question": "bytes", "choices": ["one", "another"], "right": 1},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "tasks"
    place.mkdir()
    (place / "rows.jsonl").write_text("\n".join(map(json.dumps, ROWS)) + "\n")
    (place / "mine.yaml").write_text(
        "task: my_choice\n"
        "dataset_path: json\n"
        f"dataset_kwargs: {{data_files: {{test: {place / 'rows.jsonl'}}}}}\n"
        "test_split: test\n"
        "output_type: multiple_choice\n"
        'doc_to_text: "{{question}}"\n'
        "doc_to_choice: choices\n"
        "doc_to_target: right\n"
        "metric_list: [{metric: acc}, {metric: acc_norm}]\n"
        "metadata: {version: 3.1}\n"
    )
    return place
