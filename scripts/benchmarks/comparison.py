"""Rates of translation -> how many times as fast one program is as another.

Comparisons are of sentences a second, each program at the batch size where its median is highest: the ratio of the
medians, and the ratio in each round.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.harness import PEERS, Figures


class Contestant(NamedTuple):
    """A program (a variant of this one, or a peer) with a beam and a batch size, and how it is started."""

    program: str
    beam_size: int
    batch_sentences: int
    arguments: list[str]

    @property
    def name(self) -> str:
        """What tables call it."""
        search = "greedy" if self.beam_size == 1 else f"beam {self.beam_size}"
        return f"{self.program} {search} x{self.batch_sentences}"


def compare(
    contestants: Sequence[Contestant], rounds: Sequence[dict[str, Figures]], medians: dict[str, Figures]
) -> list[Figures]:
    """How many times as many sentences a second: variants and the first of them, variants and peers, by beam."""

    def rate(figures: dict[str, Figures], each: Contestant) -> float:
        found: float = figures[each.name]["sentences_per_second"]
        return found

    found = []
    for beam_size in dict.fromkeys(each.beam_size for each in contestants):
        here = [each for each in contestants if each.beam_size == beam_size]
        best = [
            max((each for each in here if each.program == program), key=lambda each: rate(medians, each))
            for program in dict.fromkeys(each.program for each in here)
        ]
        ours = [each for each in best if each.program not in PEERS]
        pairs = [(each, ours[0]) for each in ours[1:]]
        pairs += itertools.product(ours, [each for each in best if each.program in PEERS])
        for each, other in pairs:
            by_round = [rate(figures, each) / rate(figures, other) for figures in rounds]
            ratio = rate(medians, each) / rate(medians, other)
            found.append({"of": each.name, "over": other.name, "ratio": ratio, "by_round": by_round})
    return found
