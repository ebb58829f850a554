"""Packets copied to another file, not decoded: fast, without loss, from a keyframe on."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import MediaError
from toolkit.media.files import writing
from toolkit.media.reel import LEAD_S, Reel
from toolkit.media.tracks import Track, keep_notes, track_of, unsaid
from toolkit.stages.decode import MOMENT_S

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.packet import Packet

__all__ = ["copy", "name_of", "share_of"]


def copy(
    reel: Reel,
    start_s: float,
    end_s: float | None,
    part: Path,
    container: str,
    *,
    fragmented: bool,
) -> Generator[float, None, tuple[float, float, tuple[str, ...]]]:
    """Copy what is shown from the keyframe at or before ``start_s`` up to ``end_s``.

    A frame may be built on later ones, which are then copied too: the copy ends with the first
    frame from ``end_s`` on before which none is missing.

    Yields:
        How far it is, at every step.

    Returns:
        Where the copy starts and ends, and what the container cannot hold.

    Raises:
        MediaError: There is nothing to copy, or the container cannot hold it.
    """
    if reel.timeless:
        raise MediaError(
            f"'{reel.path}' does not say when its frames are shown.",
            hint="Encode them anew: exact.",
            path=str(reel.path),
        )
    reel.start_at(start_s)
    with writing(part, container, fragmented=fragmented) as target:
        pictures = track_of(target, reel.video, container, reel.first)
        if pictures is None:
            raise MediaError(
                f"{part.suffix} cannot hold {reel.video.codec.canonical_name} pictures.",
                hint="Use .mkv, which takes almost all, or encode them anew: exact.",
            )
        others, left_out = _others(reel, target, container)
        left_out += unsaid(reel, container)
        keep_notes(reel, target, max(0.0, _key_s(reel, start_s)), end_s)
        cutting = _Cutting(reel, pictures, others, end_s)
        for packet in reel.packets():
            if not cutting.take(packet):
                break
            yield share_of(cutting.end_s, start_s, end_s or reel.duration_s)
        cutting.finish(start_s)
    return cutting.start_s, cutting.end_s, tuple(left_out)


def _key_s(reel: Reel, start_s: float) -> float:
    return start_s if reel.key is None else reel.seconds(reel.key)


def share_of(at_s: float, start_s: float, end_s: float | None) -> float:
    """The share of a stretch that is done, from 0 to 1; 0 where its end is not known."""
    length_s = (end_s or 0.0) - start_s
    return min(1.0, max(0.0, (at_s - start_s) / length_s)) if length_s > 0 else 0.0


def _others(
    reel: Reel, target: OutputContainer, container: str
) -> tuple[dict[int, Track], list[str]]:
    """The copied streams of sound and subtitles, by index, and what cannot be copied."""
    tracks: dict[int, Track] = {}
    left_out = []
    for stream in reel.container.streams:
        if stream is reel.video:
            continue
        track = track_of(target, stream, container) if stream.type != "video" else None
        if track:
            tracks[stream.index] = track
        else:
            left_out.append(name_of(stream))
    return tracks, left_out


def name_of(stream: Any) -> str:
    """What a stream is called where it is left out: ``audio opus``."""
    codec = stream.codec.canonical_name if stream.codec_context else ""
    return f"{stream.type} {codec}".strip()


class _Cutting:
    """Decides packet by packet what belongs to the copy, and writes it.

    Attributes:
        start_s: Where the copy starts, in seconds since the video's first frame.
        end_s: Where its pictures end so far.
    """

    def __init__(
        self, reel: Reel, pictures: Track, others: dict[int, Track], end_s: float | None
    ) -> None:
        self._reel = reel
        self._pictures = pictures
        self._others = others
        self._sounding = {i for i, track in others.items() if track.source.type == "audio"}
        self._before: list[Packet[Any]] = []
        self._first: int | None = None  # pts of the keyframe
        self._last = 0  # the latest pts so far
        self._closed = False
        self._end: int | None = None
        if end_s is not None:
            self._end = reel.zero - int(-(end_s - MOMENT_S) // reel.tick)
        self._zero_s = Fraction(0)
        self.start_s = self.end_s = 0.0

    def take(self, packet: Packet[Any]) -> bool:
        """Write the packet if it belongs to the copy; False when all that does is written."""
        if packet.stream is self._reel.video:
            return self._take_picture(packet)
        if self._first is None:
            self._before.append(packet)
        elif packet.stream.index in self._others:
            self._take_other(packet)
        return bool(not self._closed or self._sounding)

    def _take_picture(self, packet: Packet[Any]) -> bool:
        if self._closed:
            assert self._end is not None
            far = self._end + LEAD_S / self._reel.tick
            return bool(self._sounding) and (packet.dts is None or packet.dts < far)
        if packet.pts is None:
            return True  # nobody knows when it is shown
        if self._first is None:
            if not packet.is_keyframe:
                return True
            self._start(packet.pts)
        elif packet.pts < self._first:
            return True  # an open group: it is built on frames that are not here
        elif packet.pts > self._last:
            # All that is shown before the latest frame is here now.
            decoded = packet.dts is not None and self._end is not None and packet.dts >= self._end
            if self._end is not None and (self._last >= self._end or decoded):
                self._closed = True
                return bool(self._sounding)
            self._last = packet.pts
        end = packet.pts + (packet.duration or self._reel.frame_ticks)
        self.end_s = max(self.end_s, self._reel.seconds(end))
        self._pictures.put(packet, self._zero_s)
        return True

    def _start(self, pts: int) -> None:
        self._first = self._last = pts
        # Where an edit list hides the keyframe's picture, it stays hidden: before zero.
        self._zero_s = max(pts, self._reel.zero) * self._reel.tick
        self.start_s = self._reel.seconds(pts)
        before, self._before = self._before, []
        for packet in before:
            self.take(packet)

    def _take_other(self, packet: Packet[Any]) -> None:
        track = self._others[packet.stream.index]
        start_s, end_s = track.span_s(packet)
        limit_s: float | None = None
        if self._end is not None:
            pictures_end_s = self.end_s + float(self._reel.zero * self._reel.tick)
            limit_s = max(float(self._end * self._reel.tick), pictures_end_s)
        if limit_s is not None and start_s >= limit_s:
            self._sounding.discard(packet.stream.index)
        elif track.source.type == "subtitle":
            if end_s > self._zero_s and start_s < (limit_s or end_s):
                _trim(packet, self._zero_s)
                track.put(packet, self._zero_s)
        # A codec needs the packet before the one that is heard first; players skip its sound.
        elif end_s + (end_s - start_s) > self._zero_s:
            track.put(packet, self._zero_s)

    def finish(self, start_s: float) -> None:
        """Write what waits.

        Raises:
            MediaError: No picture was copied, or none that is shown at ``start_s`` or later.
        """
        if self._first is not None and self.end_s <= start_s:
            raise MediaError(
                f"'{self._reel.path}' ends at {self.end_s:g} s: there is nothing from"
                f" {start_s:g} s on.",
                path=str(self._reel.path),
            )
        if self._first is None:
            raise MediaError(
                f"'{self._reel.path}' has no keyframe to start from.",
                hint="Encode it anew: exact.",
                path=str(self._reel.path),
            )
        for track in (self._pictures, *self._others.values()):
            track.finish()


def _trim(words: Packet[Any], zero_s: Fraction) -> None:
    """Let a subtitle that is shown already start with the clip."""
    first = round(zero_s / words.time_base)
    if words.pts is not None and words.pts < first:
        words.duration = max(1, (words.duration or 0) - (first - words.pts))
        words.pts = words.dts = first
