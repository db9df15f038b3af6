import pytest
import torch

from harness.configuration import parse_config
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.planning.trials import Match
from harness.runtime.sizing import example_for, nearest, size_of, sized_options

MODELS = ["transformer", "local_attention", "linear_attention", "lstm", "mamba", "s4", "s4d", "infini_attention"]
TARGETS = {"parameters": 60_000.0, "flops": 1e6, "state_bytes": 20_000.0}


@pytest.fixture(scope="session")
def task(registry):
    """Short sequences, of which those of training are shorter than the longest."""
    spec = registry.tasks["induction_heads"].spec
    return spec.build.load()(
        parse_config(spec.config.load(), {"length": 4, "vocab": 8, "test_lengths": (6,)}, spec.name)
    )


@pytest.fixture(scope="session")
def measure(registry, task):
    """What a model of these options takes on the CPU, with the kernels that a trial would have."""

    def found(name, options, kind):
        model = registry.models[name].spec
        kernels = load_kernels(resolve_kernels("auto", model, "cpu", registry)[0], registry)
        module = model.build.load()(parse_config(model.config.load(), options, name), task.describe(), kernels)
        return size_of(kind, module, example_for(task, task.describe(), torch.device("cpu")), kernels.values())

    return found


@pytest.mark.parametrize("kind", list(TARGETS))
@pytest.mark.parametrize("name", MODELS)
def test_a_sized_model_takes_on_the_cpu_what_was_counted_without_one(registry, task, measure, name, kind):
    match = Match(kind=kind, target=TARGETS[kind])
    options, unranked = sized_options(task, registry.models[name].spec, {}, match, registry, "float32")
    assert unranked == ""
    assert measure(name, options, kind) == pytest.approx(match.target, rel=0.1)


@pytest.mark.parametrize("kind", list(TARGETS))
@pytest.mark.parametrize("name", MODELS)
def test_more_of_a_budget_gives_a_larger_model(registry, task, name, kind):
    model = registry.models[name].spec
    sizes = [
        sized_options(task, model, {}, Match(kind=kind, target=factor * TARGETS[kind]), registry, "float32")[0][
            "d_model"
        ]
        for factor in (0.5, 2.0)
    ]
    assert sizes == sorted(set(sizes))


def test_sequences_are_as_long_as_those_of_training(task):
    assert task.describe().length == 6
    assert example_for(task, task.describe(), torch.device("meta")).shape == (1, 4)


@pytest.mark.parametrize("start", [1, 7, 64, 5000])
@pytest.mark.parametrize(
    "law",
    [
        lambda n: 8 * n,
        lambda n: 12 * n**2 + 40 * n,
        lambda n: n**3 + 1e6,
        lambda n: 1000 + n**0.5,
        lambda n: 16 * (n // 4),
    ],
    ids=["linear", "quadratic", "offset", "slow", "steps"],
)
def test_the_nearest_is_the_nearest_whatever_the_law_and_the_start(law, start):
    largest, target = 3000, law(777) + 1
    best, found = nearest(law, target, start=start, largest=largest, close=0.0)
    assert found == law(best)
    assert abs(found - target) == min(abs(law(n) - target) for n in range(1, largest + 1))


@pytest.mark.parametrize(("target", "expected"), [(1.0, 1), (1e9, 100)], ids=["too small", "too large"])
def test_a_target_out_of_reach_gives_the_end_that_is_nearest(target, expected):
    assert nearest(lambda n: 10.0 * n, target, start=20, largest=100, close=0.0) == (expected, 10.0 * expected)


def test_a_law_is_found_in_few_counts():
    counted = []

    def count(n):
        counted.append(n)
        return 12.0 * n**2 + 500.0 * n

    best, _ = nearest(count, 12e6, start=64, largest=10**6, close=0.01)
    assert abs(count(best) - 12e6) <= 12e4
    assert len(counted) <= 6
