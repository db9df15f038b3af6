"""Options: the published defaults, and what is refused."""

import pytest
from pydantic import ValidationError

from harness_gan.config import DcganConfig, Gan2014Config, GanR1Config


def test_defaults_are_those_of_the_released_configuration():
    assert Gan2014Config().model_dump() == {
        "loss": "non_saturating",
        "discriminator_dropout": True,
        "initialisation": "paper",
        "learning_rate_divisor": 1.000004,
        "min_learning_rate": 1e-6,
        "initial_momentum": 0.5,
        "final_momentum": 0.7,
        "momentum_updates": 250 * 50_000 // 100,
    }


def test_falling_momentum_is_refused_with_a_way_out():
    with pytest.raises(
        ValidationError, match=r"final_momentum=0\.7 is below initial_momentum=0\.9; .* final_momentum=0\.9"
    ):
        Gan2014Config(initial_momentum=0.9)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (Gan2014Config, {"loss": "hinge"}),
        (Gan2014Config, {"learning_rate_divisor": 0.9}),
        (Gan2014Config, {"momentum_updates": 0}),
        (DcganConfig, {"width": 0}),
        (DcganConfig, {"beta1": 1.0}),
        (DcganConfig, {"gamma": 1.0}),
        (GanR1Config, {"gamma": -1.0}),
        (GanR1Config, {"latent_size": 0}),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else value.__name__,
)
def test_options_out_of_range_or_of_another_model_are_refused(config, options):
    with pytest.raises(ValidationError):
        config.model_validate(options)
