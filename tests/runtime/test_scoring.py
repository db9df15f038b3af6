"""Which metrics of a task its evidence admits."""

import numpy as np
import pytest

from harness.errors import PluginError
from harness.interfaces import Evidence
from harness.runtime.scoring import applicable
from harness.specs import MetricSpec, Ref


def metric(name, *needs):
    return MetricSpec(name=name, summary="", compute=Ref("made:up"), unit="", higher_is_better=True, needs=needs)


def evidence(*names):
    return Evidence(arrays={name: np.zeros(3) for name in names})


ALWAYS, ASKED = metric("always"), metric("asked", "features", "probabilities")


def test_a_metric_whose_needs_are_there_is_in_the_row():
    assert applicable([ALWAYS, ASKED], evidence("features", "probabilities")) == [ALWAYS, ASKED]


def test_a_metric_of_what_was_not_asked_for_is_left_out():
    assert applicable([ALWAYS, ASKED], evidence("other")) == [ALWAYS]


def test_a_part_of_what_a_metric_needs_is_an_error():
    with pytest.raises(PluginError, match="asked needs features, probabilities; the evidence lacks probabilities"):
        applicable([ALWAYS, ASKED], evidence("features"))


def test_a_headline_is_never_left_out():
    with pytest.raises(PluginError, match=r"asked needs .*; the evidence lacks features, probabilities"):
        applicable([ASKED, ALWAYS], evidence("other"))
