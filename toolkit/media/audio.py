"""The sound of a video as a file of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.errors import MediaError, NotAVideoError
from toolkit.media.clip import Clip, stretch
from toolkit.media.copy import share_of
from toolkit.media.files import opened, writing
from toolkit.media.reel import LEAD_S, Reel, packets_of
from toolkit.media.sound import Voice
from toolkit.media.tracks import track_of

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet

__all__ = ["SOUND_SUFFIXES", "extract_audio"]

_FORMATS = {
    ".flac": ("flac", "flac"),
    ".m4a": ("ipod", "aac"),
    ".mka": ("matroska", ""),
    ".wav": ("wav", "pcm_s16le"),
}
"""FFmpeg's names of a suffix's container and encoder; no encoder where all is copied."""
_COPIED = {"ipod": frozenset({"aac", "alac"})}
SOUND_SUFFIXES = frozenset(_FORMATS)
"""Suffixes of the sound files that can be written."""


def extract_audio(
    path: Path,
    part: Path,
    start_s: float = 0.0,
    end_s: float | None = None,
    *,
    track: int = 0,
) -> Iterator[float | Clip]:
    """Write a stream of sound to a file of its own.

    It is work for :func:`toolkit.media.making.make`.

    ``.wav`` (16 bits) and ``.flac`` are decoded, and exact to the sample: sound that starts later
    than the pictures starts with silence, so that the file's zero is that of the clip. ``.mka``
    holds a copy of any sound, ``.m4a`` a copy of AAC and ALAC and all other encoded as AAC; a copy
    starts with the first packet that is heard in the stretch.

    Args:
        path: A video, or a file of sound.
        part: The file to write.
        start_s: Where to start, in seconds since the video's first frame.
        end_s: Where to end; None for the end.
        track: Which of its streams of sound, from 0.

    Yields:
        How far it is, as a share from 0 to 1, at every step, and at last what it made.

    Raises:
        MissingExtraError: PyAV is not installed.
        SourceError: There is no such file.
        DecodeError: The file cannot be read.
        MediaError: It has no such sound, or none in this stretch, or it cannot be written.
    """
    try:
        container, encoder = _FORMATS[part.suffix.lower()]
    except KeyError:
        raise MediaError(
            f"Sound cannot be written as '{part.suffix or part.name}'.",
            hint=f"Use one of: {', '.join(sorted(_FORMATS))}.",
            path=str(part),
        ) from None
    if start_s < 0 or track < 0 or (end_s is not None and end_s <= start_s):
        raise MediaError(f"Sound cannot go from {stretch(start_s, end_s)} in track {track}.")
    length_s = None if end_s is None else end_s - start_s
    with opened(path) as source:
        zero_s = _zero_s(path) + Fraction(start_s).limit_denominator(1_000_000)
        stream = _sound(source, track, path)
        promised_s = end_s or (source.duration or 0) / 1e6
        with writing(part, container) as target:
            copied = not encoder or stream.codec.canonical_name in _COPIED.get(container, ())
            sink = (_Copy if copied else _Decoded)(target, stream, container, encoder)
            for packet in _packets(source, stream, path, zero_s if start_s else None):
                at_s = float((packet.pts or 0) * packet.time_base - zero_s)
                if length_s is not None and at_s >= length_s:
                    break
                sink.put(packet, zero_s, length_s)
                yield share_of(start_s + at_s, start_s, promised_s)
            sink.finish(zero_s, length_s)
            if not sink.end_s:
                raise MediaError(f"'{path}' has no sound from {start_s:g} s on.", path=str(path))
    yield Clip(part, start_s, start_s + sink.end_s)


class _Decoded:
    """Sound that is decoded and encoded anew."""

    def __init__(self, target: OutputContainer, source: Any, _: str, encoder: str) -> None:
        self._voice = Voice(target, source, encoder, compressed=encoder == "aac")

    @property
    def end_s(self) -> float:
        return self._voice.end_s

    def put(self, packet: Packet[Any], zero_s: Fraction, length_s: float | None) -> None:
        self._voice.put(packet, zero_s, length_s)

    def finish(self, zero_s: Fraction, length_s: float | None) -> None:
        self._voice.put(None, zero_s, length_s)
        self._voice.finish()


class _Copy:
    """Sound whose packets are copied."""

    def __init__(self, target: OutputContainer, source: Any, container: str, _: str) -> None:
        track = track_of(target, source, container)
        if track is None:
            raise MediaError(f"The container cannot hold {source.codec.canonical_name} sound.")
        self._track = track
        self.end_s = 0.0

    def put(self, packet: Packet[Any], zero_s: Fraction, length_s: float | None) -> None:
        _, end_s = self._track.span_s(packet)
        if end_s > zero_s:
            self._track.put(packet, zero_s)
            self.end_s = float(end_s - zero_s)

    def finish(self, zero_s: Fraction, length_s: float | None) -> None:
        self._track.finish()


def _zero_s(path: Path) -> Fraction:
    """When the first frame is shown, or the first sound heard, in the container's seconds."""
    try:
        with Reel(path) as reel:
            return reel.zero * reel.tick
    except NotAVideoError:
        with opened(path) as container:
            return Fraction(container.start_time or 0, 1_000_000)


def _sound(container: InputContainer, track: int, path: Path) -> Any:
    found: list[Any] = list(container.streams.audio)  # PyAV's stubs have no stream without codec
    streams = [stream for stream in found if stream.codec_context is not None]
    if track < len(streams):
        return streams[track]
    count = {0: "no sound", 1: "one stream of sound"}.get(len(streams), f"{len(streams)} streams")
    raise MediaError(f"'{path}' has {count}.", path=str(path))


def _packets(
    container: InputContainer, stream: Any, path: Path, at_s: Fraction | None
) -> Iterator[Packet[Any]]:
    """The stream's packets, from some before this moment on."""
    import av

    if at_s is not None:
        with suppress(av.error.FFmpegError):  # then it is read from its start
            container.seek(int((float(at_s) - LEAD_S) * 1_000_000))
    yield from packets_of(container, stream, path)
