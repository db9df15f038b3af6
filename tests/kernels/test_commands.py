"""`harness kernels` as people use it: what it prints, what it writes, what it refuses."""

import json
import textwrap

import pandas as pd
import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.errors import UsageError

PLUGIN = """
    import os

    import torch

    from harness.hookspecs import hookimpl
    from harness.specs import Benchmark, KernelSpec, OpSpec, Ref


    def make_inputs(size, generator, dtype):
        return (torch.randn(size["n"], generator=generator, dtype=dtype).requires_grad_(),)


    def reference(x):
        return x * x


    def good(x):
        return x.square()


    def wrong(x):
        return x.square() * 1.01


    def deadly(x):
        os.abort()


    @hookimpl
    def harness_ops():
        return [
            OpSpec(
                name="square",
                summary="each number times itself",
                make_inputs=Ref(f"{__name__}:make_inputs"),
                sizes=({"n": 5},),
                check_sizes=({"n": 1},),
                tolerances={"float32": (2e-6, 1e-5)},
                tolerance_reason="",
                benchmarks=(Benchmark(size={"n": 1000}, device="cpu", baseline="reference", without=("left_out",)),),
            )
        ]


    @hookimpl
    def harness_kernels():
        def kernel(name, function, **options):
            return KernelSpec(
                op="square", name=name, summary="", implementation=Ref(f"{__name__}:{function}"), **options
            )

        return [
            kernel("reference", "reference"),
            kernel("good", "good"),
            kernel("left_out", "good"),
            kernel("wrong", "wrong", auto_rank=-1),
            kernel("deadly", "deadly", auto_rank=-1),
            kernel("triton", "good", devices=("cuda",)),
        ]
"""


@pytest.fixture
def plugin(tmp_path):
    file = tmp_path / "square.py"
    file.write_text(textwrap.dedent(PLUGIN))
    return file


@pytest.fixture
def run(tmp_path, plugin):
    def invoke(*arguments):
        results = () if arguments[0] in ("list", "compile") else ("--results", str(tmp_path / "results"))
        command = ["kernels", *arguments, "--plugin", str(plugin), *results]
        return CliRunner().invoke(cli, command, standalone_mode=False)

    return invoke


def rows_of(tmp_path):
    frames = [pd.read_parquet(path) for path in (tmp_path / "results" / "rows").glob("*.parquet")]
    return pd.concat(frames).set_index(["kernel", "task_options"]).sort_index()


def test_each_kernel_leaves_a_row_whatever_it_does(run, tmp_path):
    result = run("check", "op=square")
    assert result.return_value == 1
    statuses = rows_of(tmp_path)["status"].droplevel(1).to_dict()
    assert statuses == {
        "reference": "ok", "good": "ok", "left_out": "ok", "wrong": "failed_check", "deadly": "crashed",
        "triton": "unsupported",
    }  # fmt: skip
    assert "10 checks" not in result.output
    assert "triton float32: kernel square.triton runs on cuda, not on cpu" in result.output
    assert "signal 6" in result.output


def test_a_kernel_that_fails_its_check_has_no_time(run, tmp_path):
    result = run("bench", "op=square", "kernel=good,wrong,triton,left_out", "--seconds=0.01")
    assert result.return_value == 1
    rows = rows_of(tmp_path)
    assert set(rows.loc["good"]["status"]) == {"ok"}
    assert (rows.loc["good"]["value"] > 0).all()
    assert len(rows.loc["good"]) == 3
    assert rows.loc["wrong"]["status"].tolist() == ["failed_check"]
    assert rows.loc["wrong"]["value"].isna().all()
    assert rows.loc["triton"]["status"].tolist() == ["unsupported"]
    assert "cannot finish at this size" in rows.loc["left_out"]["reason"].iloc[0]


def test_the_report_shows_times_again(run):
    run("bench", "op=square", "kernel=good", "--seconds=0.01")
    assert "speed is against reference" in run("report").output


def test_json_is_one_object_a_row(run):
    lines = run("check", "op=square", "kernel=good", "--json").output.splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["ok"]


REFUSED = {
    ("check", "op=sqare"): "did you mean square",
    ("check", "op=square", "kernel=goud"): "did you mean good",
    ("check", "op=square", "dtype=float8"): "float32",
    ("check", "operation=square"): "op",
    ("check", "op=square", "device=cuda"): "torch sees no CUDA device",
    ("bench", "op=square", "kernel=good", "dtype=float16"): "float32",
    ("compile", "op=square"): "only Triton and CUDA kernels",
    ("compile", "op=causal_conv1d", "--arch", "hopper"): "sm_90",
}


@pytest.mark.parametrize("arguments", REFUSED, ids=" ".join)
def test_what_does_not_exist_is_refused_with_the_way_out(run, arguments):
    result = run(*arguments)
    assert isinstance(result.exception, UsageError)
    assert REFUSED[arguments] in str(result.exception)


def test_gpu_check_without_a_gpu_says_what_can_be_done():
    result = CliRunner().invoke(cli, ["gpu-check"], standalone_mode=False)
    assert isinstance(result.exception, UsageError)
    assert "kernels check --emulate" in str(result.exception)


@pytest.mark.parametrize("name", ["triton", "cuda"])
def test_a_suite_asked_for_a_gpu_kernel_has_unsupported_rows(tmp_path, name):
    command = ["run", "suite=long-context", "scale=smoke", "model=mamba", "task=mqar", "seed=0", f"kernel={name}"]
    result = CliRunner().invoke(cli, [*command, "--results", str(tmp_path / "results")], standalone_mode=False)
    assert result.return_value == 0
    row = next(iter(rows_of(tmp_path).itertuples()))
    assert row.status == "unsupported"
    assert "runs on cuda, not on cpu" in row.reason
    assert pd.isna(row.train_seconds)
