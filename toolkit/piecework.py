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
from pathlib import Path

from toolkit.chunks import Chunking, plan
from toolkit.outlines import Outline, filled, outlines, pieces
from toolkit.pipeline import Pipeline
from toolkit.readings import Chunk, Joined, Reading, read
from toolkit.records import Record, Video
from toolkit.stages.component import Cancel
from toolkit.vault.files import opened
from toolkit.work import Work, scanned

__all__ = ["Piecework"]


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
        with opened(Path(video.path), cancel.check):
            return plan(self._crew.decoder, self._crew.detector, video, self._settings, cancel)

    def read(self, video: Video, chunk: Chunk, cancel: Cancel) -> Reading:
        """Read one chunk: 16 bytes a frame come back, and what the detector told.

        Raises:
            DecodeError: It cannot be read.
            CancelledError: ``cancel`` was set.
        """
        crew = self._crew
        with opened(Path(video.path), cancel.check):
            return read(crew.decoder, crew.detector, video, self._settings, chunk, cancel)

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
        crew, settings = self._crew, self._settings
        with opened(Path(video.path), cancel.check):  # before the decoder's silence is watched
            for found, size in filled(crew.decoder, crew.detector, video, piece, settings, cancel):
                yield self._pipeline.found(video, found, size)

    def closing(
        self, video: Video, joined: Joined, pieces: Sequence[Sequence[Outline]]
    ) -> list[Record]:
        """What to save of the video when the scenes of all pieces are saved."""
        seen = len(joined.times_s), joined.ending.share_read, joined.truncated(video)
        return self._pipeline.closing(video, sum(map(len, pieces)), *seen)
