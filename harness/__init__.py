"""A benchmark and comparison harness for deep-learning architectures and their kernels."""

from harness.decorators import model
from harness.hookspecs import hookimpl
from harness.specs import Capability, Ref, Source, Tier

__version__ = "0.1.0"
__all__ = ["Capability", "Ref", "Source", "Tier", "hookimpl", "model"]
