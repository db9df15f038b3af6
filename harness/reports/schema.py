"""The description of a row, made from the schema: `python -m harness.reports.schema > results/README.md`."""

from __future__ import annotations

from harness.store import COLUMNS, CURVE_SCHEMA, SCHEMA_VERSION

KINDS = {
    "identity": "what was asked",
    "result": "the same whenever the trial is run again on the same machine with the same sources",
    "measured": "times, memory, dates and other circumstances, which differ from run to run",
}


def schema_markdown() -> str:
    """The text of `results/README.md`."""
    lines = [
        "# Results",
        "",
        "A results folder holds `rows/<trial>.parquet` (one row a trial: what is true), `curves/<trial>.parquet`",
        "(learning curves), `artifacts/<trial>/` (pictures), `runs/<run>.json` (what a run planned),",
        "`leaderboard.parquet` (all rows in one file, made",
        "from the others) and `reports/`. Local runs go to `results/local/`, which git ignores. No GPU row has been",
        "made so far.",
        "",
        "```python",
        "import pandas",
        "",
        'rows = pandas.read_parquet("results/local/leaderboard.parquet")',
        "```",
        "",
        f"This page is generated from the schema, version {SCHEMA_VERSION}. A column is of one of three kinds:",
        "",
        *(f"- *{kind}*: {meaning}" for kind, meaning in KINDS.items()),
        "",
        "| column | type | kind | meaning |",
        "| --- | --- | --- | --- |",
        *(
            f"| `{column.name}` | {_type_name(str(column.type))} | {column.kind} | {column.meaning} |"
            for column in COLUMNS
        ),
        "",
        "Columns of a learning curve: " + ", ".join(f"`{field.name}` ({field.type})" for field in CURVE_SCHEMA) + ".",
    ]
    return "\n".join(lines) + "\n"


def _type_name(text: str) -> str:
    return {
        "map<string, string>": "texts by name",
        "map<string, double>": "numbers by name",
    }.get(text, "list of metrics" if text.startswith("list") else text)


if __name__ == "__main__":
    print(schema_markdown(), end="")
