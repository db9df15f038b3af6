"""Options of Infini-attention."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from harness_sequence.config import DecoderConfig


class InfiniAttentionConfig(DecoderConfig):
    """A decoder with attention inside segments and a memory of those before."""

    segment_length: int = Field(32, gt=0, description="tokens in a segment (N)")
    memory: Literal["linear", "delta"] = Field(
        "linear", description="linear adds every value; delta adds what the memory does not yet return for its key"
    )
