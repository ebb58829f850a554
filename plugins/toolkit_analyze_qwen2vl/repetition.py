"""Loops: a model that says the same again and again will not say anything else."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["Repetition"]

LONGEST = 64
ROUNDS = 3


class Repetition:
    """Watches an answer for a run of tokens that repeats itself.

    For every period up to 64 tokens it counts how many tokens in a row equal the one a period
    before. An answer loops where that has gone on for three more rounds.

    Args:
        least: And for so many tokens at least.
    """

    def __init__(self, least: int = 12) -> None:
        self._least = least
        self._runs: dict[int, int] = {}

    def repeated(self, tokens: Sequence[int]) -> int:
        """How many tokens at the end only repeat what was said, 0 unless the answer loops.

        To be called after every token; what is left without them ends with the first round.
        """
        *earlier, last = tokens[-1 - LONGEST :]
        self._runs = {
            period: self._runs.get(period, 0) + 1
            for period, token in enumerate(reversed(earlier), 1)
            if token == last
        }
        return next(
            (run for period, run in self._runs.items() if run >= max(ROUNDS * period, self._least)),
            0,
        )
