"""The papers that this plugin follows."""

from __future__ import annotations

from harness.specs import Source

S4 = Source(
    title="Efficiently Modeling Long Sequences with Structured State Spaces",
    authors="Albert Gu, Karan Goel, Christopher Ré",
    year=2021,
    arxiv="2111.00396",
)
S4D = Source(
    title="On the Parameterization and Initialization of Diagonal State Space Models",
    authors="Albert Gu, Ankit Gupta, Karan Goel, Christopher Ré",
    year=2022,
    arxiv="2206.11893",
)
