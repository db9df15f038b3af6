"""From `--model_args` to a network: its name, options, kernels, seed and checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from harness.configuration import parse_config
from harness.errors import PluginError, UnsupportedError, UsageError
from harness.interfaces import TokenData
from harness.kernels.loading import load_kernels
from harness.planning.resolution import not_installed, resolve_kernels
from harness.registry import Registry, load_registry
from harness.runtime.pretrained import load_pretrained, read_folder
from harness.runtime.seeding import SeedStreams, seeded
from harness.specs import Capability, ModelSpec

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """Which model: its name or file, its options, and what holds its weights; empty or None where nobody said."""

    name: str = ""
    options: Mapping[str, Any]
    checkpoint: str = ""
    vocab: int | None = None
    max_length: int | None = None
    kernel: str = "auto"
    seed: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A model with everything that the asker, or the checkpoint's folder, says of it."""

    registry: Registry
    spec: ModelSpec
    options: Mapping[str, Any]
    vocab: int | None
    max_length: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Built:
    """A network with what a result has to say of it."""

    module: nn.Module
    facts: Mapping[str, Any]


def plan_model(asked: Asked) -> Plan:
    """What is to be built. A folder decides all that it tells, and what is asked otherwise is an error.

    Raises UsageError, UnsupportedError or DataError.
    """
    folder = Path(asked.checkpoint)
    if not asked.checkpoint or not folder.is_dir():
        if not asked.name:
            raise UsageError(
                "--model_args does not say which model; give name=, such as name=mamba or name=my_model.py, "
                "or the folder of one as checkpoint="
            )
        registry, spec = find_model(asked.name)
        return Plan(registry=registry, spec=spec, options=asked.options, vocab=asked.vocab, max_length=asked.max_length)
    if asked.name:
        registry, spec = find_model(asked.name)
        kept = read_folder(folder, registry, spec.name)
    else:
        registry = load_registry()
        kept = read_folder(folder, registry)
        spec = registry.models[kept.model].spec
    for name, value in asked.options.items():
        if kept.options.get(name, value) != value:
            raise UsageError(f"{name}={value} was asked for and {folder} has {name}={kept.options[name]}; leave it out")
    if asked.vocab is not None and kept.vocab not in (None, asked.vocab):
        raise UsageError(f"vocab={asked.vocab} was asked for and {folder} has vocab={kept.vocab}; leave it out")
    return Plan(
        registry=registry,
        spec=spec,
        options={**asked.options, **kept.options},
        vocab=asked.vocab or kept.vocab,
        max_length=asked.max_length or kept.length,
    )


def build_module(plan: Plan, data: TokenData, asked: Asked, device: torch.device) -> Built:
    """The network on its device.

    Its weights are those of the checkpoint, else they are drawn by the seed, which a warning says. Raises UsageError,
    UnsupportedError or DataError for what cannot be had.
    """
    spec = plan.spec
    if missing := not_installed(spec.requires, spec.name):
        raise UnsupportedError(missing)
    kernels, reason = resolve_kernels(asked.kernel, spec, device.type, plan.registry)
    if reason:
        raise UnsupportedError(reason)
    config = parse_config(spec.config.load(), plan.options, spec.name)
    with seeded(SeedStreams(asked.seed).integer("initialisation")):
        module = spec.build.load()(config, data, load_kernels(kernels, plan.registry))
    if not isinstance(module, nn.Module):
        raise PluginError(f"{spec.name}: build returned {type(module).__name__}; it must return an nn.Module")
    if asked.checkpoint:
        weights = load_pretrained(module, config, spec, Path(asked.checkpoint))
    else:
        weights = "none: random"
        LOGGER.warning("%s has random weights of seed %d: no checkpoint= was given", spec.name, asked.seed)
    facts = {
        "name": spec.name,
        "options": config.model_dump(mode="json"),
        "kernels": kernels,
        "seed": asked.seed,
        "weights": weights,
    }
    return Built(module=module.to(device), facts=facts)


def find_model(name: str) -> tuple[Registry, ModelSpec]:
    """A token model by its registered name or by the file that declares it. Raises UsageError."""
    file, separator, inside = name.partition(".py")
    if not separator or (inside and not inside.startswith(":")):
        registry = load_registry()
        spec = registry.models[name].spec
        if Capability.PREDICTS_TOKENS not in spec.capabilities:
            known = ", ".join(s.name for s in registry.models.specs() if Capability.PREDICTS_TOKENS in s.capabilities)
            raise UsageError(f"{name} does not predict tokens, so lm-eval has nothing to ask of it; these do: {known}")
        return registry, spec
    path = Path(f"{file}.py")
    registry = load_registry([path])
    own = {
        entry.spec.name: entry.spec
        for entry in registry.models.entries.values()
        if entry.plugin.origin == str(path) and Capability.PREDICTS_TOKENS in entry.spec.capabilities
    }
    wanted = inside.removeprefix(":")
    if len(own) == 1 and not wanted:
        return registry, next(iter(own.values()))
    if wanted not in own:
        raise UsageError(
            f"name={name}: {path} declares {', '.join(sorted(own)) or 'no model'} that predicts tokens; "
            f"give name={path}:NAME, or name={path} where it declares one"
        )
    return registry, own[wanted]
