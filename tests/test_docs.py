"""What the docs say is what the code does."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from harness import hookspecs
from harness.commands.run import STATUSES
from harness.registry import load_registry
from harness.reports.goals import committed_rows, goals_markdown
from harness.reports.schema import schema_markdown
from harness.store import Store

ROOT = Path(__file__).parents[1]
PLUGINS = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
# Files that are shown whole, with the command that is shown after them.
ONE_FILE = re.findall(r"```python\n# (my_\w+\.py)\n(.*?)```\s+```console\n\$ harness (.*?)\n", PLUGINS, re.DOTALL)
HOOKS = [name for name in vars(hookspecs) if name.startswith("harness_")]


def test_the_row_schema_page_is_up_to_date():
    assert (ROOT / "results" / "README.md").read_text(encoding="utf-8") == schema_markdown()


def test_the_page_of_goals_is_up_to_date():
    page = goals_markdown(committed_rows(ROOT), load_registry(entry_points=True))
    assert (ROOT / "docs" / "goals.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(("name", "text", "command"), ONE_FILE, ids=[name for name, *_ in ONE_FILE])
def test_a_model_in_one_file_runs_beside_others(name, text, command, harness, tmp_path):
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = harness(*shlex.split(command), "scale=smoke")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = Store(tmp_path / "results/local").read().table
    assert set(rows["status"]) == {"ok"}
    assert "mine" in set(rows["model"])


def test_both_kinds_of_one_file_models_are_shown():
    assert [name for name, *_ in ONE_FILE] == ["my_classifier.py", "my_sampler.py"]


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented(hook):
    assert f"`{hook}" in (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_is_documented(status):
    assert f"| `{status}` |" in (ROOT / "docs" / "results.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/*/README.md")]), ids=str
)
def test_links_between_pages_lead_somewhere(page):
    prose = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", prose):
        assert (page.parent / target).exists(), target


def test_every_bundled_package_is_under_the_import_contracts():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    bundled = {path.parent.name for path in [*ROOT.glob("plugins/*/plugin.py"), *ROOT.glob("suites/*/plugin.py")]}
    contracts = {contract["id"]: contract for contract in project["tool"]["importlinter"]["contracts"]}
    assert bundled <= set(project["tool"]["importlinter"]["root_packages"])
    assert bundled <= set(contracts["core"]["forbidden_modules"])
    assert {f"{name}.plugin" for name in bundled} <= set(contracts["light"]["source_modules"])
    points = project["project"]["entry-points"]["harness.plugins"].values()
    assert {f"{name}.plugin" for name in bundled} == set(points)


@pytest.mark.parametrize("file", sorted([*ROOT.glob("plugins/*/plugin.py"), *ROOT.glob("suites/*/plugin.py")]), ids=str)
def test_declarations_stay_short(file):
    assert len(file.read_text(encoding="utf-8").splitlines()) < (130 if "long_context" in str(file) else 80)
