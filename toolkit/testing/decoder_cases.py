"""Files that every decoder should read frame by frame, and what is in them.

path = CASES["edit_list"].write(tmp_path)
CASES["edit_list"].numbers      # the numbers that its frames show, see `number_of`
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from toolkit.testing.media import write_numbered

__all__ = ["CASES", "Case", "damage", "groups_of"]

_COUNT = 40
_RATE = 25


def groups_of(frames: int) -> dict[str, str]:
    """Options of x264: groups of pictures of exactly this many frames."""
    return {"x264-params": f"keyint={frames}:min-keyint={frames}:scenecut=0"}


@dataclass(frozen=True)
class Case:
    """One kind of file.

    Attributes:
        name: The file's name; its suffix names the container.
        options: How :func:`~toolkit.testing.media.write_numbered` writes it.
        rework: What is done to the file afterwards.
        numbers: The numbers of the frames that are shown.
        start_s: When the container shows the first one.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)
    rework: Callable[[Path], None] | None = None
    numbers: range = range(_COUNT)
    start_s: float = 0.0

    @property
    def times_s(self) -> list[float]:
        """When each frame is shown, counted from the first."""
        if "times_ms" in self.options:
            times = self.options["times_ms"]
            return [(time - times[0]) / 1000 for time in times]
        rate = Fraction(self.options.get("rate", _RATE))
        return [float(place / rate) for place in range(len(self.numbers))]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        width, height = self.options.get("size", (96, 64))
        return width, height

    def write(self, folder: Path) -> Path:
        """Write the file into a folder."""
        path = write_numbered(folder / self.name, **self.options)
        if self.rework:
            self.rework(path)
        return path


def damage(path: Path, packet: int) -> None:
    """Overwrite one packet of a file with noise, its header included."""
    import av

    with av.open(str(path)) as container:
        hurt = [p for p in container.demux(video=0) if p.size][packet]
        position, size = hurt.pos, hurt.size
    assert position is not None
    with path.open("r+b") as file:
        # Past the container's own words on the packet: the file must stay readable.
        file.seek(position + 16)
        file.write(bytes(255 - i % 251 for i in range(size - 16)))


_SKIPPED, _KEPT = 8, 24


def _edit(path: Path) -> None:
    """Show only some frames from the middle, as phones and editors do who cut without encoding."""
    data = bytearray(path.read_bytes())

    def word(box: bytes, offset: int) -> int:
        return int.from_bytes(data[(at := data.index(box) + offset) : at + 4], "big")

    # ISO/IEC 14496-12, 8.6.6: version and flags, entry count; duration in the film's ticks, start
    # in the track's. The ticks of both headers follow their two dates.
    film_tick, track_tick, start = word(b"mvhd", 16), word(b"mdhd", 16), word(b"elst", 16)
    struct.pack_into(
        ">II",
        data,
        data.index(b"elst") + 12,
        _KEPT * film_tick // _RATE,
        start + _SKIPPED * track_tick // _RATE,
    )
    path.write_bytes(data)


def _steady_ms(start_ms: int) -> list[int]:
    return [start_ms + 1000 // _RATE * place for place in range(_COUNT)]


_UNEVEN_MS = [place * 40 + place % 3 * 11 for place in range(_COUNT)]
_QUIET = "log-level=none"
_HEVC: dict[str, Any] = {"codec": "libx265", "options": {"x265-params": _QUIET}}
_OPEN = "open-gop=1:keyint=10:min-keyint=10:scenecut=0:bframes=3"
_OPEN_HEVC = {"codec": "libx265", "options": {"x265-params": f"{_QUIET}:{_OPEN}"}}
_FRAGMENTS = {"movflags": "frag_keyframe+empty_moov"}
_NEGATIVE = {"avoid_negative_ts": "disabled"}
_MPEG2 = {"codec": "mpeg2video", "options": {"bf": "2", "g": "10"}}
_AV1 = {"codec": "libsvtav1", "options": {"preset": "12"}}

CASES: dict[str, Case] = {
    "b_frames": Case("clip.mp4"),
    "no_b_frames": Case("clip.mp4", {"options": {"bf": "0"}}),
    "short_gops": Case("clip.mp4", {"options": groups_of(5)}),
    "open_gops_mp4": Case("clip.mp4", {"options": {"x264-params": _OPEN}}),
    "open_gops_mkv": Case("clip.mkv", {"options": {"x264-params": _OPEN}}),
    "open_gops_hevc": Case("clip.mp4", _OPEN_HEVC),
    "fragmented": Case("clip.mp4", {"container_options": _FRAGMENTS}),
    "edit_list": Case("clip.mp4", rework=_edit, numbers=range(_SKIPPED, _SKIPPED + _KEPT)),
    "sound": Case("clip.mp4", {"sound": True}),
    "mov": Case("clip.mov"),
    "mkv": Case("clip.mkv"),
    "ntsc_mkv": Case("clip.mkv", {"rate": Fraction(30_000, 1001)}),
    "no_duration": Case("clip.mkv", {"container_options": {"live": "1"}}),
    "mpegts": Case("clip.ts"),
    "h264_avi": Case("clip.avi"),
    "uneven_mp4": Case("clip.mp4", {"times_ms": _UNEVEN_MS}),
    "uneven_mkv": Case("clip.mkv", {"times_ms": _UNEVEN_MS}),
    "late_start_mp4": Case("clip.mp4", {"times_ms": _steady_ms(10_000)}, start_s=10),
    "late_start_mkv": Case("clip.mkv", {"times_ms": _steady_ms(10_000)}, start_s=10),
    "late_start_ts": Case("clip.ts", {"times_ms": _steady_ms(10_000)}, start_s=10),
    "negative_start": Case(
        "clip.webm",
        {"codec": "libvpx", "times_ms": _steady_ms(-400), "container_options": _NEGATIVE},
        start_s=-0.4,
    ),
    "hevc": Case("clip.mp4", _HEVC),
    "vp8": Case("clip.webm", {"codec": "libvpx"}),
    "vp9": Case("clip.webm", {"codec": "libvpx-vp9"}),
    "av1": Case("clip.mp4", _AV1),
    "av1_mkv": Case("clip.mkv", _AV1),
    "mpeg2_ts": Case("clip.ts", _MPEG2),
    "mpeg2_ps": Case("clip.mpg", _MPEG2),
    "mpeg4_avi": Case("clip.avi", {"codec": "mpeg4"}),
    "mpeg4_avi_b_frames": Case("clip.avi", {"codec": "mpeg4", "options": {"bf": "2"}}),
    "ten_bit_h264": Case("clip.mp4", {"pixel_format": "yuv420p10le"}),
    "ten_bit_hevc": Case("clip.mkv", {**_HEVC, "pixel_format": "yuv420p10le"}),
    "odd_size": Case("clip.webm", {"codec": "libvpx-vp9", "size": (97, 65)}),
    "odd_size_444": Case("clip.mp4", {"pixel_format": "yuv444p", "size": (97, 65)}),
    "one_frame": Case("clip.mp4", {"count": 1}, numbers=range(1)),
    "one_frame_webm": Case("clip.webm", {"codec": "libvpx", "count": 1}, numbers=range(1)),
}
"""Name -> a file that is whole and sound."""
