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
        self._runs = [0] * (LONGEST + 1)

    def repeated(self, tokens: Sequence[int]) -> int:
        """How many tokens at the end only repeat what was said, 0 unless the answer loops.

        To be called after every token; what is left without them ends with the first round.
        """
        last = len(tokens) - 1
        found = 0
        for period in range(1, min(LONGEST, last) + 1):
            same = tokens[last] == tokens[last - period]
            self._runs[period] = self._runs[period] + 1 if same else 0
            if not found and self._runs[period] >= max(ROUNDS * period, self._least):
                found = self._runs[period]
        return found
