"""Costs along a line: values, slopes, exponents, what theory expects, who is cheapest, and what is not there."""

import dataclasses
import math

import pandas as pd
import pytest

from harness.registry import load_registry
from harness.reports.board import make_boards
from harness.reports.scaling import growth_of, make_scalings, trials_of
from harness.reports.scaling_text import choices, compact, crossings, exponent, fastest, headings, reasons
from harness.specs import Growth

REGISTRY = load_registry()
LENGTHS = (128, 256, 512, 1024, 2048)
ROUNDS = (1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.03, 0.97, 1.01)


@pytest.fixture
def line(make):
    """A row of one seed whose cost at each length is given, and the samples of its rounds."""

    def build(model, seconds, *, seed=0, kernel="auto", kernels=None, grown=None, empty=None, flops=None, stopped="",
              lengths=LENGTHS, asked=LENGTHS, options="", off=1.0):  # fmt: skip
        trial_id = f"{model}-{kernel}-{seed}"
        metrics, points = [make.metric("tokens_per_second", 1.0, "1/s")], []
        for length in lengths:
            samples = [off * seconds(length) * factor for factor in ROUNDS]
            values = {"call_seconds": sorted(samples)[len(samples) // 2], "parameter_bytes": 1000.0}
            values |= {"gradient_bytes": 1000.0, "optimizer_bytes": 2000.0, "workspace_bytes": 0.0}
            values["activation_bytes"] = (grown or (lambda x: 10.0 * x))(length)
            values["allocated_peak_bytes"] = 4000.0 + values["activation_bytes"]
            values |= {} if empty is None else {"empty_call_seconds": empty(length)}
            values |= {} if flops is None else {"call_flops": flops(length)}
            metrics += [make.metric(f"{name}[length={length}]", value, "s", False) for name, value in values.items()]
            points += [
                (trial_id, 0, True, step + 1, f"seconds[length={length}]", sample)
                for step, sample in enumerate(samples)
            ]
        row = make.row(
            trial_id=trial_id, suite="scaling", task="training_step", model=model, seed=seed, kernel=kernel,
            kernels=kernels or {}, metric="tokens_per_second", value=1.0, chance=None, metrics=metrics, stopped=stopped,
            task_options=f'{{"lengths":{list(asked)}{options}}}',
        )  # fmt: skip
        return row, points

    return build


@pytest.fixture
def tables(make):
    """Scaling tables of rows with their samples."""

    def build(*lines, curves=True):
        rows, points = [row for row, _ in lines], [point for _, found in lines for point in found]
        columns = ["trial_id", "candidate", "chosen", "step", "name", "value"]
        samples = pd.DataFrame(points, columns=columns) if curves else None
        return make_scalings(make_boards(make.frame(rows)), samples, REGISTRY)

    return build


def linear(length):
    return 1e-5 * length


def test_other_tasks_have_no_table(make, tables):
    assert tables((make.row(), [])) == ()


def test_the_trials_whose_samples_are_wanted_are_those_that_measure(make, line):
    rows = [make.row(), line("mamba", linear)[0]]
    assert trials_of(make_boards(make.frame(rows)), REGISTRY) == ["mamba-auto-0"]


def test_values_are_means_over_seeds_with_intervals(line, tables):
    (table,) = tables(*(line("mamba", linear, seed=seed, off=off) for seed, off in enumerate((0.9, 1.0, 1.1))))
    summary = table.quantities[0].rows[0].places[0].summary
    assert (summary.mean, summary.n) == (pytest.approx(128e-5), 3)
    assert summary.half_width == pytest.approx(4.3027 * 128e-6 / math.sqrt(3), rel=1e-3)


def test_slopes_and_exponent_of_a_power_law_are_its_power(line, tables):
    (table,) = tables(*(line("mamba", lambda x: 1e-7 * x**1.5, seed=seed) for seed in range(3)))
    row = table.quantities[0].rows[0]
    assert [found.slope for found in row.slopes] == pytest.approx([1.5] * 4)
    assert (row.law.exponent, row.law.r_squared) == (pytest.approx(1.5, abs=1e-3), pytest.approx(1.0))


def test_counted_operations_stand_beside_measured_slopes(line, tables):
    (table,) = tables(line("transformer", linear, flops=lambda x: 12 * x * 256**2 + 2 * x * x * 256))
    bent = [math.log2(2 * (6 * 256 + 2 * x) / (6 * 256 + x)) for x in LENGTHS[:-1]]
    assert table.quantities[0].rows[0].counted == pytest.approx(bent)


def test_memory_grows_by_what_is_beyond_parameters_gradients_and_optimiser(line, tables):
    (table,) = tables(line("mamba", linear, grown=lambda x: 3.0 * x))
    memory = table.quantities[1]
    assert memory.rows[0].places[0].summary.mean == 4000 + 3 * 128
    assert [found.slope for found in memory.rows[0].slopes] == pytest.approx([1.0] * 4)
    assert table.stacks[0].points[0] == (1000, 1000, 2000, 384, 0)


def test_points_dominated_by_overhead_are_hollow_and_have_no_slope(line, tables):
    (table,) = tables(line("mamba", linear, empty=lambda x: 1e-3))
    row = table.quantities[0].rows[0]
    assert [place.hollow for place in row.places] == [True, True, False, False, False]
    assert "overhead dominates" in row.slopes[0].reason
    assert row.slopes[0].slope is None
    assert table.floor == pytest.approx((1e-3,) * 5)


def test_the_expected_exponent_is_the_models(line, tables):
    (table,) = tables(line("mamba", linear), line("transformer", linear, kernels={"attention": "torch"}))
    limits = [[row.limit for row in quantity.rows] for quantity in table.quantities]
    assert limits == [[1.0, 2.0], [1.0, 1.0]]


def test_a_kernel_that_keeps_all_scores_has_its_own_expected_exponent(line, tables):
    (table,) = tables(line("transformer", linear, kernel="reference", kernels={"attention": "reference"}))
    assert [quantity.rows[0].limit for quantity in table.quantities] == [2.0, 2.0]


def test_a_fixed_number_of_tokens_takes_one_power_away(line, tables):
    (table,) = tables(line("transformer", linear, options=',"tokens":4096'))
    assert [quantity.rows[0].limit for quantity in table.quantities] == [1.0, 0.0]
    assert table.notes[0].startswith("Examples times length are 4096")


def test_a_model_that_declares_nothing_has_no_expected_exponent(line, tables):
    (table,) = tables(line("unknown_model", linear))
    assert compact(table)[0][-1].endswith("(–)")


def test_growth_of_a_kernel_changes_only_what_it_names(make, line):
    entry = make_boards(make.frame([line("s4", linear, kernels={"long_conv": "reference"})[0]]))[0].entries[0]
    assert growth_of(entry, "length", REGISTRY) == Growth(along="length", seconds=2.0, bytes=2.0)
    assert growth_of(entry, "context", REGISTRY) == Growth(along="context", seconds=0.0, bytes=0.0, state=0.0)


def test_a_crossing_lies_where_the_laws_cross(line, tables):
    square = [line("transformer", lambda x: 2e-8 * x * x, seed=seed) for seed in range(3)]
    (table,) = tables(*square, *(line("mamba", linear, seed=seed) for seed in range(3)))
    (found,) = table.crossings
    assert (found.first, found.second, found.found.verdict) == ("mamba", "transformer", "once")
    assert found.found.x == pytest.approx(500, rel=1e-3)
    assert crossings(table)[0].startswith("transformer is faster up to length 500 (")


def test_models_whose_order_stays_do_not_cross(line, tables):
    (table,) = tables(line("mamba", linear), line("lstm", lambda x: 2 * linear(x)))
    assert table.crossings == ()


def test_the_fastest_at_each_point_is_named_with_what_cannot_be_told_from_it(line, tables):
    (table,) = tables(
        line("mamba", linear), line("s4", lambda x: 1.005 * linear(x)), line("lstm", lambda x: 2 * linear(x))
    )
    assert fastest(table).startswith("fastest: 128 mamba = s4; 256 mamba = s4;")
    assert choices(table)[0] == (
        "128", "mamba, 1.28 ms", "s4", "lstm 2.00×", "lstm = mamba = s4, 5.2 KiB"
    )  # fmt: skip


def test_the_table_is_compact(line, tables):
    (table,) = tables(*(line("mamba", linear, seed=seed) for seed in range(3)))
    assert headings(table) == (
        "model", "length\n128", "length\n2,048", "time ~\nlength^\n(limit)", "memory ~\nlength^\n(limit)"
    )  # fmt: skip
    assert compact(table) == [("mamba", "1.28 ms", "20.5 ms", "1.00 ±0.00 (1)", "1.00 ±0.00 (1)")]


def test_where_no_power_law_holds_the_last_slope_stands_with_a_star(line, tables):
    (table,) = tables(*(line("transformer", lambda x: 1e-6 * x + 1e-9 * x * x, seed=seed) for seed in range(3)))
    row = table.quantities[0].rows[0]
    assert row.law.exponent is None
    assert exponent(row) == f"{math.log2(2 * 3.048 / 2.024):.2f} ±0.00*"
    assert "wider than 0.3" in reasons(table)[0]


def test_a_point_that_was_not_reached_says_why(line, tables):
    stopped = "length 2048 does not fit the memory (can't allocate)"
    (table,) = tables(line("mamba", linear), line("transformer", linear, lengths=LENGTHS[:-1], stopped=stopped))
    place = table.quantities[0].rows[1].places[-1]
    assert (place.summary, place.missing) == (None, stopped)
    assert f"transformer was not measured at 2,048: {stopped}" in reasons(table)


def test_a_point_that_some_seeds_did_not_reach_says_how_many_did(line, tables):
    stopped = "length 2048 takes 31 s, more than 30 s"
    lines = [line("mamba", linear), line("mamba", linear, seed=1, lengths=LENGTHS[:-1], stopped=stopped)]
    (table,) = tables(*lines)
    assert table.quantities[0].rows[0].places[-1].summary.n == 1
    assert f"mamba at 2048: 1 of 2 seeds; {stopped}." in table.notes


def test_one_seed_has_no_interval_of_values_and_says_so(line, tables):
    (table,) = tables(line("mamba", linear))
    assert table.quantities[0].rows[0].places[0].summary.low is None
    assert any(note.startswith("One seed:") for note in table.notes)


def test_one_point_says_nothing_of_growth(line, tables):
    (table,) = tables(line("mamba", linear, lengths=(128,), asked=(128,)))
    assert (table.quantities[0].rows[0].slopes, table.crossings) == ((), ())
    assert "One point was measured: nothing is said of growth." in table.notes
    assert compact(table) == [("mamba", "1.28 ms", "– (1)", "– (1)")]


def test_without_samples_medians_stand_for_them_and_one_seed_has_no_interval_of_slopes(line, tables):
    (table,) = tables(line("mamba", linear), curves=False)
    first = table.quantities[0].rows[0].slopes[0]
    assert (first.slope, first.low, first.high) == (pytest.approx(1.0), None, None)
    assert any(note.startswith("The samples of single rounds are not there") for note in table.notes)


def test_when_all_ran_out_of_memory_each_is_named(make, tables):
    failed = make.failure(
        "out_of_memory", "length 128 does not fit", model="transformer", suite="scaling", task="training_step",
        task_options='{"lengths":[128,256]}',
    )  # fmt: skip
    (table,) = tables((failed, []))
    assert (table.quantities, table.points) == ((), (128.0, 256.0))
    assert table.notes == (
        "Nothing was measured along length.", "transformer: out_of_memory: length 128 does not fit"
    )  # fmt: skip


def test_old_rows_without_points_say_so(make, tables):
    (table,) = tables((make.row(suite="scaling", task="training_step", task_options="{}"), []))
    assert (table.points, table.notes) == (
        (), ("Nothing was measured along length.", "mamba: its rows have no value there")
    )  # fmt: skip


def test_the_same_rows_give_the_same_table(line, tables):
    lines = [line(model, linear, seed=seed) for model in ("mamba", "s4") for seed in range(2)]
    assert list(map(dataclasses.asdict, tables(*lines))) == list(map(dataclasses.asdict, tables(*reversed(lines))))
