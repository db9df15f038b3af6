"""What every form of report shows: terminal, Markdown and HTML."""

import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from harness.reports import html, markdown
from harness.reports.html import make_axis
from harness.reports.report import make_report
from harness.reports.terminal import print_boards

EVIL = "<script>alert(1)</script>"


def terminal(report, width=100, metrics=()):
    output = io.StringIO()
    print_boards(report.boards, Console(file=output, width=width, force_terminal=False), metrics)
    return output.getvalue()


FORMS = pytest.mark.parametrize("show", [terminal, markdown.render, html.render], ids=["terminal", "markdown", "html"])


class Page(HTMLParser):
    """The tags, attributes and text of a page; raises where tags do not close in order."""

    VOID = frozenset({"meta", "br", "link", "img", "input"})

    def __init__(self, text):
        super().__init__()
        self.stack, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(text)
        self.close()
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in self.VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def report(comparison):
    return make_report(comparison())


@FORMS
@pytest.mark.parametrize(
    "expected",
    ["0.989 ±0.012", "infini", "linear", "shapes do not match", "runs on cuda, not", "byte", "chance", "3.561", "2.413",
     "2/3", "0/3", "not above", "diverged", "unsupported", "1=", "(3)"],
)  # fmt: skip
def test_every_form_shows(show, expected, report):
    assert expected in show(report)


@FORMS
def test_one_seed_shows_no_interval(show, make):
    shown = show(make_report(make.frame([make.row(value=0.7311)])))
    assert "0.731" in shown
    assert "±0" not in shown
    assert "One seed: no interval and no test" in " ".join(shown.split())


@FORMS
def test_the_same_rows_give_the_same_text(show, comparison):
    assert show(make_report(comparison())) == show(make_report(comparison().sample(frac=1.0, random_state=1)))


@FORMS
def test_boards_of_one_task_name_the_field_that_differs(show, make):
    rows = [make.row(data_tier="embedded"), make.row(model="s4d", data_tier="offline")]
    shown = show(make_report(make.frame(rows)))
    assert "data tier embedded" in shown
    assert "data tier offline" in shown


@pytest.mark.parametrize("width", [80, 100, 140])
def test_terminal_lines_fit_the_width(width, report):
    lines = terminal(report, width).splitlines()
    assert max(map(len, lines)) <= width
    assert any("unranked: 3 error" in line for line in lines)


def test_terminal_shows_further_metrics_on_request(make):
    metrics = [make.metric("accuracy", 0.9), make.metric("accuracy[length=512]", 0.25), make.metric("loss", 0.125)]
    report = make_report(make.frame([make.row(metrics=metrics)]))
    assert "accuracy[length=512]" not in terminal(report)
    assert "accuracy[length=512]" in terminal(report, metrics=("accuracy",))
    assert "loss" not in terminal(report, metrics=("accuracy",))
    assert "loss" in terminal(report, metrics=("all",))


def test_terminal_shows_markup_and_control_characters_as_text(make):
    failure = make.failure("error", "[bold]x[/] \x1b[31mred\x1b[0m [/unopened]", model="[red]m")
    shown = terminal(make_report(make.frame([failure])))
    assert "\x1b" not in shown
    assert "[red]m" in shown
    assert "[bold]x[/] �[31mred�[0m [/unopened]" in shown


def test_markdown_shows_markup_as_text(make):
    failure = make.failure("error", f"a|b\n*c* `d` _e_ {EVIL}", model="with_underscore")
    shown = markdown.render(make_report(make.frame([failure])))
    assert "with_underscore" in shown
    assert r"a\|b \*c\* \`d\` \_e\_ &lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert "<script" not in shown


def test_markdown_tables_have_as_many_cells_as_headings(report):
    blocks = re.findall(r"(?:^\|.*\|$\n?)+", markdown.render(report), flags=re.MULTILINE)
    counts = [{len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()} for block in blocks]
    assert len(counts) >= 6
    assert all(len(count) == 1 for count in counts)


def test_page_shows_markup_as_text(make):
    rows = [make.row(model=EVIL, data_licence=EVIL, task=EVIL, references={EVIL: 0.2})]
    rows += [make.failure("error", f'"{EVIL}', model=EVIL, traceback=f"in {EVIL}", task=EVIL)]
    text = html.render(make_report(make.frame(rows)))
    page = Page(text)
    assert "script" not in page.tags
    assert sum(EVIL in found for found in page.texts) >= 6


def test_page_is_well_formed_and_refers_to_nothing_outside(report):
    text = html.render(report)
    page = Page(text)
    assert "http" not in text
    assert {value for name, value in page.attributes if name == "href"} == {"#board-1", "#board-2"}
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name in {"src", "srcset", "action", "data"}]
    assert not re.search(r"@import|url\(", text)


def test_page_follows_the_system_colours_and_prints(report):
    text = html.render(report)
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text
    assert 'name="viewport"' in text


def test_page_has_tracebacks_behind_details(report):
    text = html.render(report)
    assert text.count("<pre>Traceback (most recent call last):") == 3
    assert re.search(r"<details><summary>Traceback of trial \w+</summary><pre>", text)


def test_page_says_where_rows_came_from(report):
    texts = " ".join(Page(html.render(report)).texts)
    for fact in (
        "PSF-2.0",
        "sources of the Python standard library 3.11.2",
        "torch 2.11.0",
        "c" * 40,
        "1:0123456789abcdef",
    ):
        assert fact in texts


def test_page_draws_learning_curves(comparison):
    import pandas as pd

    rows = comparison()
    trials = rows.loc[rows["status"] == "ok", "trial_id"]
    points = [
        {"trial_id": trial, "candidate": 0, "chosen": True, "step": step, "name": "loss", "value": 10.0 / step}
        for trial in trials
        for step in (10, 20, 40)
    ]
    text = html.render(make_report(rows, pd.DataFrame(points)))
    assert text.count("<polyline") == 8
    assert 'points="0.00,0.00 33.33,66.67 100.00,100.00"' in text


def test_axis_spans_means_references_and_intervals(make):
    rows = make.seeds("mamba", [0.8, 0.82, 0.81], metric="score", chance=0.1)
    (board,) = make_report(make.frame(rows)).boards
    axis = make_axis(board)
    (entry,) = board.entries
    assert 0 < axis.place(0.1) < axis.place(entry.summary.low) < axis.place(entry.summary.high) < 100


def test_axis_is_not_dwarfed_by_a_huge_interval(make):
    rows = make.seeds("sure", [1.0, 1.1, 1.05], metric="score", chance=0.0)
    rows += make.seeds("unsure", [0.0, 2.0], metric="score", chance=0.0)
    (board,) = make_report(make.frame(rows)).boards
    axis = make_axis(board)
    assert axis.place(1.05) - axis.place(0.0) > 30


def test_axis_of_equal_values_has_a_width(make):
    (board,) = make_report(make.frame([make.row(value=0.5, chance=None)])).boards
    assert make_axis(board).place(0.5) == 50.0


@FORMS
def test_a_board_on_which_everything_failed_is_not_empty(show, make):
    shown = " ".join(show(make_report(make.frame([make.failure("crashed", "killed by SIGSEGV", model="bad")]))).split())
    for expected in ("bad", "crashed", "killed by SIGSEGV", "no result", "Nothing is ranked here."):
        assert expected in shown
