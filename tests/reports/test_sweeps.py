"""Boards along one numeric option, side by side."""

import pytest

from harness.reports.board import make_boards
from harness.reports.html import render as render_html
from harness.reports.markdown import render as render_markdown
from harness.reports.report import make_report
from harness.reports.sweeps import make_sweeps


def rows_at(make, images, **values):
    rows = []
    for model, found in values.items():
        rows += make.seeds(
            model,
            found,
            task="data_efficiency",
            task_options=f'{{"source":"digits","train_images":{images}}}',
            examples_per_second=1000.0 * images,
        )
    return rows


@pytest.fixture
def crossing(make):
    """The convnet leads with few images, the ViT with many."""
    rows = rows_at(make, 1000, convnet=[0.90, 0.91, 0.92], vit=[0.95, 0.96, 0.97])
    rows += rows_at(make, 50, convnet=[0.50, 0.51, 0.52], vit=[0.30, 0.31, 0.32])
    return make.frame([*rows, *rows_at(make, 200, convnet=[0.7, 0.71, 0.72])])


def test_boards_that_differ_in_one_number_make_a_sweep_in_its_order(crossing):
    (sweep,) = make_sweeps(make_boards(crossing))
    assert (sweep.option, sweep.values) == ("train_images", (50.0, 200.0, 1000.0))


def test_boards_stand_in_the_order_of_their_numbers(crossing):
    options = [board.differs[0].value for board in make_boards(crossing)]
    assert options == ["50", "200", "1000"]


def test_a_sweep_says_who_leads_where_and_leaves_gaps(crossing):
    (sweep,) = make_sweeps(make_boards(crossing))
    rows = {row.label: row for row in sweep.quantities[0].rows}
    assert rows["convnet"].first == (True, True, False)
    assert rows["vit"].first == (False, False, True)
    assert [cell is None for cell in rows["vit"].cells] == [False, True, False]
    assert rows["convnet"].cells[0].mean == pytest.approx(0.51)


def test_costs_are_swept_beside_the_headline(crossing):
    (sweep,) = make_sweeps(make_boards(crossing))
    throughput = next(item for item in sweep.quantities if item.name == "training examples per second")
    assert [cell.mean for cell in throughput.rows[0].cells] == [50_000, 200_000, 1_000_000]


def test_boards_that_differ_in_a_word_make_no_sweep(make):
    rows = make.seeds("vit", [0.9], task_options='{"source":"digits"}')
    rows += make.seeds("vit", [0.8], task_options='{"source":"fashion_mnist"}')
    assert make_sweeps(make_boards(make.frame(rows))) == ()


def test_a_second_difference_makes_a_sweep_of_its_own(make):
    rows = []
    for source in ("digits", "fashion_mnist"):
        for images in (10, 20):
            options = f'{{"source":"{source}","train_images":{images}}}'
            rows += make.seeds("vit", [0.5], task_options=options)
    sweeps = make_sweeps(make_boards(make.frame(rows)))
    assert [(sweep.option, sweep.values) for sweep in sweeps] == [("train_images", (10.0, 20.0))] * 2


def test_every_form_of_report_shows_the_sweep(crossing):
    report = make_report(crossing)
    html, markdown = render_html(report), render_markdown(report)
    assert "data_efficiency by train_images" in html
    assert html.count("<polyline") == 2
    assert "## data_efficiency by train_images" in markdown
    assert "| convnet | **0.510 ±0.025** | **0.710 ±0.025** | 0.910 ±0.025 |" in markdown
