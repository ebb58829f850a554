"""Frames at wanted times, without decoding what lies between them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from toolkit.stages.decode import MOMENT_S
from toolkit_decode_pyav.clock import Clock

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

    from toolkit_decode_pyav.frame import PyAVFrame
    from toolkit_decode_pyav.stream import PyAVStream

__all__ = ["GUESSED", "Seeker"]

_STEP_S = 0.5
GUESSED = frozenset({"mpeg"})
"""Containers that do not time every picture: after a seek FFmpeg guesses other times."""
_MOST_HELD = 512
"""Packets that may wait, undecoded, until it is known where their group of pictures ends."""


class Seeker:
    """Finds frames by their times in a file that was just opened.

    One seek leads to each group of pictures that holds a wanted frame, and what is wanted from it
    is decoded in one go. Containers seek by presentation or by decoding time, to keyframes or near
    them, so the place is checked: from a place too late it goes 0.5, 1, 2 … s further back, and
    remembers for the next seek how far back was needed. From a place too early the packets up to
    the last keyframe before the wanted time are passed over undecoded.

    Args:
        stream: The open file, no frame of it taken yet.

    Attributes:
        seeks: How often it went to another place in the file.
        unreached: Times that no seek leads to: the file has to be read from its start for them.
    """

    def __init__(self, stream: PyAVStream) -> None:
        self.seeks = 0
        self.unreached: list[float] = []
        self._stream = stream
        self._clock = Clock(stream.tick, stream.frame_s)
        self._clock.at(stream.first.pts if stream.first else None)
        guessed = stream.container.format.name in GUESSED
        self._seekable = not (stream.use_dts or guessed)
        self._packets: Iterator[Packet[VideoStream]] = iter(())
        self._held: list[Packet[VideoStream]] = []
        self._ahead: deque[VideoFrame] = deque()
        self._shown: VideoFrame | None = None
        self._key_s: float | None = None  # where the open group of pictures starts
        self._sound = False  # whether its keyframe came out
        self._fed = self._ended = False
        self._back_s = 0.0

    def frames(self, times_s: Iterable[float]) -> Iterator[PyAVFrame]:
        """For each time, ascending, the frame shown at it, up to the first of ``unreached``."""
        wanted = sorted(times_s)
        for place, time_s in enumerate(wanted):
            until_s = max(time_s, 0.0) + MOMENT_S
            if not (self._seekable and (self._go_on(until_s) or self._go_to(until_s))):
                self.unreached = wanted[place:]
                return
            assert self._shown is not None
            yield self._stream.frame(self._shown, self._time(self._shown))

    def onward(self, time_s: float) -> Iterator[VideoFrame]:
        """The pictures from the one shown at a time on; none where no seek leads to it."""
        if not (self._seekable and self._go_to(time_s + MOMENT_S)):
            return
        assert self._shown is not None
        yield self._shown
        self._shown = None
        while True:
            while self._ahead:
                yield self._ahead.popleft()
            if self._ended:
                return
            packet = next(self._packets, None)
            if packet is None or packet.size:  # an empty one would tell the decoder of the end
                self._held.extend([packet] if packet else ())
                self._decode_held()
            if packet is None:
                self._ahead.extend(self._stream.decode(None))
                self._ended = True

    def _go_on(self, until_s: float) -> bool:
        return self._key_s is not None and self._advance(until_s, landed=False)

    def _go_to(self, wanted_s: float) -> bool:
        import av

        back_s = self._back_s
        until_s = min(wanted_s, self._stream.promise_s or wanted_s)
        while True:
            from_s = until_s - back_s
            self.seeks += 1
            try:
                self._stream.container.seek(self._clock.ticks(from_s), stream=self._stream.stream)
            except av.error.FFmpegError:
                found = False
            else:
                self._forget()
                self._packets, self._key_s, self._ended = self._stream.packets(), None, False
                found = self._advance(wanted_s, landed=True)
            if found:
                self._back_s = back_s
                return True
            if from_s < -_STEP_S:  # some containers seek by decoding time, which starts earlier
                return False
            back_s = max(_STEP_S, 2 * back_s)

    def _advance(self, until_s: float, *, landed: bool) -> bool:
        """Read on until the frame shown at a time is known.

        Returns:
            False where another group of pictures has it: a later one or, just after a seek, an
            earlier one.
        """
        while True:
            while self._ahead and self._time(self._ahead[0]) <= until_s:
                self._show(self._ahead.popleft())
            if self._ahead or self._ended:
                return self._sound
            packet = next(self._packets, None)
            if packet is None:
                self._decode_held()
                self._ahead.extend(self._stream.decode(None))
                self._ended = True
                continue
            if not packet.size:
                continue
            begins_s = self._begins(packet)
            if packet.is_keyframe and begins_s <= until_s:
                if not landed:
                    return False
                self._forget()  # the frame is not in the groups before this one
                self._key_s, self._sound = begins_s, packet.is_discard  # hidden by an edit list
            elif self._key_s is None:
                if packet.is_keyframe:
                    return False
                continue  # nothing can be decoded before the first keyframe
            self._held.append(packet)
            late = packet.dts is None or self._clock.of(packet.dts) > until_s
            if late or len(self._held) >= _MOST_HELD:
                self._decode_held()

    def _show(self, picture: VideoFrame) -> None:
        # What is shown before its group's keyframe may refer to what was passed over, and a group
        # without one (pictures refreshed a stripe at a time) to anything.
        if picture.key_frame and self._key_s is not None:
            self._sound |= abs(self._time(picture) - self._key_s) <= MOMENT_S
        self._shown = picture

    def _decode_held(self) -> None:
        for packet in self._held:
            self._ahead.extend(self._stream.decode(packet))
            self._fed = True
        self._held.clear()

    def _forget(self) -> None:
        self._held.clear()
        self._ahead.clear()
        self._shown = None
        self._sound = False
        if self._fed:
            self._stream.stream.codec_context.flush_buffers()
            self._fed = False

    def _begins(self, packet: Packet[VideoStream]) -> float:
        ticks = packet.dts if packet.pts is None else packet.pts
        return -1.0 if ticks is None else self._clock.of(ticks)

    def _time(self, picture: VideoFrame) -> float:
        assert picture.pts is not None  # or the file would not be seekable
        return self._clock.of(picture.pts)
