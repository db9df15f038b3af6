"""What `--model_args`, and lm-eval beside it, say of a model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.bridges.lm_eval.building import Asked
from harness.configuration import explain
from harness.errors import UsageError
from harness.planning.resolution import resolve_device

LOGGER = logging.getLogger(__name__)
MAX_LENGTH = 2048


class Arguments(BaseModel):
    """The arguments of the bridge; all others of `--model_args` are options of the model."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field("", description="a registered model, FILE.py, or FILE.py:NAME; the checkpoint's if unset")
    tokenizer: str = Field("", description="bytes, or a tokenizer.json; the checkpoint's if unset, else bytes")
    prefix_token_id: int | None = Field(None, ge=0, description="stands before a text without context")
    vocab: int | None = Field(
        None, gt=0, description="ids of the model; the checkpoint's if unset, else the tokenizer's"
    )
    max_length: int | None = Field(
        None, gt=0, description="tokens that the model reads at most; the checkpoint's, or 2048"
    )
    batch_size: int = Field(1, gt=0, description="sequences in one pass")
    device: str = Field("auto", description="auto, cpu, cuda or cuda:N")
    seed: int = Field(0, description="of the weights where there is no checkpoint, and of sampled generations")
    kernel: str = Field("auto", description="as in `harness run`")
    checkpoint: str = Field("", description="a folder with the model and its weights, or a safetensors file of these")


def parse_arguments(model_args: Mapping[str, Any], given: Mapping[str, Any]) -> tuple[Arguments, dict[str, Any]]:
    """The bridge's arguments and the model's options.

    `given` are lm-eval's own `batch_size`, `max_batch_size` and `device`, which those of `model_args` come before.
    Raises UsageError.
    """
    beside = {name: value for name, value in given.items() if value is not None}
    if "max_batch_size" in beside:
        raise UsageError("max_batch_size belongs to batch_size=auto, which harness models do not have; give batch_size")
    if "device" in beside:
        beside["device"] = _device_of_lm_eval(str(beside["device"]))
    own = {name: value for name, value in {**beside, **model_args}.items() if name in Arguments.model_fields}
    if str(own.get("batch_size", "")).startswith("auto"):
        raise UsageError("batch_size=auto is not measured for harness models; give a number, which changes no result")
    try:
        arguments = Arguments.model_validate(own)
    except ValidationError as error:
        raise UsageError(f"--model_args: {explain(error)}") from error
    return arguments, {name: value for name, value in model_args.items() if name not in Arguments.model_fields}


def asked_of(arguments: Arguments, options: Mapping[str, Any]) -> Asked:
    """What they say of the network."""
    return Asked(
        name=arguments.name,
        options=options,
        checkpoint=arguments.checkpoint,
        vocab=arguments.vocab,
        max_length=arguments.max_length,
        kernel=arguments.kernel,
        seed=arguments.seed,
    )


def find_device(requested: str) -> torch.device:
    """Raises UsageError for a device that is not known or not there."""
    kind, _, number = requested.partition(":")
    resolved, reason = resolve_device(kind)
    if reason:
        raise UsageError(reason)
    return torch.device(f"{resolved}:{number}" if number else resolved)


def _device_of_lm_eval(requested: str) -> str:
    """lm-eval asks for cuda:0 where nobody chose a device, so that alone may become another one."""
    if requested.startswith("cuda") and resolve_device("cuda")[1]:
        LOGGER.warning("lm-eval asks for %s, which is not here: running on cpu", requested)
        return "cpu"
    return requested
