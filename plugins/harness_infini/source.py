"""The paper that this plugin follows."""

from harness.specs import Source

INFINI = Source(
    title="Leave No Context Behind: Efficient Infinite Context Transformers with Infini-attention",
    authors="Tsendsuren Munkhdalai, Manaal Faruqui, Siddharth Gopal",
    year=2024,
    arxiv="2404.07143",
)
