from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.planning.selection import select
from harness.planning.suites import MatchOptions, parse_section
from harness.planning.trials import Match

TINY = f"suite={Path(__file__).parents[1] / 'files' / 'tiny.toml'}"
STATELESS = (
    "from torch import nn\nfrom harness import model\n"
    "@model(name='stateless', predicts_tokens=True, sized_by='width')\nclass Stateless(nn.Module):\n"
    "    def __init__(self, vocab: int, width: int = 8):\n        super().__init__()\n"
    "        self.embedding, self.head = nn.Embedding(vocab, width), nn.Linear(width, vocab)\n"
    "    def forward(self, tokens):\n        return self.head(self.embedding(tokens))\n"
)
STUBBORN = (
    "from torch import nn\nfrom harness import model\n"
    "@model(name='stubborn', predicts_tokens=True, sized_by='width')\nclass Stubborn(nn.Module):\n"
    "    def __init__(self, vocab: int, width: int = 8):\n        super().__init__()\n"
    "        self.embedding, self.head = nn.Embedding(vocab, width), nn.Linear(width, vocab)\n"
    "    def forward(self, tokens):\n"
    "        return self.head(self.embedding(tokens)) * (1.0 if tokens.sum().item() else 2.0)\n"
)


def plan(*overrides, plugins=()):
    return select(overrides, plugins).plan


@pytest.fixture
def written(tmp_path):
    """A file of that name and text in a folder of the test's own."""

    def write(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return write


def test_every_model_of_a_suite_gets_the_same_time_and_as_many_steps_as_it_lasts_for():
    made = plan("suite=long-context", "scale=smoke", "task=mqar", "match.seconds=3", "match.parameters=0")
    assert len({trial.model for trial in made.trials}) > 2
    assert {(trial.budget.steps, trial.budget.seconds) for trial in made.trials} == {(0, 3.0)}
    assert {trial.match for trial in made.trials} == {Match(kind="seconds", target=3.0)}


@pytest.mark.parametrize(
    "words",
    [
        ("suite=long-context", "scale=smoke", "task=mqar", "match.flops=1e6"),
        (
            "suite=long-context",
            "scale=smoke",
            "task=induction_heads",
            "model=transformer,lstm,mamba,s4d",
            "match.state_bytes=8192",
        ),
        ("suite=image-classification", "scale=smoke", "task=digits", "model=mlp,convnet,vit", "match.flops=1e6"),
    ],
    ids=lambda words: words[-1],
)
def test_every_model_of_a_suite_is_sized_and_none_is_unranked(words):
    trials = plan(*words, "match.parameters=0").trials
    assert len({trial.model for trial in trials}) > 2
    assert {(trial.unranked, trial.unsupported) for trial in trials} == {("", "")}


def test_a_match_of_the_command_line_goes_before_the_sizes_of_the_suite():
    trial = plan(TINY, "model=transformer", "match.parameters=50000").trials[0]
    assert (trial.unranked, trial.match) == ("", Match(kind="parameters", target=50_000.0))
    assert trial.model_options["d_model"] > 16


def test_twice_the_bytes_of_a_number_give_half_the_size():
    words = (TINY, "scale=free", "model=lstm", "match.state_bytes=4096")
    single, double = (plan(*words, f"precision={name}").trials[0] for name in ("float32", "float64"))
    assert single.model_options["d_model"] == 2 * double.model_options["d_model"]


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("match.flops=-1",), r"match\.flops.*greater than or equal to 0"),
        (("match.seconds=inf",), r"match\.seconds.*finite"),
        (("match.state_bytes=0.5",), r"match\.state_bytes.*integer"),
        (("match.memory=1",), r"match\.memory= is not an option"),
        (("match.flops=1e6", "match.seconds=2"), r"flops=1000000 and seconds=2: .* match\.flops=0 or match\.seconds=0"),
        (("match.seconds=2", "budget.steps=9"), r"match\.seconds=2 is the whole budget, and budget\.steps= is another"),
        (("transformer.d_model=32", "match.flops=1e6"), r"turn matching off with match\.flops=0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_nonsense_is_refused_with_the_way_out(words, part):
    with pytest.raises(UsageError, match=part):
        plan(TINY, *words)


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (("suite=image-classification", "task=digits", "match.state_bytes=9"), "digits has no sequences of tokens"),
        (("suite=generative", "task=clips", "match.flops=1e9"), "clips asks for no one pass over an example"),
        (("suite=atari", "task=chain", "match.seconds=5"), "chain plans by steps"),
        (("suite=scaling", "task=decode", "match.flops=1e9"), "decode measures cost along context"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_kind_that_a_task_cannot_have_is_refused(words, part):
    with pytest.raises(UsageError, match=f"{part}.*choose other tasks with task="):
        plan(*words, "scale=smoke", "match.parameters=0")


def test_a_model_without_a_state_is_planned_at_its_own_size_but_unranked(written):
    file = written("stateless.py", STATELESS)
    (trial,) = plan(TINY, "model=stateless", "seed=0", "match.state_bytes=4096", plugins=[file]).trials
    assert trial.unranked == "match.state_bytes: stateless does not read token by token, so it keeps no state"
    assert trial.model_options["width"] == 8


def test_a_model_that_cannot_be_counted_without_being_run_is_unranked(written):
    file = written("stubborn.py", STUBBORN)
    (trial,) = plan(TINY, "model=stubborn", "seed=0", "match.flops=4096", plugins=[file]).trials
    assert "stubborn cannot be counted without running it" in trial.unranked


def test_a_model_that_cannot_be_so_small_is_unranked_with_what_it_reached():
    (trial,) = plan(TINY, "scale=free", "model=s4", "seed=0", "match.state_bytes=8").trials
    assert "nearest to 8 bytes of streaming state are" in trial.unranked
    assert trial.unranked.endswith("(d_model=1), over 10% off")


def test_the_margin_is_ten_percent_either_way():
    match = Match(kind="flops", target=1000.0)
    assert [bool(match.missed_by(reached)) for reached in (899.0, 900.0, 1100.0, 1101.0, None)] == [
        True, False, False, True, True,
    ]  # fmt: skip


def test_kinds_and_targets_make_different_trials():
    words = ["match.parameters=0", "match.parameters=3000", "match.flops=3000", "match.seconds=3000"]
    ids = {plan(TINY, "model=lstm", "seed=0", word).trials[0].trial_id for word in words}
    assert len(ids) == len(words)


def test_a_trial_without_a_match_is_identified_as_before_there_were_kinds():
    (free,) = plan(TINY, "model=lstm", "seed=0").trials
    (matched,) = plan(TINY, "model=lstm", "seed=0", "match.parameters=3000").trials
    assert "match" not in free.identity.keys() | matched.identity.keys()
    assert (free.identity["match_parameters"], matched.identity["match_parameters"]) == (None, 3000)


def test_zero_turns_a_match_off():
    assert parse_section(MatchOptions, {"flops": 0, "seconds": 0}).match is None


@pytest.mark.parametrize(
    ("target", "unranked"), [(1000, ""), (9000, "no option that match.flops could size: nearest to")]
)
def test_a_model_of_one_size_is_ranked_where_that_is_a_match(target, unranked, written):
    file = written("fixed.py", STATELESS.replace("stateless", "fixed").replace(", sized_by='width'", ", sized_by=None"))
    words = (TINY, "model=fixed", "seed=0", "selective_copying.vocab=4", f"match.flops={target}")
    (trial,) = plan(*words, plugins=[file]).trials
    assert unranked in trial.unranked
    assert bool(trial.unranked) == bool(unranked)
