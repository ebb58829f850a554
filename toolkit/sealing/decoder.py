"""A decoder that reads sealed files: it is given a plain copy for as long as it reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import JsonValue

from toolkit.records import Video
from toolkit.stages.decode import Decoder, Entries, FrameSeries, FrameStream
from toolkit.vault.files import opened

__all__ = ["OpeningDecoder"]


class OpeningDecoder(Decoder):
    """Another decoder, for files that may be sealed.

    Args:
        decoder: Reads plain files; it is closed with this one.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder

    def identity(self) -> dict[str, JsonValue]:
        """That of the other one: the frames are the same."""
        return self._decoder.identity()

    def close(self) -> None:
        """Close the other one."""
        self._decoder.close()

    def probe(self, path: Path) -> Video:
        """See :class:`~toolkit.stages.decode.Decoder`, and so below."""
        with opened(path) as plain:
            return self._decoder.probe(plain)

    @contextmanager
    def open(self, path: Path) -> Iterator[FrameStream]:
        """A stream of the file's frames."""
        with opened(path) as plain, self._decoder.open(plain) as stream:
            yield stream

    @contextmanager
    def frames_at(self, path: Path, times_s: Iterable[float]) -> Iterator[FrameSeries]:
        """The frames shown at these times."""
        with opened(path) as plain, self._decoder.frames_at(plain, times_s) as series:
            yield series

    def entries(self, path: Path) -> Entries | None:
        """Where decoding can begin."""
        with opened(path) as plain:
            return self._decoder.entries(plain)

    @contextmanager
    def open_at(self, path: Path, time_s: float) -> Iterator[FrameStream]:
        """A stream that begins with one of its entries."""
        with opened(path) as plain, self._decoder.open_at(plain, time_s) as stream:
            yield stream
