"""The papers that the suite's tasks come from."""

from harness.specs import Source

LRA = Source(
    title="Long Range Arena: A Benchmark for Efficient Transformers",
    authors="Yi Tay, Mostafa Dehghani, Samira Abnar, Yikang Shen, Dara Bahri, Philip Pham, Jinfeng Rao, Liu Yang",
    year=2020,
    arxiv="2011.04006",
)
MAMBA = Source(
    title="Mamba: Linear-Time Sequence Modeling with Selective State Spaces",
    authors="Albert Gu, Tri Dao",
    year=2023,
    arxiv="2312.00752",
)
ZOOLOGY = Source(
    title="Zoology: Measuring and Improving Recall in Efficient Language Models",
    authors="Simran Arora, Sabri Eyuboglu, Aman Timalsina, Isys Johnson, Michael Poli, James Zou, Atri Rudra",
    year=2023,
    arxiv="2312.04927",
)
INFINI = Source(
    title="Leave No Context Behind: Efficient Infinite Context Transformers with Infini-attention",
    authors="Tsendsuren Munkhdalai, Manaal Faruqui, Siddharth Gopal",
    year=2024,
    arxiv="2404.07143",
)
