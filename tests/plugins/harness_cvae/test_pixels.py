"""Observed and hidden pixels."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Bernoulli

from harness.interfaces import CompletionBatch
from harness_cvae.pixels import HIDDEN, completed, given, log_likelihood, with_nothing_observed


@pytest.fixture
def logits():
    return torch.randn(2, 3, 1, 4, 5, generator=torch.Generator().manual_seed(0)).double()


def mask(*, observed_columns):
    observed = torch.zeros(4, 5).double()
    observed[:, :observed_columns] = 1
    return observed


def test_the_likelihood_is_that_of_the_hidden_pixels(logits, batch):
    by_pixel = Bernoulli(logits=logits).log_prob(batch.inputs).flatten(2)
    expected = by_pixel[..., batch.observed.flatten() == 0].sum(dim=-1)
    torch.testing.assert_close(log_likelihood(logits, batch), expected, atol=1e-10, rtol=0)


@pytest.mark.parametrize("columns", [0, 2, 5], ids=["all_hidden", "partly_hidden", "none_hidden"])
def test_a_likelihood_of_even_odds_counts_the_hidden_pixels_of_all_channels(columns):
    batch = CompletionBatch(inputs=torch.ones(2, 3, 4, 5).double(), observed=mask(observed_columns=columns))
    found = log_likelihood(torch.zeros(1, 2, 3, 4, 5).double(), batch) / torch.tensor(0.5).double().log()
    torch.testing.assert_close(found, torch.full((1, 2), 3.0 * 4 * (5 - columns)).double())


def test_observed_targets_do_not_count(logits, batch):
    other = torch.where(batch.observed.bool(), 1 - batch.inputs, batch.inputs)
    changed = CompletionBatch(inputs=other, observed=batch.observed)
    assert torch.equal(log_likelihood(logits, changed), log_likelihood(logits, batch))


def test_certain_logits_have_a_finite_likelihood(batch):
    logits = torch.full((1, 3, 1, 4, 5), 1000.0).double()
    wrong = ((1 - batch.inputs) * (1 - batch.observed)).sum(dim=(1, 2, 3))
    assert torch.equal(log_likelihood(logits, batch)[0], -1000 * wrong)


def test_what_is_given_does_not_tell_hidden_pixels(batch):
    other = torch.where(batch.observed.bool(), batch.inputs, 1 - batch.inputs)
    assert torch.equal(given(CompletionBatch(inputs=other, observed=batch.observed)), given(batch))


def test_a_hidden_pixel_is_not_a_black_one(batch):
    assert set(given(batch)[..., batch.observed == 0].unique().tolist()) == {HIDDEN}
    assert torch.equal(given(batch)[..., batch.observed == 1], batch.inputs[..., batch.observed == 1])


def test_completed_images_keep_what_is_observed(logits, batch):
    images = completed(logits[0], batch)
    assert torch.equal(images[..., batch.observed == 1], batch.inputs[..., batch.observed == 1])
    assert torch.equal(images[..., batch.observed == 0], logits[0].sigmoid()[..., batch.observed == 0])


def test_nothing_observed_hides_every_pixel(batch):
    nothing = with_nothing_observed(batch.inputs)
    assert set(given(nothing).unique().tolist()) == {HIDDEN}
