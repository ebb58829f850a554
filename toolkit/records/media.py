"""Sources, videos, scenes, and the frames of a scene."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, JsonValue

from toolkit.records import faces
from toolkit.records.base import Part, Record, digest, now

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["AudioStream", "Chapter", "Cut", "Frames", "Scene", "Source", "SubtitleStream", "Video"]


class Source(Record):
    """Where a video comes from: a link or a path, as given and normalised.

    ``stamp`` tells whether a local file changed since it was hashed (size and modification time).
    ``info`` holds what the site said about the video: title, uploader, licence, description.
    """

    uri: str
    kind: Literal["file", "link"]
    requested_by: str = ""
    requested_at: datetime = Field(default_factory=now)
    video_id: str | None = None
    stamp: str = ""
    info: dict[str, JsonValue] = {}

    @classmethod
    def of(cls, uri: str, kind: Literal["file", "link"], **data: Any) -> Source:
        """The source with this normalised URI."""
        return cls(id=digest("source", uri), uri=uri, kind=kind, **data)


class AudioStream(Part):
    """One audio stream of a file."""

    index: int
    codec: str
    language: str = ""
    channels: int = 0
    sample_rate_hz: int = 0


class SubtitleStream(Part):
    """One subtitle stream of a file."""

    index: int
    codec: str
    language: str = ""


class Chapter(Part):
    """A chapter that the file itself marks."""

    start_s: float
    end_s: float
    title: str = ""


class Video(Record):
    """A file's content; its ``id`` is a hash of the file's bytes.

    ``width`` and ``height`` are pixels as stored; ``rotation`` (degrees, clockwise: 0, 90, 180 or
    270) and ``sample_aspect_ratio`` say how to show them. ``truncated`` and ``share_read`` are
    known after a scan: a file cut in the middle yields what is there. ``info`` is what the site
    said whose link led to it first; its chapters stand in for those of a file that marks none.
    """

    path: str
    size_bytes: int
    container: str
    duration_s: float | None
    start_s: float = 0.0
    width: int
    height: int
    rotation: int = 0
    sample_aspect_ratio: float = 1.0
    frame_rate: float | None = None
    nominal_frame_rate: float | None = None
    variable_frame_rate: bool = False
    frame_count: int | None = None
    codec: str
    profile: str = ""
    pixel_format: str = ""
    bit_depth: int = 8
    colour_space: str = ""
    colour_transfer: str = ""
    colour_primaries: str = ""
    colour_range: str = ""
    hdr: str = ""
    bit_rate_bps: int | None = None
    audio: tuple[AudioStream, ...] = ()
    subtitles: tuple[SubtitleStream, ...] = ()
    chapters: tuple[Chapter, ...] = ()
    tags: dict[str, str] = {}
    truncated: bool = False
    share_read: float | None = None
    info: dict[str, JsonValue] = {}

    def _repr_html_(self) -> str:
        title = self.info.get("title") or PurePath(self.path).name
        rate = f"{self.frame_rate:.3g} frames a second" if self.frame_rate else None
        rows = [
            ("file", self.path),
            ("length", None if self.duration_s is None else faces.clock(self.duration_s)),
            ("picture", f"{self.width} x {self.height}, {self.codec}"),
            ("frames", rate),
            ("sound", ", ".join(one.codec for one in self.audio)),
            ("chapters", len(self.chapters) or None),
            ("size", f"{self.size_bytes / 1e6:.1f} MB"),
            ("id", self.id),
        ]
        return faces.facts(f"Video {title}", rows)


class Cut(Part):
    """A boundary that a detector found: the pts of the new scene's first frame, in seconds."""

    at_s: float
    kind: Literal["cut", "fade", "dissolve", "wipe", "split"] = "cut"
    score: float = 0.0


class Scene(Record):
    """A stretch of a video, from the pts of its first frame to the pts of the next scene's first.

    ``kind`` and ``score`` are those of the cut it starts with; the first scene's kind is "start".
    ``sampled_s`` are the times of the frames that were picked from it, by the sampler with the key
    ``sampler``: whoever looks again looks at the same.
    """

    video_id: str
    detector: str
    index: int
    start_s: float
    end_s: float
    kind: Literal["start", "cut", "fade", "dissolve", "wipe", "split"] = "cut"
    score: float = 0.0
    thumbnail: str = ""
    sampler: str = ""
    sampled_s: tuple[float, ...] = ()

    @classmethod
    def of(cls, video_id: str, detector: str, index: int, **data: Any) -> Scene:
        """The scene with this place in this detector's reading of the video."""
        key = digest("scene", video_id, detector, index)
        return cls(id=key, video_id=video_id, detector=detector, index=index, **data)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s

    def _repr_html_(self) -> str:
        rows = [
            ("from", faces.clock(self.start_s)),
            ("to", faces.clock(self.end_s)),
            ("length", f"{self.duration_s:.2f} s"),
            ("starts with", self.kind),
            ("video", self.video_id),
            ("id", self.id),
        ]
        return faces.facts(f"Scene {self.index}", rows, image=faces.picture(self.thumbnail, 240))


@dataclass(frozen=True, eq=False)
class Frames:
    """The few frames of a scene worth looking at.

    Attributes:
        scene: The scene they are from.
        sampler: Fingerprint of the sampler that chose them.
        pts_s: Their times in seconds, ascending, as (n,) float64.
        rgb: Their pixels, upright and with square pixels, as (n, height, width, 3) uint8.
    """

    scene: Scene
    sampler: str
    pts_s: npt.NDArray[np.float64]
    rgb: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.pts_s)
