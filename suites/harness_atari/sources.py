"""The publications that the tasks follow."""

from harness.specs import Source

DQN_2013 = Source(
    title="Playing Atari with Deep Reinforcement Learning",
    authors="Mnih, Kavukcuoglu, Silver, Graves, Antonoglou, Wierstra, Riedmiller",
    year=2013,
    arxiv="1312.5602",
    venue="NIPS Deep Learning Workshop",
)
DQN_2015 = Source(
    title="Human-level control through deep reinforcement learning",
    authors="Mnih, Kavukcuoglu, Silver, Rusu, Veness, Bellemare, Graves, Riedmiller, and others",
    year=2015,
    venue="Nature 518",
    url="https://doi.org/10.1038/nature14236",
)
MACHADO_2018 = Source(
    title="Revisiting the Arcade Learning Environment: Evaluation Protocols and Open Problems for General Agents",
    authors="Machado, Bellemare, Talvitie, Veness, Hausknecht, Bowling",
    year=2018,
    arxiv="1709.06009",
    venue="JAIR 61",
)
