import textwrap

import pytest

from harness.errors import PluginError, UsageError
from harness.registry import load_registry, suggest


def write(path, text):
    path.write_text(textwrap.dedent(text), encoding="utf-8")
    return path


def test_unknown_model_suggests_nearest(registry):
    with pytest.raises(UsageError, match="did you mean mamba"):
        registry.models["mambo"]


def test_suggestion_without_a_near_name_lists_all():
    assert suggest("zzz", ["b", "a"]) == "known: a, b"


def test_every_bundled_plugin_loads(registry):
    assert [plugin.error for plugin in registry.plugins if plugin.error] == []


def test_one_decorated_class_is_a_model(tmp_path):
    file = write(
        tmp_path / "mine.py",
        """
        from torch import nn
        from harness import model

        @model(name="mine", summary="nothing much", predicts_tokens=True)
        class Mine(nn.Module):
            def __init__(self, vocab: int, d_model: int = 8, gain: float = 1.5):
                super().__init__()
                self.layer = nn.Embedding(vocab, vocab)

            def forward(self, tokens):
                return self.layer(tokens)
        """,
    )
    spec = load_registry([file]).models["mine"].spec
    config = spec.config.load()
    assert {name: field.default for name, field in config.model_fields.items()} == {"d_model": 8, "gain": 1.5}


def test_two_plugins_with_one_name_are_an_error_that_names_both(tmp_path):
    text = """
    from harness import hookimpl
    from harness.specs import MetricSpec, Ref

    @hookimpl
    def harness_metrics():
        return [MetricSpec(name="same", summary="", compute=Ref("a:b"), unit="", higher_is_better=True)]
    """
    registry = load_registry([write(tmp_path / "one.py", text), write(tmp_path / "two.py", text)])
    with pytest.raises(PluginError, match="one and two"):
        registry.metrics["same"]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("import nonexistent_module_x", r"bad\.py:1: does not load: ModuleNotFoundError"),
        ("x = 1\ndef f(:\n", r"bad\.py:2: does not load: SyntaxError"),
        ("x = 1\ny = 2\nraise ValueError('no')", r"bad\.py:3: does not load: ValueError: no"),
    ],
    ids=["missing-module", "syntax", "raises"],
)
def test_a_file_that_does_not_load_is_named_with_its_line(tmp_path, text, part):
    with pytest.raises(UsageError, match=part):
        load_registry([write(tmp_path / "bad.py", text)])


def test_a_missing_plugin_file_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        load_registry([tmp_path / "absent.py"])


def test_a_hook_that_raises_puts_its_plugin_in_quarantine(tmp_path):
    file = write(
        tmp_path / "broken.py",
        """
        from harness import hookimpl

        @hookimpl
        def harness_models():
            raise RuntimeError("not today")
        """,
    )
    registry = load_registry([file])
    assert "not today" in next(plugin.error for plugin in registry.plugins if plugin.name == "broken")
    assert "transformer" in registry.models.entries


def test_a_hook_with_a_wrong_name_is_an_error(tmp_path):
    file = write(
        tmp_path / "misspelt.py",
        """
        from harness import hookimpl

        @hookimpl
        def harness_modells():
            return []
        """,
    )
    with pytest.raises(UsageError, match="harness_modells"):
        load_registry([file])
