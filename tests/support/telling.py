"""An analyzer whose words stand nowhere else, and a look for bytes in all files of a folder."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar

from toolkit.records import Answer, Ask, AskKind
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel

__all__ = ["Telling", "found_in"]


class Telling(Analyzer):
    """Says something of each video that stands nowhere else."""

    kinds: frozenset[AskKind] = frozenset({"description"})
    words: ClassVar[dict[str, str]] = {}

    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        return list(wanted)

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterable[Sequence[Reply]]:
        for look in looks:
            scene = look.frames.scene
            word = self.words.setdefault(scene.video_id, secrets.token_hex(12))
            said = f"A person in a garden {word} waters {word[::-1]} the roses."
            yield [Answer.of(scene, fingerprint, "telling", ask, text=said) for ask in look.asks]


def found_in(folder: Path, wanted: Iterable[bytes]) -> dict[str, int]:
    """Files below a folder that have any of these bytes, and how many of them."""
    needles = list(wanted)
    counts = {}
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            if count := sum(needle in data for needle in needles):
                counts[path.relative_to(folder).as_posix()] = count
    return counts
