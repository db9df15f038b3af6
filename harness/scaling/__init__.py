"""What measured curves of cost say: slopes, laws with a floor, crossovers, and the cheapest at each length.

Costs come as runs, one for each seed: from x (a length, a batch, ...) to the samples of a cost there, in seconds or
bytes, in the order of rounds that all x of the run share.
"""

from harness.scaling.crossovers import Crossover, crossover
from harness.scaling.power_laws import PowerLaw, fit_power_law
from harness.scaling.ratios import Ratio, median_interval, paired_ratio
from harness.scaling.resampling import Run, Runs
from harness.scaling.slopes import LocalSlope, local_slopes
from harness.scaling.standings import Standing, cheapest

__all__ = [
    "Crossover",
    "LocalSlope",
    "PowerLaw",
    "Ratio",
    "Run",
    "Runs",
    "Standing",
    "cheapest",
    "crossover",
    "fit_power_law",
    "local_slopes",
    "median_interval",
    "paired_ratio",
]
