"""Options that do not fit together are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from harness_vae.config import ConvVAEConfig, VAEConfig


@pytest.mark.parametrize("config", [VAEConfig, ConvVAEConfig])
def test_a_least_deviation_that_nothing_reads_is_refused(config):
    with pytest.raises(ValidationError, match=r"min_sigma=0.1 with likelihood=bernoulli.*use likelihood=gaussian"):
        config(min_sigma=0.1)


def test_a_least_deviation_of_gaussian_pixels_is_accepted():
    assert VAEConfig(likelihood="gaussian", min_sigma=0.1).min_sigma == 0.1
