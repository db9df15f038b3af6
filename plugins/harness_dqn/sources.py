"""The publications that the agents follow."""

from __future__ import annotations

from harness.specs import Source

DQN_2013 = Source(
    title="Playing Atari with Deep Reinforcement Learning",
    authors="Volodymyr Mnih, Koray Kavukcuoglu, David Silver, Alex Graves, Ioannis Antonoglou, Daan Wierstra, "
    "Martin Riedmiller",
    year=2013,
    arxiv="1312.5602",
    venue="NIPS Deep Learning Workshop 2013",
)
DQN_2015 = Source(
    title="Human-level control through deep reinforcement learning",
    authors="Volodymyr Mnih, Koray Kavukcuoglu, David Silver, Andrei A. Rusu, Joel Veness, Marc G. Bellemare, "
    "Alex Graves, Martin Riedmiller, Andreas K. Fidjeland, Georg Ostrovski and others",
    year=2015,
    venue="Nature 518",
    url="https://doi.org/10.1038/nature14236",
)
DOUBLE_Q = Source(
    title="Deep Reinforcement Learning with Double Q-learning",
    authors="Hado van Hasselt, Arthur Guez, David Silver",
    year=2015,
    arxiv="1509.06461",
    venue="AAAI 2016",
)
N_STEP = Source(
    title="When to use parametric models in reinforcement learning?",
    authors="Hado van Hasselt, Matteo Hessel, John Aslanides",
    year=2019,
    arxiv="1906.05243",
    venue="NeurIPS 2019",
)
PARALLEL_Q = Source(
    title="Simplifying Deep Temporal Difference Learning",
    authors="Matteo Gallici, Mattie Fellows, Benjamin Ellis, Bartomeu Pou, Ivan Masmitja, Jakob Nicolaus Foerster, "
    "Mario Martin",
    year=2024,
    arxiv="2407.04811",
    venue="ICLR 2025",
)
