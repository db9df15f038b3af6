"""Beside the games of Atari: agents of 2013, 2015 and 2016, each under its paper's protocol."""

from __future__ import annotations

from collections.abc import Iterator

from harness_published.beside import Beside
from harness_published.printed import all_printed

PRINTED = "Atari 2600"
EARLY, NATURE, NO_OPS = (
    "Mnih et al. 2013 Table 1",
    "Mnih et al. 2015 Extended Data Table 2",
    "Wang et al. 2016 Table 2",
)
# Names as the papers print them, where ours is not the same in lower case with underscores.
OURS = {
    "H.E.R.O.": "hero",
    "James Bond": "jamesbond",
    "Kung-Fu Master": "kung_fu_master",
    "Montezuma's Revenge": "montezuma_revenge",
    "Ms. Pac-Man": "ms_pacman",
    "Pitfall!": "pitfall",
    "Q*bert": "qbert",
    "River Raid": "riverraid",
    "Up and Down": "up_n_down",
}
HERE = {
    "dqn2013": "here 30 whole games with epsilon 0.05, of 108,000 frames at most",
    "nature2015": "here 30 games with epsilon 0.05 after up to 30 no-ops, cut at 18,000 frames",
    "machado2018": (
        "here 100 games with epsilon 0.01 and sticky actions, all 18 actions and 5 frames a step, cut at 18,000 frames"
    ),
}
"""How each of our protocols tests, where the board's options leave it alone."""

BUDGET = "Pictures and steps of learning are the board's; so are games and epsilon where its options set them"


def our_game(printed: str) -> str:
    """The name of a game here, from that which a paper prints."""
    return OURS.get(printed, printed.lower().replace(" ", "_"))


def _beside(game: str, protocol: str, source: str, metric: str, quantity: str, there: str) -> Beside:
    printed = {"episode_score": "mean_score", "best_episode": "best_episode_score"}
    return Beside(
        task="atari",
        metrics=(metric,),
        # 0 is the protocol's cap: nobody prints scores of games that are cut shorter.
        options={"game": our_game(game), "protocol": protocol, "frame_cap": 0},
        printed_task=PRINTED,
        printed_metric=printed[metric],
        datasets=(game,),
        sources=(source,),
        quantity=quantity,
        unit="score",
        differs=f"{there}; {HERE[protocol]}. {BUDGET}.",
    )


def _all(protocol: str) -> Iterator[Beside]:
    """What stands beside boards of this protocol."""
    mean, best = "mean score of a game", "score of the best game"
    fixed = "Epsilon 0.05 for a fixed number of steps there (10,000 in the figures), a person's median for Human"
    for game in _games(EARLY):
        yield _beside(game, protocol, EARLY, "episode_score", mean, fixed)
        yield _beside(
            game,
            protocol,
            EARLY,
            "best_episode",
            best,
            "The best of an unknown number of games there, with which it grows",
        )
    for game in _games(NATURE):
        yield _beside(
            game, protocol, NATURE, "episode_score", mean, "Games of five minutes, 18,000 frames, at most there"
        )
    for game in _games(NO_OPS):
        yield _beside(
            game, protocol, NO_OPS, "episode_score", mean, "Up to 30 no-ops and games of 108,000 frames at most there"
        )


def _games(source: str) -> tuple[str, ...]:
    """The games that a source has scores of, in its order."""
    return tuple(dict.fromkeys(row.dataset for row in all_printed() if row.source == source and row.task == PRINTED))


BESIDE = tuple(item for protocol in HERE for item in _all(protocol))
