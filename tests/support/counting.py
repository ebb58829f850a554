"""An analyzer that counts what it is asked, to prove what is not done twice."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import ClassVar

from toolkit.records import Answer, Ask, AskKind, Evidence
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel


class Counting(Analyzer):
    """Answers everything with a fixed text, and remembers every ask."""

    kinds: frozenset[AskKind] = frozenset({"description", "question", "sentiment"})
    batch_size = 2
    asked: ClassVar[list[tuple[int, AskKind, str]]] = []
    _lock = threading.Lock()

    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        return [ask.model_copy(update={"prompt": f"{ask.kind}: {ask.name}"}) for ask in wanted]

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterable[Sequence[Reply]]:
        for look in looks:
            cancel.check()
            scene = look.frames.scene
            with self._lock:
                Counting.asked.extend((scene.index, ask.kind, ask.name) for ask in look.asks)
            yield [self._answer(look, ask, fingerprint) for ask in look.asks]

    def _answer(self, look: Look, ask: Ask, fingerprint: str) -> Answer:
        times = tuple(float(time) for time in look.frames.pts_s)
        return Answer.of(
            look.frames.scene,
            fingerprint,
            "counting",
            ask,
            text=f"{ask.kind} of scene {look.frames.scene.index}",
            value="neutral" if ask.kind == "sentiment" else None,
            evidence=Evidence(frame_times_s=times),
        )
