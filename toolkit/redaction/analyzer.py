"""An analyzer that sees blurred frames and whose words are masked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from pydantic import JsonValue

from toolkit.records import Answer, Ask, Frames, SynthesisKind
from toolkit.redaction.masks import Masks
from toolkit.redaction.pictures import Blur
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel
from toolkit.stages.writing import Prompt, Writer, Written

__all__ = ["redacted"]


def redacted(analyzer: Analyzer, blur: Blur | None, masks: Masks | None) -> Analyzer:
    """The analyzer with what is to be redacted; the same one where nothing is."""
    if blur is None and masks is None:
        return analyzer
    if isinstance(analyzer, Writer):
        return _RedactedWriter(analyzer, blur, masks)
    return _Redacted(analyzer, blur, masks)


class _Redacted(Analyzer):
    """Another analyzer, between what it sees and what it says.

    Args:
        analyzer: The other one; it is closed with this one.
        blur: Blurs its frames.
        masks: Masks its words.
    """

    def __init__(self, analyzer: Analyzer, blur: Blur | None, masks: Masks | None) -> None:
        self._analyzer = analyzer
        self._blur = blur
        self._masks = masks
        self.kinds = analyzer.kinds
        self.remote = analyzer.remote
        self.accelerated = analyzer.accelerated
        self.batch_size = analyzer.batch_size

    def identity(self) -> dict[str, JsonValue]:
        """That of the other one, and what is redacted: other frames, other words."""
        found = self._analyzer.identity()
        if self._blur:
            found["blur"] = self._blur.identity()
        if self._masks:
            found["masks"] = self._masks.identity()
        return found

    def close(self) -> None:
        """Close the other one."""
        self._analyzer.close()

    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        """See :class:`~toolkit.stages.analysis.Analyzer`, and so below."""
        return self._analyzer.asks(wanted)

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterator[Sequence[Reply]]:
        """Blur, let the other one answer, mask."""
        if self._blur:
            looks = [replace(look, frames=self._blurred(look.frames, cancel)) for look in looks]
        for replies in self._analyzer.analyze(looks, fingerprint, cancel):
            yield [self._masked(reply) for reply in replies]

    def _blurred(self, frames: Frames, cancel: Cancel) -> Frames:
        import numpy as np

        assert self._blur is not None
        pictures = []
        for rgb in frames.rgb:
            cancel.check()
            pictures.append(self._blur(rgb))
        return replace(frames, rgb=np.stack(pictures) if pictures else frames.rgb)

    def _masked(self, reply: Reply) -> Reply:
        if self._masks is None or not isinstance(reply, Answer):
            return reply
        # A choice, a label and a signal's name are the asker's own words.
        value = (
            reply.value if reply.kind in ("labels", "sentiment") else self._masks.value(reply.value)
        )
        return reply.model_copy(update={"text": self._masks(reply.text), "value": value})


class _RedactedWriter(_Redacted, Writer):
    """The same of an analyzer that can write."""

    def __init__(self, analyzer: Analyzer, blur: Blur | None, masks: Masks | None) -> None:
        super().__init__(analyzer, blur, masks)
        assert isinstance(analyzer, Writer)
        self._writer: Writer = analyzer
        self.overhead = analyzer.overhead

    def wording(self, kind: SynthesisKind, name: str) -> Prompt:
        """See :class:`~toolkit.stages.writing.Writer`, and so below."""
        return self._writer.wording(kind, name)

    def count(self, texts: Sequence[str], cancel: Cancel) -> list[int]:
        """How many tokens each text has."""
        return self._writer.count(texts, cancel)

    def write(self, prompts: Sequence[Prompt], limit: int, cancel: Cancel) -> Sequence[Written]:
        """A text for each prompt, masked."""
        written = self._writer.write(prompts, limit, cancel)
        if self._masks is None:
            return written
        return [replace(one, text=self._masks(one.text)) for one in written]
