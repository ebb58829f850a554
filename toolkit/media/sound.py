"""Decoded sound, laid on a clip's own timeline sample by sample."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from toolkit.media.reel import decoded

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.container import OutputContainer
    from av.packet import Packet

__all__ = ["Voice"]

_SLACK_S = 0.02
"""Timestamps may be as wrong as this, by rounding or jitter, before sound is moved for them."""
_AAC_RATES = frozenset((8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000))
_USUAL_RATE = 48_000
_LAYOUTS = {1: "mono", 2: "stereo"}  # PCM often does not say which its channels are
_BITS_PER_CHANNEL = 80_000
_PIECE_S = 1


class Voice:
    """One stream of sound, decoded, cut to the sample, and encoded.

    The sound has no holes: silence stands where the source has none, so that it stays with the
    pictures in every player, also in files that know no times.

    Args:
        target: The file that is written.
        source: The stream that is read.
        encoder: FFmpeg's name of the encoder.
        compressed: Whether the encoder is to be given a bit rate.
    """

    def __init__(
        self, target: OutputContainer, source: Any, encoder: str, *, compressed: bool = True
    ) -> None:
        import av

        rate = source.codec_context.sample_rate or _USUAL_RATE
        if encoder == "libopus" or (encoder == "aac" and rate not in _AAC_RATES):
            rate = _USUAL_RATE
        self._target = target
        self._source = source
        count = source.layout.nb_channels
        layout = _LAYOUTS.get(count, source.layout.name)
        stream: Any = target.add_stream(encoder, rate=rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        if compressed:
            stream.bit_rate = _BITS_PER_CHANNEL * max(1, count)
        language = source.metadata.get("language")
        if language:
            stream.metadata["language"] = language
        self._stream = stream
        self._next = 0
        self._template: tuple[str, str, int] | None = None

    def put(self, packet: Packet[Any] | None, zero_s: Fraction, length_s: float | None) -> None:
        """Take in a packet, None at the end.

        Args:
            packet: The packet.
            zero_s: The moment of the source that comes at zero, in its container's seconds.
            length_s: Where the sound ends, counted from there; None for its own end.
        """
        for frame in decoded(self._source, packet):
            self._put(frame, zero_s, length_s)

    @property
    def end_s(self) -> float:
        """Where the sound ends so far, in seconds of the clip."""
        return self._next / self._template[2] if self._template else 0.0

    def finish(self) -> None:
        """Write what the encoder still holds."""
        self._target.mux(self._stream.encode(None))

    def _put(self, frame: AudioFrame, zero_s: Fraction, length_s: float | None) -> None:
        rate = frame.sample_rate
        self._template = (frame.format.name, frame.layout.name, rate)
        at = self._next
        if frame.pts is not None and frame.time_base:
            at = round((frame.pts * frame.time_base - zero_s) * rate)
            if self._next and abs(at - self._next) <= _SLACK_S * rate:
                at = self._next
        limit = frame.samples if length_s is None else round(length_s * rate) - at
        first, last = max(0, self._next - at), min(frame.samples, limit)
        if first >= last:
            return
        self._silence(at + first)
        if (first, last) != (0, frame.samples):
            frame = _cut(frame, first, last)
        self._encode(frame, last - first)

    def _silence(self, until: int) -> None:
        """Fill the hole before this sample."""
        import av

        assert self._template is not None
        name, layout, rate = self._template
        while self._next < until:
            count = min(until - self._next, _PIECE_S * rate)
            frame = av.AudioFrame(name, layout, count)
            silent = b"\x80" if name.startswith("u8") else b"\0"
            for plane in frame.planes:
                plane.update(silent * plane.buffer_size)
            frame.sample_rate = rate
            self._encode(frame, count)

    def _encode(self, frame: AudioFrame, count: int) -> None:
        frame.pts, frame.time_base = self._next, Fraction(1, frame.sample_rate)
        self._next += count
        self._target.mux(self._stream.encode(frame))


def _cut(frame: AudioFrame, first: int, last: int) -> AudioFrame:
    """The samples from ``first`` up to ``last``."""
    import av
    import numpy as np

    values = 1 if frame.format.is_planar else frame.layout.nb_channels
    samples: Any = np.ascontiguousarray(frame.to_ndarray()[:, first * values : last * values])
    piece = av.AudioFrame.from_ndarray(samples, frame.format.name, frame.layout.name)
    piece.sample_rate = frame.sample_rate
    return piece
