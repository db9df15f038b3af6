"""A task's games together: which runs count, what lacks, and that every form of report says so."""

import pytest
from rich.console import Console

from harness.registry import load_registry
from harness.reports.aggregates import make_aggregates
from harness.reports.board import make_boards
from harness.reports.entries import BOUNDS
from harness.reports.html import render as render_html
from harness.reports.markdown import render as render_markdown
from harness.reports.report import make_report
from harness.reports.terminal import print_boards
from harness.statistics import aggregate

REGISTRY = load_registry()


def on(game, protocol="nature2015"):
    return {
        "suite": "atari",
        "task": "atari",
        "task_options": f'{{"game":"{game}","protocol":"{protocol}"}}',
        "dataset": None,
        "data_digest": None,
    }


@pytest.fixture
def played(make):
    """Rows of a model's runs of one game, whose normalised scores are given."""

    def rows(model, game, scores, protocol="nature2015"):
        return [
            make.row(
                model=model,
                seed=seed,
                metric="episode_score",
                value=100.0 * score,
                metrics=[
                    make.metric("episode_score", 100.0 * score, "score"),
                    make.metric("human_normalised", score, "ratio"),
                ],
                **on(game, protocol),
            )
            for seed, score in enumerate(scores)
        ]

    return rows


@pytest.fixture
def tables(make):
    return lambda rows: make_aggregates(make_boards(make.frame(rows)), REGISTRY)


def test_all_runs_of_all_games_make_a_row(played, tables):
    (table,) = tables(played("dqn", "pong", [0.1, 0.4]) + played("dqn", "breakout", [2.0, 1.0]))
    assert (table.members, table.target) == (("breakout", "pong"), 1.0)
    assert table.rows[0].scores == aggregate([[2.0, 1.0], [0.1, 0.4]], 1.0)
    assert (table.rows[0].present, table.rows[0].num_runs, table.rows[0].notes) == (2, 4, ())


def test_the_best_interquartile_mean_stands_first(played, tables):
    rows = [row for game in ("pong", "breakout") for row in played("ant", game, [0.1, 0.1])]
    rows += [row for game in ("pong", "breakout") for row in played("bee", game, [0.2, 0.2])]
    (table,) = tables(rows)
    assert [row.label for row in table.rows] == ["bee", "ant"]


def test_a_model_that_lacks_a_game_is_shown_without_numbers(played, tables):
    rows = played("ant", "pong", [0.1, 0.4]) + played("ant", "breakout", [2.0, 1.0]) + played("bee", "pong", [3.0, 3.0])
    lacking = tables(rows)[0].rows[-1]
    assert (lacking.label, lacking.scores, lacking.notes) == ("bee", None, ("no result on breakout",))


def test_a_failed_trial_is_missing_and_named(make, played, tables):
    rows = played("dqn", "pong", [0.1, 0.4]) + played("dqn", "breakout", [2.0, 1.0])
    rows.append(make.failure("diverged", "the loss is nan", model="dqn", seed=2, **on("pong")))
    (row,) = tables(rows)[0].rows
    assert (row.num_runs, row.notes) == (4, ("missing: pong seed 2 diverged",))


def test_a_game_on_which_every_trial_failed_is_compared_all_the_same(make, played, tables):
    rows = played("dqn", "pong", [0.1, 0.4]) + played("dqn", "breakout", [2.0, 1.0])
    rows.append(make.failure("timed_out", "still running", model="dqn", seed=0, **on("seaquest")))
    (table,) = tables(rows)
    assert table.members == ("breakout", "pong", "seaquest")
    assert table.rows[0].scores is None
    assert table.rows[0].notes == ("no result on seaquest", "missing: seaquest seed 0 timed_out")


def test_a_game_without_the_metric_is_left_out_by_name(make, played, tables):
    rows = played("dqn", "pong", [0.1]) + played("dqn", "breakout", [2.0])
    rows.append(make.row(model="dqn", metric="episode_score", value=3.0, **on("adventure")))
    (table,) = tables(rows)
    assert (table.members, table.without) == (("breakout", "pong"), ("adventure",))


def test_protocols_are_never_aggregated_together(played, tables):
    rows = [row for protocol in ("nature2015", "dqn2013") for row in played("dqn", "pong", [0.1], protocol)]
    rows += played("dqn", "breakout", [2.0], "dqn2013")
    (table,) = tables(rows)
    assert [(item.name, item.value) for item in table.differs] == [("protocol", "dqn2013")]
    assert table.members == ("breakout", "pong")


def test_one_run_of_a_game_has_no_interval_and_says_so(played, tables):
    (table,) = tables(played("dqn", "pong", [0.1, 0.4]) + played("dqn", "breakout", [2.0]))
    assert table.rows[0].scores.mean.low is None
    assert table.rows[0].notes == ("one run of breakout: no interval", "1 to 2 runs each")


def test_scores_beyond_a_person_keep_their_interval():
    assert REGISTRY.metrics["human_normalised"].spec.unit not in BOUNDS


def test_a_single_game_is_no_aggregate(played, tables):
    assert tables(played("dqn", "pong", [0.1, 0.4])) == ()


def test_a_task_that_declares_nothing_has_no_aggregate(make):
    rows = [row for size in (8, 16) for row in make.seeds("mamba", [0.9], task_options=f'{{"length":{size}}}')]
    assert make_aggregates(make_boards(make.frame(rows)), REGISTRY) == ()


def test_every_form_shows_the_aggregate_after_the_boards_of_its_task(make, played):
    rows = played("dqn", "pong", [0.1, 0.4]) + played("dqn", "breakout", [2.0, 1.0])
    report = make_report(make.frame([*rows, *make.seeds("mamba", [0.9], task="zzz")]), registry=REGISTRY)
    console = Console(record=True, width=200)
    print_boards(report.boards, console, tables=report.aggregates)
    forms = [render_html(report), render_markdown(report), console.export_text()]
    headings = [form.index("human_normalised over game") for form in forms]
    assert [form.rindex("zzz") > place for form, place in zip(forms, headings, strict=True)] == [True] * 3
    interval = "0.700 [0.550, 1.200]"
    assert [interval in form.replace("\\", "") for form in forms] == [True] * 3


def test_the_same_rows_give_the_same_bytes(make, played):
    rows = played("dqn", "pong", [0.1, 0.4, 0.7]) + played("dqn", "breakout", [2.0, 1.0, 0.3])
    first, again = (render_html(make_report(make.frame(rows), registry=REGISTRY)) for _ in range(2))
    assert first == again
