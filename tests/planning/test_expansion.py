from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.planning.resolution import unusable
from harness.planning.selection import select
from harness.specs import KernelSpec, Ref

TINY = f"suite={Path(__file__).parents[1] / 'files' / 'tiny.toml'}"


def plan(*overrides):
    return select([TINY, *overrides], []).plan


def test_models_of_one_seed_come_before_the_next_seed():
    assert [(trial.model, trial.seed) for trial in plan().trials] == [
        ("transformer", 0),
        ("lstm", 0),
        ("transformer", 1),
        ("lstm", 1),
    ]


def test_trial_ids_differ_between_trials_and_agree_between_plans():
    first, second = plan(), plan()
    ids = [trial.trial_id for trial in first.trials]
    assert len(set(ids)) == len(ids)
    assert ids == [trial.trial_id for trial in second.trials]
    assert first.run_id == second.run_id


@pytest.mark.parametrize(
    "override",
    ["budget.steps=5", "training.learning_rate=0.5", "transformer.d_model=32", "selective_copying.length=14",
     "precision=float64", "kernel=reference", "tune.learning_rate=0.1,0.2"],
)  # fmt: skip
def test_whatever_changes_the_computation_changes_the_id(override):
    assert plan("model=transformer").trials[0].trial_id != plan("model=transformer", override).trials[0].trial_id


def test_an_axis_multiplies_the_trials_of_its_model_only():
    trials = plan("transformer.d_model=16,32", "seed=0").trials
    assert [(trial.model, trial.model_options["d_model"]) for trial in trials] == [
        ("transformer", 16),
        ("transformer", 32),
        ("lstm", 16),
    ]


def test_auto_is_resolved_and_written_down():
    trial = plan("model=transformer").trials[0]
    assert (trial.kernel, dict(trial.kernels), trial.device) == ("auto", {"attention": "torch"}, "cpu")


def test_a_kernel_that_was_asked_for_is_not_replaced():
    trial = plan("model=transformer", "kernel=cuda").trials[0]
    assert "kernel attention.cuda runs on cuda, not on cpu" in trial.unsupported


def test_a_kernel_that_an_op_lacks_is_not_replaced():
    trial = plan("model=transformer", "kernel=vulkan").trials[0]
    assert "no kernel 'vulkan'" in trial.unsupported


def test_a_kernel_without_the_precision_is_unusable_at_it():
    spec = KernelSpec(op="attention", name="narrow", summary="", implementation=Ref("a:b"), dtypes=("float32",))
    assert unusable(spec, "cpu", "float32") == ""
    assert unusable(spec, "cpu", "bfloat16") == "kernel attention.narrow takes float32, not bfloat16"


def test_one_op_can_be_pinned():
    trial = plan("model=s4d", "kernel=long_conv.reference", "seed=0").trials[0]
    assert dict(trial.kernels) == {"s4d_kernel": "cpu", "long_conv": "reference"}


def test_a_model_without_ops_runs_once_whatever_the_kernels():
    made = plan("model=lstm", "kernel=auto,reference", "seed=0")
    assert len(made.trials) == 1
    assert "uses no op" in made.skipped[0].reason


def test_a_pair_that_cannot_be_is_left_out_with_the_reason(tmp_path):
    file = tmp_path / "mute.py"
    file.write_text(
        "from torch import nn\nfrom harness import model\n"
        "@model(name='mute', classifies=True)\nclass Mute(nn.Module):\n    def __init__(self): super().__init__()\n"
    )
    made = select([TINY, "model=mute,lstm"], [file]).plan
    assert {trial.model for trial in made.trials} == {"lstm"}
    assert "for models that declare predicts_tokens" in made.skipped[0].reason


def test_an_empty_plan_is_an_error(tmp_path):
    file = tmp_path / "mute.py"
    file.write_text(
        "from torch import nn\nfrom harness import model\n"
        "@model(name='mute', classifies=True)\nclass Mute(nn.Module):\n    def __init__(self): super().__init__()\n"
    )
    with pytest.raises(UsageError, match=r"the plan is empty: .* with mute: it is for models that declare"):
        select([TINY, "model=mute"], [file])


@pytest.mark.parametrize("model", ["transformer", "lstm", "mamba", "s4", "s4d", "infini_attention"])
def test_matched_models_are_within_ten_percent(model):
    from harness.configuration import parse_config
    from harness.interfaces import TokenData
    from harness.kernels.loading import load_kernels
    from harness.registry import load_registry
    from harness.runtime.sizing import count_parameters

    trial = plan("scale=free", f"model={model}", "match.parameters=50000").trials[0]
    registry = load_registry()
    spec = registry.models[model].spec
    task = registry.tasks[trial.task].spec
    data = task.build.load()(parse_config(task.config.load(), trial.task_options, "t")).describe()
    assert isinstance(data, TokenData)
    config = parse_config(spec.config.load(), trial.model_options, model)
    built = spec.build.load()(config, data, load_kernels(trial.kernels, registry))
    assert trial.unranked == ""
    assert abs(count_parameters(built) - 50_000) <= 5_000


def test_a_model_without_a_size_is_planned_but_unranked(tmp_path):
    file = tmp_path / "fixed.py"
    file.write_text(
        "from torch import nn\nfrom harness import model\n"
        "@model(name='fixed', predicts_tokens=True)\nclass Fixed(nn.Module):\n"
        "    def __init__(self, vocab: int):\n        super().__init__()\n        self.e = nn.Embedding(vocab, vocab)\n"
    )
    trial = select([TINY, "model=fixed", "match.parameters=50000"], [file]).plan.trials[0]
    assert "no option that match.parameters could size" in trial.unranked


def test_candidates_are_the_same_for_every_model():
    trials = plan("tune.learning_rate=1e-3,1e-2", "seed=0").trials
    assert {trial.learning_rates for trial in trials} == {(1e-3, 1e-2)}
    assert len(trials) == 2


def test_an_option_that_matching_would_choose_is_refused_with_the_way_out():
    with pytest.raises(UsageError, match=r"turn matching off with match\.parameters=0"):
        plan("transformer.d_model=32", "match.parameters=50000")


def test_matching_can_be_turned_off():
    trial = plan("transformer.d_model=32", "match.parameters=0").trials[0]
    assert (trial.match, trial.model_options["d_model"]) == (None, 32)


def test_a_learning_rate_on_the_command_line_is_the_only_candidate():
    trial = plan("training.learning_rate=0.5").trials[0]
    assert (trial.training.learning_rate, trial.learning_rates) == (0.5, (0.5,))


@pytest.fixture
def with_kernels(tmp_path):
    """A suite of which one model has kernels of its own."""

    def kernels(*overrides, models="", scale=""):
        text = Path(TINY.removeprefix("suite=")).read_text(encoding="utf-8")
        text = text.replace("num_heads = 2 } }", 'num_heads = 2 }, kernels = ["auto", "reference"] }')
        text = text.replace("timeout_seconds = 60", f"timeout_seconds = 60\n{scale}")
        file = tmp_path / "with_kernels.toml"
        file.write_text(f"{text}\n[scale.tiny.tasks.induction_heads]\n{models}", encoding="utf-8")
        words = [f"suite={file}", "task=induction_heads", "model=transformer,s4d", "seed=0", *overrides]
        return [(trial.model, trial.kernel) for trial in select(words, []).plan.trials]

    return kernels


def test_a_models_kernels_replace_those_of_the_scale(with_kernels):
    assert with_kernels() == [("transformer", "auto"), ("transformer", "reference"), ("s4d", "auto")]
    assert with_kernels(scale='kernels = ["fourier"]')[-1] == ("s4d", "fourier")


def test_a_models_kernels_at_a_task_go_before_those_at_the_scale(with_kernels):
    assert with_kernels(models='models.transformer.kernels = ["torch"]') == [("transformer", "torch"), ("s4d", "auto")]


def test_kernels_of_the_command_line_go_before_a_models(with_kernels):
    assert with_kernels("kernel=reference") == [("transformer", "reference"), ("s4d", "reference")]


def test_a_plan_says_how_many_trials_its_scale_runs_at_a_time(tmp_path):
    text = Path(TINY.removeprefix("suite=")).read_text(encoding="utf-8")
    file = tmp_path / "alone.toml"
    file.write_text(text.replace("timeout_seconds = 60", "timeout_seconds = 60\njobs = 1\nthreads = 2"))
    alone = select([f"suite={file}"], []).plan
    assert (alone.jobs, alone.threads) == (1, 2)
    assert (plan().jobs, plan().threads) == (None, 1)


@pytest.mark.parametrize("line", ["jobs = 0", "threads = 0"])
def test_a_scale_that_runs_nothing_at_a_time_is_refused(tmp_path, line):
    text = Path(TINY.removeprefix("suite=")).read_text(encoding="utf-8")
    file = tmp_path / "none.toml"
    file.write_text(text.replace("timeout_seconds = 60", f"timeout_seconds = 60\n{line}"))
    with pytest.raises(UsageError, match=f"{line.split()[0]}.*greater than 0"):
        select([f"suite={file}"], [])


@pytest.fixture
def sweeping(tmp_path):
    """A suite whose task has an axis, and which compares one of its two models on it."""
    text = Path(TINY.removeprefix("suite=")).read_text(encoding="utf-8")
    file = tmp_path / "sweeping.toml"
    file.write_text(
        text + '\n[scale.tiny.tasks.induction_heads]\naxes = { length = [16, 32] }\nonly = ["lstm"]\n', encoding="utf-8"
    )

    def plan_with(*overrides):
        return select([f"suite={file}", "task=induction_heads", "seed=0", *overrides], []).plan

    return plan_with


def lengths(planned):
    return [(trial.model, trial.task_options["length"]) for trial in planned.trials]


def test_an_axis_of_the_suite_makes_a_trial_of_each_value(sweeping):
    planned = sweeping()
    assert lengths(planned) == [("lstm", 16), ("lstm", 32)]
    (line,) = planned.left_out
    assert line == (
        "left out of induction_heads: transformer (at tiny the suite compares only lstm; name others with model=)"
    )


def test_models_without_a_tasks_capability_stand_in_one_line():
    planned = select(["suite=generative", "scale=smoke", "task=clips"], []).plan
    (line,) = planned.left_out
    assert line.startswith("left out of clips: vae, conv_vae, ")
    assert line.endswith("image_diffusion (it is for models that declare samples_video)")


def test_the_command_line_replaces_an_axis_of_the_suite(sweeping):
    assert lengths(sweeping("induction_heads.length=24")) == [("lstm", 24)]


def test_models_that_are_named_take_part_whatever_the_suite_compares(sweeping):
    assert lengths(sweeping("model=transformer")) == [("transformer", 16), ("transformer", 32)]


@pytest.fixture
def by_length(tmp_path):
    """A suite whose task has another budget where its sequences are long."""

    def plan_with(*overrides, option="length", models=""):
        text = Path(TINY.removeprefix("suite=")).read_text(encoding="utf-8")
        entry = f"\n[scale.tiny.tasks.induction_heads]\nby.{option}.32.budget.steps = 7\n{models}"
        file = tmp_path / "by_length.toml"
        file.write_text(text + entry, encoding="utf-8")
        words = [f"suite={file}", "task=induction_heads", "seed=0", "model=lstm", *overrides]
        return [trial.budget.steps for trial in select(words, []).plan.trials]

    return plan_with


def test_a_case_holds_where_the_option_has_its_value(by_length):
    usual, long = by_length("induction_heads.length=16,32")
    assert usual != long == 7


def test_what_a_suite_says_of_a_model_goes_before_a_case(by_length):
    assert by_length("induction_heads.length=32", models="models.lstm.budget.steps = 9\n") == [9]


def test_the_command_line_goes_before_a_case(by_length):
    assert by_length("induction_heads.length=32", "budget.steps=3") == [3]


def test_a_case_of_an_option_that_there_is_not_is_refused(by_length):
    with pytest.raises(UsageError, match=r"by\.lenght: the task has no such option; did you mean length"):
        by_length(option="lenght")


@pytest.mark.parametrize(
    ("entry", "part"),
    [
        ("options = { length = 8 }\naxes = { length = [16] }", "length stands in options and in axes"),
        ("axes = { length = [] }", "axes.length has no value"),
    ],
)
def test_an_axis_that_says_nothing_or_two_things_is_refused(tmp_path, entry, part):
    text = Path(TINY.removeprefix("suite=")).read_text(encoding="utf-8")
    file = tmp_path / "wrong.toml"
    file.write_text(f"{text}\n[scale.tiny.tasks.induction_heads]\n{entry}\n", encoding="utf-8")
    with pytest.raises(UsageError, match=part):
        select([f"suite={file}"], [])


@pytest.mark.parametrize(("device", "precision"), [("cpu", "float32"), ("cuda", "bfloat16")])
def test_automatic_precision_is_the_fastest_that_the_device_has(device, precision):
    trial = plan("model=lstm", f"device={device}", "precision=auto").trials[0]
    assert trial.precision == precision


def test_a_file_of_weights_is_part_of_what_a_trial_is(tmp_path):
    file = tmp_path / "weights.npz"

    def trial_id(content):
        file.write_bytes(content)
        words = ["suite=image-classification", "scale=smoke", "task=digits", "model=vit", f"vit.checkpoint={file}"]
        return select(words, []).plan.trials[0].trial_id

    assert trial_id(b"one") == trial_id(b"one") != trial_id(b"two")
