"""Folders with a model: what `transformers` writes we read, what we write it reads, logits agree both ways."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from harness.configuration import parse_config
from harness.errors import DataError, UsageError
from harness.interfaces import TokenData
from harness.kernels.loading import load_kernels
from harness.planning.resolution import resolve_kernels
from harness.registry import Registry
from harness.runtime.pretrained import load_pretrained, read_folder, save_pretrained
from harness.runtime.weights import FILE, read_weights, write_weights

pytestmark = pytest.mark.filterwarnings("default")
TOKENS = torch.randint(50, (2, 41), generator=torch.Generator().manual_seed(3))
DATA = TokenData(vocab=50, length=64)
VARIANTS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "mamba": ("mamba", {"d_model": 24, "d_state": 4}),
    "mamba_untied": ("mamba", {"d_model": 24, "tie_embeddings": False, "dt_rank": 5, "d_conv": 3}),
    "gpt_neox": ("gpt_neox", {"d_model": 24}),
    "gpt_neox_sequential": ("gpt_neox", {"d_model": 24, "parallel": False, "rotary_fraction": 1.0}),
    "gpt_neox_tied": ("gpt_neox", {"d_model": 32, "num_heads": 4, "tie_embeddings": True, "rotary_base": 500.0}),
}
BY_VARIANT = pytest.mark.parametrize("variant", VARIANTS)


def build(registry: Registry, name: str, options: Mapping[str, Any], data: TokenData = DATA) -> tuple[Any, nn.Module]:
    spec = registry.models[name].spec
    config = parse_config(spec.config.load(), options, name)
    kernels, _ = resolve_kernels("torch", spec, "cpu", registry)
    torch.manual_seed(1)
    module = spec.build.load()(config, data, load_kernels(kernels, registry)).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.15 * torch.randn_like(parameter))
    return config, module


def logits(module: nn.Module) -> Tensor:
    with torch.no_grad():
        found = module(TOKENS)
    return found if isinstance(found, Tensor) else found.logits


@pytest.fixture
def saved(registry: Registry, tmp_path: Path) -> Callable[[str, Mapping[str, Any]], nn.Module]:
    """Save a model to `tmp_path` and return it."""

    def save(name: str, options: Mapping[str, Any]) -> nn.Module:
        config, module = build(registry, name, options)
        save_pretrained(module, config, DATA, registry.models[name].spec, tmp_path)
        return module

    return save


def load(registry: Registry, folder: Path) -> nn.Module:
    kept = read_folder(folder, registry)
    assert kept.vocab is not None
    data = TokenData(vocab=kept.vocab, length=kept.length or 64)
    config, module = build(registry, kept.model, kept.options, data)
    load_pretrained(module, config, registry.models[kept.model].spec, folder)
    return module


@BY_VARIANT
def test_transformers_reads_what_we_write(saved: Any, tmp_path: Path, variant: str) -> None:
    from transformers import AutoModelForCausalLM

    ours = saved(*VARIANTS[variant])
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="eager").eval()
    torch.testing.assert_close(logits(ours), logits(theirs), atol=1e-4, rtol=0)


@BY_VARIANT
def test_we_read_what_transformers_writes(saved: Any, registry: Registry, tmp_path: Path, variant: str) -> None:
    from transformers import AutoModelForCausalLM

    ours = saved(*VARIANTS[variant])
    AutoModelForCausalLM.from_pretrained(tmp_path).save_pretrained(tmp_path / "theirs")
    assert not (tmp_path / "theirs" / "harness.json").exists()
    torch.testing.assert_close(logits(load(registry, tmp_path / "theirs")), logits(ours), atol=1e-6, rtol=0)


@pytest.mark.parametrize("name", ["s4d", "lstm", "infini_attention", "transformer", "mamba"])
def test_every_model_reads_back_what_it_wrote(saved: Any, registry: Registry, tmp_path: Path, name: str) -> None:
    ours = saved(name, {"d_model": 24})
    torch.testing.assert_close(logits(load(registry, tmp_path)), logits(ours), atol=0, rtol=0)


def changed_config(folder: Path, **entries: Any) -> None:
    (folder / "harness.json").unlink()
    found = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(found | entries))


@pytest.mark.parametrize(
    ("variant", "entries", "message"),
    [
        ("mamba", {"use_bias": True}, "use_bias=True"),
        ("mamba", {"architectures": ["LlamaForCausalLM"]}, r"LlamaForCausalLM; these can be read: .*Mamba.*\(mamba\)"),
        ("mamba", {"architectures": None}, "no architecture"),
        ("gpt_neox", {"hidden_act": "relu"}, "hidden_act=relu"),
        ("gpt_neox", {"intermediate_size": 50}, "no multiple of hidden_size"),
        ("gpt_neox", {"rope_parameters": {"rope_type": "yarn"}}, "rope_type=yarn"),
        ("gpt_neox", {"rope_parameters": {"partial_rotary_factor": 0.25}}, "3 features of a head are turned"),
    ],
    ids=["bias", "architecture", "no_architecture", "activation", "width", "rope", "odd"],
)
def test_a_configuration_that_no_model_here_has_is_refused(
    saved: Any, registry: Registry, tmp_path: Path, variant: str, entries: dict[str, Any], message: str
) -> None:
    saved(*VARIANTS[variant])
    changed_config(tmp_path, **entries)
    with pytest.raises(UsageError, match=message):
        read_folder(tmp_path, registry)


def test_another_model_than_asked_for_is_refused(saved: Any, registry: Registry, tmp_path: Path) -> None:
    saved(*VARIANTS["mamba"])
    with pytest.raises(UsageError, match="holds a model mamba, not gpt_neox"):
        read_folder(tmp_path, registry, "gpt_neox")


def test_tensors_of_another_architecture_are_listed(saved: Any, registry: Registry, tmp_path: Path) -> None:
    saved(*VARIANTS["mamba"])
    write_weights(read_weights([tmp_path / FILE]) | {"backbone.layers.0.extra": torch.zeros(1)}, tmp_path / FILE)
    with pytest.raises(UsageError, match=re.escape("does not have: backbone.layers.0.extra")):
        load(registry, tmp_path)


def test_a_missing_tensor_is_listed_under_our_name(saved: Any, registry: Registry, tmp_path: Path) -> None:
    saved(*VARIANTS["gpt_neox"])
    tensors = read_weights([tmp_path / FILE])
    del tensors["gpt_neox.layers.1.mlp.dense_4h_to_h.bias"]
    write_weights(tensors, tmp_path / FILE)
    with pytest.raises(UsageError, match=re.escape("missing: blocks.1.feed_forward.down.bias")):
        load(registry, tmp_path)


def test_masks_that_old_versions_kept_are_passed_over(saved: Any, registry: Registry, tmp_path: Path) -> None:
    ours = saved(*VARIANTS["gpt_neox"])
    old = {"gpt_neox.layers.0.attention.bias": torch.ones(1), "gpt_neox.layers.0.attention.masked_bias": torch.ones(1)}
    write_weights(read_weights([tmp_path / FILE]) | old, tmp_path / FILE)
    torch.testing.assert_close(logits(load(registry, tmp_path)), logits(ours), atol=0, rtol=0)


@pytest.mark.parametrize("content", ["{", "[1]", '{"model": "mamba"}'], ids=["cut", "list", "incomplete"])
def test_a_damaged_description_is_named(registry: Registry, tmp_path: Path, content: str) -> None:
    (tmp_path / "harness.json").write_text(content)
    with pytest.raises(DataError, match=r"harness\.json"):
        read_folder(tmp_path, registry)


def test_a_folder_without_a_description_is_refused(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither harness\.json nor config\.json"):
        read_folder(tmp_path, registry)
