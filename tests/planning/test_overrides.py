import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.planning.overrides import parse_override, parse_overrides


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("seed=0..4", (0, 1, 2, 3, 4)),
        ("seed=3", (3,)),
        ("model=mamba,s4", ("mamba", "s4")),
        ("mamba.d_state=16,64", (16, 64)),
        ("training.learning_rate=1e-3", (1e-3,)),
        ("x.flag=true", (True,)),
        ("x.name='a,b'", ("a,b",)),
        ("x.list=[1, 2],[3]", ([1, 2], [3])),
        ("x.path=/tmp/some file", ("/tmp/some file",)),
    ],
)
def test_values_are_read_as_in_toml_and_bare_words_as_strings(text, values):
    assert parse_override(text).values == values


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("seed", "is not key=value"),
        ("=3", "is not key=value"),
        ("seed=", "has no value"),
        ("seed=4..0", "empty range"),
        ("model=mamba,,s4", "empty place"),
        ("seed=1,1", "stands there twice"),
        ("x.y=[1,2", "is not closed"),
    ],
)
def test_malformed_overrides_are_usage_errors(text, part):
    with pytest.raises(UsageError, match=part):
        parse_override(text)


def test_a_key_given_twice_is_refused():
    with pytest.raises(UsageError, match="given twice"):
        parse_overrides(["seed=1", "seed=2"])


@given(st.lists(st.integers(-1000, 1000), min_size=1, max_size=5, unique=True))
def test_integers_survive_the_round_trip(values):
    assert parse_override("a.b=" + ",".join(map(str, values))).values == tuple(values)
