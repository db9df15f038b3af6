"""Numbers as text."""

import pytest

from harness.reports import formatting
from harness.statistics import PairedDifference, Summary


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.98249, "0.982"), (0.0, "0.000"), (12.3456, "12.35"), (123.456, "123.5"), (4321.9, "4322"), (0.00001, "1.0e-05"),
     (-0.5, "-0.500"), (float("inf"), "inf")],
)  # fmt: skip
def test_number(value, text):
    assert formatting.number(value) == text


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        (Summary(0.982, 0.971, 0.993, 3), "0.982 ±0.011"),
        (Summary(0.982, None, None, 1), "0.982"),
        (Summary(1.0, 1.0, 1.0, 3), "1.000 ±0.000"),
        (Summary(0.5, 0.49999, 0.50001, 3), "0.500 ±<0.001"),
        (Summary(0.99, 0.95, 1.0, 3), "0.990 ±0.040"),
    ],
    ids=["interval", "one seed", "identical", "tiny", "cut at one"],
)
def test_interval(summary, text):
    assert formatting.with_interval(summary) == text


@pytest.mark.parametrize(
    ("show", "value", "text"),
    [
        (formatting.count, 950, "950"),
        (formatting.count, 81_234, "81.2k"),
        (formatting.count, 999_999, "1.0M"),
        (formatting.count, 1_250_000, "1.2M"),
        (formatting.count, None, "–"),
        (formatting.size, 16_384, "16 KiB"),
        (formatting.size, 500, "500 B"),
        (formatting.size, 3 * 2**29, "1.5 GiB"),
        (formatting.seconds, 4.26, "4.3 s"),
        (formatting.seconds, 41.5, "42 s"),
        (formatting.seconds, 600, "10 min"),
        (formatting.seconds, 9000, "2.5 h"),
        (formatting.seconds, None, "–"),
    ],
)
def test_quantities(show, value, text):
    assert show(value) == text


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (PairedDifference(-0.774, -0.83, -0.718, 0.0002, 3), "-0.774 ±0.056 (p<0.001)"),
        (PairedDifference(0.21, 0.111, 0.309, 0.0123, 3), "+0.210 ±0.099 (p=0.012)"),
        (PairedDifference(1.49, None, None, None, 1), "+1.490 (no test)"),
        (None, "–"),
    ],
    ids=["clear", "significant", "one seed", "none"],
)
def test_difference(difference, text):
    assert formatting.difference(difference) == text
