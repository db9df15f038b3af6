"""What tests of kernels need beside Python. A user who lacks it sees the reason; in CI nothing is skipped."""

import importlib.util
import os
import shutil

import pytest


def _missing(*modules):
    return [name for name in modules if importlib.util.find_spec(name) is None]


def _mark(missing, what):
    in_ci = os.environ.get("CI", "").lower() not in ("", "0", "false")
    return pytest.mark.skipif(bool(missing) and not in_ci, reason=f"{what} needs {', '.join(missing)}")


def _top(*modules):
    return _missing(*(name for name in modules if "." not in name)) or [
        name for name in modules if "." in name and (_missing(name.split(".")[0]) or _missing(name))
    ]


CHECKED = pytest.StashKey[str]()
"""The count of checks, for the end of the run."""

needs_simulator = _mark(
    [*([] if shutil.which("g++") else ["g++"]), *_top("cuda.pathfinder")], "the simulator of CUDA kernels"
)
needs_compilers = _mark(_top("cuda.core", "triton"), "compiling kernels for GPUs")
needs_triton = _mark(_top("triton"), "interpreting Triton kernels")
