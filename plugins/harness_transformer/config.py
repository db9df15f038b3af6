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


class GptNeoxConfig(DecoderConfig):
    """The decoder of GPT-NeoX and Pythia; the published shape but for the sizes, which are small."""

    parallel: bool = Field(True, description="attention and feed-forward layer read the same input and are added")
    rotary_fraction: float = Field(0.25, gt=0.0, le=1.0, description="share of each head's features that are turned")
    rotary_base: float = Field(10_000.0, gt=1.0, description="base of the rotary frequencies")

    @property
    def rotary_width(self) -> int:
        """How many features of a head are turned; they are turned in pairs."""
        return int(self.d_model // self.num_heads * self.rotary_fraction) // 2 * 2
