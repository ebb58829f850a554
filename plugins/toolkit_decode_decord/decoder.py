"""The decoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.records import Video
from toolkit.stages.decode import Decoder
from toolkit_decode_decord.opening import load, opened
from toolkit_decode_decord.stream import DecordStream

if TYPE_CHECKING:
    from toolkit_decode_decord import DecordOptions

__all__ = ["DecordDecoder"]


class DecordDecoder(Decoder):
    """Decodes through decord. It holds nothing open between calls.

    Frames at wanted times are found by reading from the start: decord's own seeking gives other
    frames where groups of pictures are open.
    """

    def __init__(self, options: DecordOptions) -> None:
        load()  # that a missing library shows when the decoder is made
        self._options = options

    def probe(self, path: Path) -> Video:
        import numpy as np

        with self.open(path) as stream:
            steps = np.diff(stream.times_s)
            usual_s = float(np.median(steps)) if len(steps) else stream.frame_s
            # Times are 32-bit floats of rounded ticks: milliseconds do not count.
            varies = bool(len(steps)) and float(np.abs(steps - usual_s).max()) > 0.002
            return Video(
                id="",
                path=str(path),
                size_bytes=path.stat().st_size,
                container=path.suffix.lower().removeprefix("."),
                duration_s=stream.end_s,
                width=stream.width,
                height=stream.height,
                frame_rate=1 / stream.frame_s,
                nominal_frame_rate=1 / usual_s if usual_s else None,
                variable_frame_rate=varies,
                frame_count=len(stream.times_s),
                codec="unknown",
            )

    @contextmanager
    def open(self, path: Path) -> Iterator[DecordStream]:
        reader = opened(path, self._options.threads)
        yield DecordStream(reader, path, self._options.memory_mb * 1_000_000)
