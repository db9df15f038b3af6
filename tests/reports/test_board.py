"""Which rows share a board, what an entry says, and who is ranked how."""

import numpy as np
import pytest

from harness.errors import StoreError
from harness.reports.board import make_boards
from harness.reports.ranking import ALPHA
from harness.reports.report import make_report
from harness.statistics import paired_difference, summarise


@pytest.fixture
def board_of(make):
    """The one board of some rows."""

    def build(rows):
        (board,) = make_boards(make.frame(rows))
        return board

    return build


def names(board):
    return [line.label if hasattr(line, "label") else line.name for line in board.lines]


def ranks(board):
    return {entry.label: (entry.rank, entry.tied) for entry in board.entries}


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("suite", "other", "suite"),
        ("scale", "medium", "scale"),
        ("task_options", '{"length":512}', "length"),
        ("data_tier", "offline", "data tier"),
        ("data_digest", "f" * 64, "data digest"),
        ("metric", "accuracy_v2", "metric"),
        ("device", "cuda", "device"),
        ("hardware", "CPU B", "hardware"),
        ("precision", "bfloat16", "precision"),
        ("budget_steps", 2000, "budget in steps"),
        ("budget_seconds", 300.0, "budget in seconds"),
        ("match_kind", "seconds", "matched"),
        ("match_target", 100_000.0, "matched to"),
        ("num_candidates", 3, "candidates tried"),
    ],
)
def test_rows_that_differ_in_protocol_data_or_machine_are_not_ranked_together(make, column, value, word):
    rows = [make.row(model="mamba"), make.row(model="s4d", **{column: value})]
    boards = make_boards(make.frame(rows))
    assert sorted([entry.label for entry in board.entries] for board in boards) == [["mamba"], ["s4d"]]
    assert [{item.name for item in board.differs} for board in boards] == [{word}, {word}]


def test_targets_that_differ_in_their_last_digit_are_not_ranked_together(make):
    rows = [make.row(model=name, match_target=target) for name, target in [("mamba", 12345678.0), ("s4d", 12345679.0)]]
    boards = make_boards(make.frame(rows))
    assert [board.differs[0].value for board in boards] == ["12345678", "12345679"]


def test_boards_of_different_tasks_differ_in_nothing(make):
    boards = make_boards(make.frame([make.row(task="mqar", hardware="CPU B"), make.row(task="passkey")]))
    assert [(board.task, board.differs) for board in boards] == [("mqar", ()), ("passkey", ())]


def test_entry_summarises_its_seeds(make, board_of):
    (entry,) = board_of(make.seeds("mamba", [0.5, 0.6, 0.4])).entries
    assert (entry.summary, entry.num_trials) == (summarise([0.5, 0.6, 0.4]), 3)
    assert entry.by_seed == {0: 0.5, 1: 0.6, 2: 0.4}


def test_interval_of_a_fraction_stays_within_zero_and_one(make, board_of):
    (entry,) = board_of(make.seeds("mamba", [0.95, 0.05])).entries
    assert (entry.summary.low, entry.summary.high) == (0.0, 1.0)


def test_costs_are_medians_over_seeds(make, board_of):
    rows = [make.row(seed=seed, train_seconds=seconds) for seed, seconds in enumerate([10.0, 12.0, 90.0])]
    (entry,) = board_of(rows).entries
    assert (entry.costs.train_seconds, entry.costs.parameters) == (12.0, 81_234)


def test_further_metrics_are_summarised_and_nan_does_not_count(make, board_of):
    per_length = [[make.metric("accuracy[length=512]", value)] for value in (0.5, float("nan"), 0.7)]
    rows = [make.row(seed=seed, metrics=metrics) for seed, metrics in enumerate(per_length)]
    (entry,) = board_of(rows).entries
    assert [(metric.name, metric.summary) for metric in entry.metrics] == [
        ("accuracy[length=512]", summarise([0.5, 0.7], (0.0, 1.0)))
    ]


def test_label_names_only_what_sets_entries_of_a_model_apart(make, board_of):
    options = ['{"d_model":64,"d_state":16}', '{"d_model":64,"d_state":32}']
    rows = [make.row(model_options=option) for option in options]
    rows += [make.row(model_options=options[0], kernel="reference", kernels={"selective_scan": "reference"})]
    rows += [make.row(model="s4d", kernels={"long_conv": "torch"})]
    assert sorted(entry.label for entry in board_of(rows).entries) == [
        "mamba d_state=16",
        "mamba d_state=32",
        "mamba kernel=reference d_state=16",
        "s4d",
    ]


def test_changed_source_of_a_model_makes_an_entry_of_its_own(make, board_of):
    rows = [make.row(), make.row(sources={"mamba": "1:abcdef0123456789"})]
    assert [entry.label for entry in board_of(rows).entries] == [
        "mamba source.mamba=23456789",
        "mamba source.mamba=89abcdef",
    ]


def test_the_same_trial_of_two_folders_counts_once(make, board_of):
    rows = [make.row(trial_id="t"), make.row(trial_id="t"), make.failure("timed_out", "slow", trial_id="t")]
    (entry,) = board_of(rows).entries
    assert (len(entry.replicates), entry.failures) == (1, ())


@pytest.mark.parametrize(("higher", "expected"), [(True, ["b", "c", "a"]), (False, ["a", "c", "b"])])
def test_order_follows_the_direction_of_the_metric(make, board_of, higher, expected):
    rows = [
        row
        for model, value in (("a", 1.0), ("b", 3.0), ("c", 2.0))
        for row in make.seeds(model, [value, value + 0.01], higher_is_better=higher, metric="bits", chance=None)
    ]
    assert [entry.label for entry in board_of(rows).entries] == expected


def test_entries_that_cannot_be_told_apart_share_a_rank(make, board_of):
    best, near, far = [0.90, 0.94, 0.92], [0.91, 0.92, 0.91], [0.50, 0.55, 0.52]
    assert paired_difference(dict(enumerate(best)), dict(enumerate(near))).p > ALPHA
    board = board_of(make.seeds("best", best) + make.seeds("near", near) + make.seeds("far", far))
    assert ranks(board) == {"best": (1, True), "near": (1, True), "far": (3, False)}


def test_a_small_but_steady_difference_separates_ranks(make, board_of):
    values = [0.10, 0.50, 0.90]
    board = board_of(make.seeds("better", values) + make.seeds("worse", [value - 0.01 for value in values]))
    assert ranks(board) == {"better": (1, False), "worse": (2, False)}


def test_false_alarms_are_as_rare_as_the_level_says(make, board_of):
    generator = np.random.default_rng(0)
    apart = 0
    for _ in range(100):
        a, b = generator.normal(0.5, 0.05, size=(2, 5))
        apart += not ranks(board_of(make.seeds("a", list(a)) + make.seeds("b", list(b))))["a"][1]
    assert apart <= 11  # 5 expected; more than 11 has probability 0.004


def test_one_seed_is_ordered_but_not_tested(make, board_of):
    board = board_of(make.seeds("a", [0.4]) + make.seeds("b", [0.8]))
    assert ranks(board) == {"b": (1, False), "a": (2, False)}
    assert [(entry.tested, entry.summary.low, entry.above_chance) for entry in board.entries] == [
        (False, None, None)
    ] * 2


def test_seeds_that_only_one_entry_has_are_not_compared(make, board_of):
    board = board_of(make.seeds("a", {0: 0.8, 1: 0.9}) + make.seeds("b", {1: 0.7, 2: 0.1}))
    behind = next(entry.behind for entry in board.entries if entry.label == "b")
    assert (behind.n, behind.mean, behind.p) == (1, pytest.approx(-0.2), None)


@pytest.mark.parametrize(
    ("values", "above"),
    [([0.5, 0.52, 0.51], True), ([0.06, 0.065, 0.059], False), ([0.05, 0.9, 0.1], False), ([0.9], None)],
    ids=["clearly", "at chance", "too uncertain", "one seed"],
)
def test_above_chance_needs_the_whole_interval(make, board_of, values, above):
    (entry,) = board_of(make.seeds("mamba", values, metric="score")).entries
    assert entry.above_chance is above


def test_above_chance_means_below_it_where_lower_is_better(make, board_of):
    text = {"metric": "bits_per_byte", "higher_is_better": False, "chance": 8.0}
    (entry,) = board_of(make.seeds("mamba", [2.4, 2.5, 2.45], **text)).entries
    assert entry.above_chance is True


def test_references_stand_where_their_value_would(make, board_of):
    text = {"metric": "bits_per_byte", "higher_is_better": False, "chance": 8.0, "references": {"byte_bigram": 3.5}}
    board = board_of(make.seeds("mamba", [2.4, 2.5], **text) + make.seeds("lstm", [4.0, 4.1], **text))
    assert names(board) == ["mamba", "byte_bigram", "lstm", "chance"]


def test_references_of_another_metric_stand_beside_that_metric(make, board_of):
    board = board_of(make.seeds("gan", [2.4, 2.5], references={"noise": 9.0, "kid:noise": 3.0}))
    assert {(line.metric, line.name, line.value) for line in board.further_references} == {("kid", "noise", 3.0)}
    assert {line.name for line in board.references} == {"noise", "chance"}


def test_entry_with_a_failed_trial_is_shown_without_a_rank_below_the_ranked(make, board_of):
    rows = make.seeds("worse", [0.2, 0.21]) + make.seeds("better", [0.9])
    rows += [make.failure("diverged", "the loss is nan", model="better", seed=1)]
    worse, better = board_of(rows).entries
    assert (worse.label, worse.rank, better.rank, better.unranked) == ("worse", 1, None, "1 diverged")
    assert (better.summary.mean, better.num_trials, better.failures[0].reason) == (0.9, 2, "the loss is nan")


def test_adding_a_failed_trial_takes_the_rank_away(make, board_of):
    rows = make.seeds("a", [0.9, 0.91]) + make.seeds("b", [0.5, 0.51])
    assert board_of(rows).entries[0].label == "a"
    failed = board_of([*rows, make.failure("crashed", "killed by SIGSEGV", model="a", seed=2)])
    assert ranks(failed) == {"b": (1, False), "a": (None, False)}


def test_unranked_result_keeps_its_reason(make, board_of):
    rows = make.seeds("mamba", [0.5, 0.6], ranked=False, unranked_reason="has 30% more parameters than asked")
    (entry,) = board_of(rows).entries
    assert (entry.rank, entry.unranked) == (None, "has 30% more parameters than asked")


def test_failed_trial_joins_the_board_of_its_task(make, board_of):
    board = board_of([make.row(), make.failure("timed_out", "still running after 60 s", model="slow")])
    assert (names(board), board.num_failed, board.num_trials) == (["mamba", "chance", "slow"], 1, 2)


def test_failed_trial_joins_only_the_board_of_its_machine(make):
    rows = [make.row(), make.row(model="s4d", hardware="CPU B", cpu="CPU B")]
    rows += [make.failure("crashed", "killed by SIGSEGV", model="bad", cpu="CPU B")]
    boards = make_boards(make.frame(rows))
    assert [[entry.label for entry in board.entries] for board in boards] == [["mamba"], ["s4d", "bad"]]


def test_a_task_whose_every_trial_failed_has_a_board(make, board_of):
    board = board_of([make.failure("error", "no data", model=model) for model in ("a", "b")])
    assert (board.metric, board.higher_is_better, names(board), board.num_failed) == ("", None, ["a", "b"], 2)


def test_no_rows_is_an_error_that_says_so(make):
    with pytest.raises(StoreError, match="holds no rows yet"):
        make_boards(make.frame([]))


def test_order_of_rows_does_not_matter(comparison):
    rows = comparison()
    assert make_report(rows) == make_report(rows.sample(frac=1.0, random_state=3))


def test_provenance_counts_rows(comparison):
    provenance = make_report(comparison()).provenance
    assert provenance.statuses == (("ok", 21), ("diverged", 1), ("error", 3), ("unsupported", 1))
    assert [(item.dataset, item.licence, item.num_rows) for item in provenance.data] == [
        ("selective_copying", "generated", 14),
        ("stdlib_text", "PSF-2.0", 7),
    ]
    assert [(machine.hardware, machine.num_rows) for machine in provenance.machines] == [("CPU A", 26)]
    assert [(run.started, run.ended) for run in provenance.runs] == [
        ("2026-03-01 12:00:00 UTC", "2026-03-01 12:00:50 UTC")
    ]
