"""What the fork server imports once, so that a trial's process starts with it.

Only imports: no tensor is made here, so no thread and no device context exists when the server forks.
"""

from __future__ import annotations

import atexit
import gc
import importlib.util
import os

# The first optimizer would import dynamo in every process.
import torch._dynamo
import torch.utils.flop_counter  # noqa: F401

import harness.runtime.datasets
import harness.runtime.trial  # noqa: F401

# The server ends when the run does; taking torch down module by module would keep it for seconds more.
atexit.register(os._exit, 0)

if importlib.util.find_spec("numba") is not None:
    import numba  # noqa: F401

# No trial's process looks through what was imported here when it collects garbage, which would copy its pages too.
gc.collect()
gc.freeze()
