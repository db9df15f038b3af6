"""The step sizes at the start, which S4 and S4D draw alike."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from harness_s4.config import StateSpaceConfig


def initial_log_dt(config: StateSpaceConfig) -> Float[Tensor, " features"]:
    """log dt, uniform between the logarithms of `dt_min` and `dt_max`: one time scale a feature."""
    low, high = math.log(config.dt_min), math.log(config.dt_max)
    return low + (high - low) * torch.rand(config.d_model)
