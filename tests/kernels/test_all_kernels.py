"""Every kernel of every op, held to its definition: those for a GPU by Triton's interpreter and the simulator."""

import json
import subprocess
import sys
from collections import Counter

import pytest
from kernel_requirements import CHECKED, needs_compilers, needs_simulator, needs_triton

from harness.kernels.running.cases import check_cases, select_kernels
from harness.registry import load_registry

REGISTRY = load_registry()
OWN = ("torch", "numba", "triton", "cuda")
"""Backends whose kernels are ours: all of them are checked here, none is skipped."""
GROUPS = sorted(
    {
        (case.op, case.kernel, case.dtype)
        for case in check_cases(select_kernels([], REGISTRY), REGISTRY, emulate=True)
        if REGISTRY.kernel(case.op, case.kernel).spec.backend in OWN
    }
)
pytestmark = [pytest.mark.slow, needs_simulator, needs_triton, needs_compilers, pytest.mark.timeout(1500)]


def run_json(tmp_path_factory, *arguments):
    command = [sys.executable, "-m", "harness.cli", "kernels", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path_factory.mktemp("kernels"), check=False)
    assert done.stdout, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="session")
def checked(tmp_path_factory, pytestconfig):
    rows = run_json(tmp_path_factory, "check", "--emulate")
    checks = sum(metric["value"] for row in rows for metric in row["metrics"] if metric["name"] == "checks")
    statuses = ", ".join(f"{count} {status}" for status, count in Counter(row["status"] for row in rows).items())
    pytestconfig.stash[CHECKED] = f"{checks:.0f} checks in {len(rows)} combinations of op, kernel and dtype: {statuses}"
    return {(row["task"], row["kernel"], row["precision"]): row for row in rows}


@pytest.mark.parametrize("group", GROUPS, ids=".".join)
def test_kernel_equals_its_definition(checked, group):
    row = checked[group]
    assert (row["status"], row["reason"]) == ("ok", ""), row["traceback"]


@pytest.fixture(scope="session")
def sanitized(tmp_path_factory):
    rows = run_json(tmp_path_factory, "check", "--sanitize", "--quick", "dtype=float32")
    return {(row["task"], row["kernel"]): row for row in rows}


@pytest.mark.parametrize("op", sorted({op for op, kernel, _ in GROUPS if kernel == "cuda"}))
def test_cuda_kernel_stays_in_its_memory(sanitized, op):
    row = sanitized[(op, "cuda")]
    assert (row["status"], row["reason"]) == ("ok", ""), row["traceback"]


def test_every_op_has_the_kernels_that_a_comparison_needs():
    ops = ("attention", "selective_scan", "selective_scan_update", "causal_conv1d", "causal_conv1d_update",
           "s4d_kernel", "s4_kernel", "long_conv", "infini_memory", "infini_attention")  # fmt: skip
    for op in ops:
        assert {"reference", "torch", "triton", "cuda"} <= set(REGISTRY.kernels_of(op)), op


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    results = {}
    for line in run_json(tmp_path_factory, "compile"):
        results.setdefault((line["op"], line["kernel"], line["dtype"]), []).append(line)
    return results


@pytest.mark.parametrize(
    "group", [group for group in GROUPS if REGISTRY.kernel(*group[:2]).spec.backend in ("triton", "cuda")], ids=".".join
)
def test_kernel_compiles_for_every_architecture_within_its_limits(compiled, group):
    found = compiled[group]
    assert [(line["status"], line["reason"]) for line in found] == [("ok", "")] * len(found), found[0]["log"]
    assert {item["arch"] for line in found for item in line["compilations"]} == {"sm_80", "sm_90", "sm_100"}
