"""Metrics of large networks: those of features, of the arrays that bear the network's name."""

from __future__ import annotations

import pytest
import torch

from harness.interfaces import Evidence
from harness_generative import extra_metrics, metrics
from harness_generative.extractors import Extracted
from harness_generative.metric_declarations import FRECHETS, KERNELS, METRICS
from harness_generative.sample_evidence import seen

SPECS = {metric.name: metric for metric in METRICS}
NETWORKS = {
    "frechet_efficientnet_lite0": "efficientnet-lite0",
    "kernel_efficientnet_lite0": "efficientnet-lite0",
    "fid": "inception",
    "kid": "inception",
    "inception_score": "inception",
}


def extracted(seed: int) -> Extracted:
    generator = torch.Generator().manual_seed(seed)
    probabilities = torch.rand(50, 3, generator=generator, dtype=torch.float64)
    return Extracted(
        features=torch.randn(50, 4, generator=generator),
        probabilities=probabilities / probabilities.sum(1, keepdim=True),
    )


@pytest.mark.parametrize(
    ("metric", "of_features"),
    [
        (extra_metrics.frechet_efficientnet_lite0, metrics.frechet),
        (extra_metrics.kernel_efficientnet_lite0, metrics.kernel),
        (extra_metrics.fid, metrics.frechet),
        (extra_metrics.kid, metrics.kernel),
        (extra_metrics.inception_score, metrics.inception_score),
    ],
)
def test_a_metric_reads_the_arrays_of_its_network_alone(metric, of_features):
    theirs, pinned = (seen(extracted(seed), extracted(seed + 1), name=name) for seed, name in
                      ((0, NETWORKS[metric.__name__]), (2, "")))  # fmt: skip
    plain = Evidence(arrays=seen(extracted(0), extracted(1)))
    assert metric(Evidence(arrays={**theirs, **pinned})) == of_features(plain)


@pytest.mark.parametrize("name", [*KERNELS, *FRECHETS])
def test_a_metric_needs_what_its_network_leaves(name):
    assert set(SPECS[name].needs) == set(seen(extracted(0), extracted(1), name=NETWORKS[name]))


def test_only_inception_bears_the_names_of_papers():
    papers = {"fid", "kid", "inception_score"}
    assert {name for name, network in NETWORKS.items() if network == "inception"} == papers
    assert not {name for name in SPECS if name.startswith(("fid", "kid"))} - papers
