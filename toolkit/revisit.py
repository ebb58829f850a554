"""The frames of scenes that are known, read again without reading the rest of the file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from toolkit.config import Settings
from toolkit.errors import DecodeError
from toolkit.isolation.reading import Pair
from toolkit.records import Frames, Scene, Video
from toolkit.stages.component import Cancel
from toolkit.stages.decode import MOMENT_S, Decoder
from toolkit.stages.sampling import frames_of
from toolkit.stages.threads import look
from toolkit.watchdog import Beat, watched

__all__ = ["patience_s", "reread", "revisited"]


def reread(
    pair: Pair, video: Video, scenes: Sequence[Scene], settings: Settings, cancel: Cancel
) -> Iterator[Frames]:
    """A job: see :func:`revisited`."""
    return revisited(pair.decoder, video, scenes, settings, cancel)


def revisited(
    decoder: Decoder, video: Video, scenes: Sequence[Scene], settings: Settings, cancel: Cancel
) -> Iterator[Frames]:
    """What was picked from these scenes when the video was scanned, pixel for pixel.

    Args:
        decoder: Reads the file; no more of it than its groups of pictures with wanted frames.
        video: The video.
        scenes: Scenes of it in order, of which it is known what was picked.
        settings: How large frames are, and when the decoder counts as stuck.
        cancel: Ends the reading.

    Raises:
        DecodeError: The file cannot be read, or has other frames than it had.
        CancelledError: ``cancel`` was set.
    """
    times_s = [time_s for scene in scenes for time_s in scene.sampled_s]

    def read(beat: Beat) -> Iterator[Frames]:
        with decoder.frames_at(Path(video.path), times_s) as series:
            size = series.width, series.height
            for scene in scenes:
                picked = []
                for time_s in scene.sampled_s:
                    beat()
                    cancel.check()
                    frame = next(series, None)
                    if frame is None or abs(frame.pts_s - time_s) > MOMENT_S:
                        raise DecodeError(
                            f"'{video.path}' has no frame at {time_s:g} s any more.",
                            hint="The file or its decoder changed: analyze it in a new workspace.",
                            path=video.path,
                        )
                    picked.append(frame)
                yield frames_of(video, scene, picked, size, settings.sampling, scene.sampler)
            look()  # its decoder's threads end with it

    stall_s = settings.decode.stall_s + patience_s(times_s)
    return watched(read, f"Reading '{video.path}'", stall_s, cancel)


def patience_s(times_s: Sequence[float]) -> float:
    """How much longer than usual a decoder may be silent that reads frames at these times.

    One that cannot seek tells nothing while it reads what lies between two of them.
    """
    return max((later - earlier for earlier, later in pairwise([0.0, *times_s])), default=0.0)
