"""The decoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import DecodeError
from toolkit.stages.decode import (
    MOMENT_S,
    DecodedFrame,
    Decoder,
    Entries,
    FrameSeries,
    frames_shown,
)
from toolkit_decode_pyav.entering import entries
from toolkit_decode_pyav.metadata import read_metadata
from toolkit_decode_pyav.opening import opened
from toolkit_decode_pyav.seeking import Seeker
from toolkit_decode_pyav.stream import PyAVStream

if TYPE_CHECKING:
    from toolkit.records import Video
    from toolkit_decode_pyav import PyAVOptions

__all__ = ["PyAVDecoder"]


class PyAVDecoder(Decoder):
    """Decodes through PyAV. It holds nothing open between calls.

    Args:
        options: How.
        cores: How many threads decode a file, where the options leave that open; 0 for as many as
            FFmpeg likes.
    """

    def __init__(self, options: PyAVOptions, cores: Callable[[], int] = lambda: 0) -> None:
        import av  # noqa: F401  that a missing library shows when the decoder is made

        self._options = options
        self._cores = cores

    def probe(self, path: Path) -> Video:
        return read_metadata(path)

    @contextmanager
    def open(self, path: Path) -> Iterator[PyAVStream]:
        with opened(path, self._options.hardware) as (container, stream):
            stream.thread_type = "AUTO"
            stream.thread_count = self._options.threads or self._cores()
            if self._options.skip_nonref:
                stream.codec_context.skip_frame = "NONREF"
            yield PyAVStream(container, stream, path)

    @contextmanager
    def frames_at(self, path: Path, times_s: Iterable[float]) -> Iterator[FrameSeries]:
        with ExitStack() as files:
            stream = files.enter_context(self.open(path))
            seeker = Seeker(stream)

            def frames() -> Iterator[DecodedFrame]:
                yield from seeker.frames(times_s)
                if seeker.unreached:
                    again = files.enter_context(self.open(path))
                    yield from frames_shown(again, seeker.unreached)

            yield FrameSeries(frames(), stream)

    def entries(self, path: Path) -> Entries | None:
        if self._options.skip_nonref:
            return None  # which frames these are is known when they are decoded
        with self.open(path) as stream, opened(path) as (container, video):
            return entries(stream, container, video)

    @contextmanager
    def open_at(self, path: Path, time_s: float) -> Iterator[PyAVStream]:
        with self.open(path) as stream:
            if time_s > MOMENT_S and not stream.enter(Seeker(stream).onward(time_s)):
                raise DecodeError(
                    f"The decoding of '{path}' cannot begin at {time_s:g} s.", path=str(path)
                )
            yield stream
