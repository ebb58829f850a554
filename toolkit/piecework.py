"""A pipeline's scan of one long file, in pieces that an engine runs anywhere.

work = Piecework(pipeline)
chunking = work.plan(video, cancel)
while chunking and (wanted := chunking.wanted()):
for chunk in wanted:  # side by side, in any order, on any machine
chunking.take(work.read(video, chunk, cancel))
if chunking and (joined := chunking.joined):
pieces = work.pieces(joined)
for piece in pieces:  # side by side
for each in work.scan(video, piece, cancel):
...  # on to the analyzers, as what Pipeline.scan gives
# when all scenes are saved: save work.closing(video, joined, pieces)
else:
...  # Pipeline.scan, as also where a chunk or a piece raises DecodeError
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

from toolkit.chunks import Chunking, plan
from toolkit.config import Settings
from toolkit.isolation.reading import Job, Pair
from toolkit.outlines import Outline, filled, outlines, pieces
from toolkit.pipeline import Pipeline
from toolkit.readings import Chunk, Joined, Reading, read
from toolkit.records import Record, Video
from toolkit.scan import Ended, Found, pictured
from toolkit.stages.component import Cancel
from toolkit.work import Work, scanned

__all__ = ["Piecework"]

T = TypeVar("T")


class Piecework:
    """The steps, for one pipeline. What they are given and give back can be pickled.

    Args:
        pipeline: How each stage is done; another process makes its own of the same settings.
    """

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._crew, self._settings = pipeline.crew, pipeline.settings

    def plan(self, video: Video, cancel: Cancel) -> Chunking | None:
        """Which chunks to read first; None if the file is to be scanned as a whole.

        Raises:
            DecodeError: The file cannot be read.
            CancelledError: ``cancel`` was set.
        """
        if scanned(self._crew, video):
            return None
        [chunking] = self._do(_planned, video, cancel=cancel)
        return chunking

    def read(self, video: Video, chunk: Chunk, cancel: Cancel) -> Reading:
        """Read one chunk: 16 bytes a frame come back, and what the detector told.

        Raises:
            DecodeError: It cannot be read.
            CancelledError: ``cancel`` was set.
        """
        [reading] = self._do(_reading, video, chunk, cancel=cancel)
        return reading

    def pieces(self, joined: Joined) -> list[list[Outline]]:
        """All scenes of the file, in groups about as long as a chunk."""
        return pieces(list(outlines(joined, self._settings)), self._settings.execution.chunk_s)

    def scan(self, video: Video, piece: Sequence[Outline], cancel: Cancel) -> Iterator[Work]:
        """The scenes of a piece with their frames, as ``Pipeline.scan`` gives them.

        None has a ``closing``.

        Raises:
            DecodeError: The file cannot be read, or has other frames than it had.
            CancelledError: ``cancel`` was set.
        """
        looked_at = bool(self._crew.asked)
        for found, size in self._do(_filled, video, piece, looked_at, cancel=cancel):
            yield self._pipeline.found(video, found, size)

    def _do(self, job: Job[T], video: Video, *arguments: object, cancel: Cancel) -> Iterator[T]:
        readers = self._crew.readers
        return readers.do(job, video, readers.settings, *arguments, cancel=cancel)

    def closing(
        self, video: Video, joined: Joined, pieces: Sequence[Sequence[Outline]]
    ) -> list[Record]:
        """What to save of the video when the scenes of all pieces are saved."""
        seen = len(joined.times_s), joined.ending.share_read, joined.truncated(video)
        return self._pipeline.closing(video, sum(map(len, pieces)), Ended(*seen))


def _planned(
    pair: Pair, video: Video, settings: Settings, cancel: Cancel
) -> Iterator[Chunking | None]:
    yield plan(pair.decoder, pair.detector, video, settings, cancel)


def _reading(
    pair: Pair, video: Video, settings: Settings, chunk: Chunk, cancel: Cancel
) -> Iterator[Reading]:
    yield read(pair.decoder, pair.detector, video, settings, chunk, cancel)


def _filled(
    pair: Pair,
    video: Video,
    settings: Settings,
    piece: Sequence[Outline],
    looked_at: bool,
    cancel: Cancel,
) -> Iterator[tuple[Found, tuple[int, int]]]:
    for found, size in filled(pair.decoder, pair.detector, video, piece, settings, cancel):
        yield pictured(found, size, settings, looked_at=looked_at), size
