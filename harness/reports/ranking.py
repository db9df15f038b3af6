"""Ranks on a board: entries that cannot be told apart share one.

Policy. An entry takes part when all of its trials ended well and none is marked unranked. Entries are ordered by their
mean. Going down the order, an entry shares the rank of the group above it while its paired t-test over shared seeds
against that group's best entry has p > 0.05; the first that differs starts the next group, whose rank is its place in
the order. With fewer than two shared seeds there is no test: the order of the values decides, and equal values tie.
P-values are not corrected for the number of comparisons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.reports.entries import Entry
from harness.statistics import PairedDifference, paired_difference

ALPHA = 0.05


def rank_entries(entries: Sequence[Entry], higher_is_better: bool | None) -> tuple[Entry, ...]:
    """The entries in the order in which a board shows them: ranked, then unranked with a value, then without."""
    sign = -1.0 if higher_is_better else 1.0
    ordered = sorted(entries, key=lambda entry: (_place(entry), sign * _mean(entry), entry.label))
    ranked = [entry for entry in ordered if _place(entry) == 0]
    best = ordered[0] if ordered and _place(ordered[0]) < 2 else None
    groups: list[list[Entry]] = []
    for entry in ranked:
        if groups and _cannot_be_told_apart(entry, groups[-1][0]):
            groups[-1].append(entry)
        else:
            groups.append([entry])
    placed: list[Entry] = []
    for group in groups:
        rank = len(placed) + 1
        placed += [replace(entry, rank=rank, tied=len(group) > 1) for entry in group]
    placed += ordered[len(ranked) :]
    return tuple(replace(entry, behind=_behind(entry, ranked[0] if ranked else best)) for entry in placed)


def compare(entry: Entry, other: Entry) -> PairedDifference | None:
    """The paired difference entry - other; None when they share no seed."""
    if not entry.by_seed.keys() & other.by_seed.keys():
        return None
    return paired_difference(entry.by_seed, other.by_seed)


def _behind(entry: Entry, best: Entry | None) -> PairedDifference | None:
    if best is None or entry.replicates == best.replicates:
        return None
    return compare(entry, best)


def _cannot_be_told_apart(entry: Entry, best: Entry) -> bool:
    difference = compare(entry, best)
    if difference is None or difference.p is None:
        return _mean(entry) == _mean(best)
    return difference.p > ALPHA


def _place(entry: Entry) -> int:
    if entry.summary is None:
        return 2
    return 1 if entry.unranked else 0


def _mean(entry: Entry) -> float:
    return 0.0 if entry.summary is None else entry.summary.mean
