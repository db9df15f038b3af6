"""Options of the Transformer."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness_sequence.config import DecoderConfig


class TransformerConfig(DecoderConfig):
    """A decoder with attention over the whole past."""

    positions: Literal["rope", "learned", "sinusoidal", "none"] = Field(
        "rope", description="rope turns queries and keys; the others add vectors to the embeddings, or nothing"
    )
