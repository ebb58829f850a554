"""Small video files of every kind a decoder meets, good and bad.

Each frame of `write_numbered` shows its own number as eight blocks, black for 0 and white for 1,
so that `number_of` can tell from the picture which frame a decoder gave. `BAD_FILES` makes what
lands in people's folders by mistake.

    write_numbered("clip.mp4", count=40, codec="libx264")
    bad = BAD_FILES["truncated_mkv"](tmp_path)
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from av.audio.frame import AudioFrame

__all__ = ["BAD_FILES", "cut_file", "number_of", "numbered", "write_numbered", "write_sound"]


def numbered(number: int, width: int = 96, height: int = 64) -> npt.NDArray[np.uint8]:
    """A picture, RGB (height, width, 3), of a number below 256."""
    import numpy as np

    bits = np.array([number >> bit & 1 for bit in range(8)], dtype=np.uint8).reshape(2, 4)
    rows = np.arange(height) * 2 // height
    columns = np.arange(width) * 4 // width
    # Dim and bright rather than black and white: what a wrong colour range clips would not show.
    luma = bits[rows][:, columns] * np.uint8(180) + np.uint8(40)
    return np.repeat(luma[:, :, None], 3, axis=2)


def number_of(rgb: npt.NDArray[np.uint8]) -> int:
    """The number that an upright picture shows, of any size and after any encoding."""
    height, width = rgb.shape[:2]
    bits = [
        rgb[
            (2 * row + 1) * height // 4 - 2 : (2 * row + 1) * height // 4 + 2,
            (2 * column + 1) * width // 8 - 2 : (2 * column + 1) * width // 8 + 2,
        ].mean()
        > 128
        for row in range(2)
        for column in range(4)
    ]
    return sum(int(bit) << index for index, bit in enumerate(bits))


@contextmanager
def _turn_as_before() -> Iterator[None]:
    """Undo what SVT-AV1 does where root runs it: the thread goes before all others from then on.

    And so does every process that it starts: one that is busy then stops the machine.
    """
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, turn = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        if os.sched_getscheduler(0) != policy:
            os.sched_setscheduler(0, policy, turn)


def write_numbered(
    path: Path,
    count: int = 40,
    *,
    codec: str = "libx264",
    size: tuple[int, int] = (96, 64),
    rate: int | Fraction = 25,
    times_ms: Sequence[int] | None = None,
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    rotation: int = 0,
    pixel_shape: Fraction | None = None,
    sound: bool = False,
) -> Path:
    """Encode ``count`` numbered frames.

    Args:
        path: The file; its suffix names the container.
        count: How many frames.
        codec: FFmpeg's name of the encoder.
        size: Width and height in pixels, as stored.
        rate: Frames a second.
        times_ms: When each frame is shown, in milliseconds, for a variable frame rate.
        pixel_format: FFmpeg's name of the pixel format.
        options: Options of the encoder.
        container_options: Options of the container.
        rotation: Degrees clockwise by which players are told to turn the picture; the numbers are
            stored turned back, so that they stand upright after it.
        pixel_shape: Width of a pixel over its height.
        sound: Whether to add a stream of silence of the same length.
    """
    import av
    import numpy as np

    with (
        _turn_as_before(),
        av.open(str(path), "w", container_options=container_options or {}) as container,
    ):
        stream = container.add_stream(codec, rate=rate, options=options or {})
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        tick = Fraction(1, 1000) if times_ms else 1 / Fraction(rate)
        stream.codec_context.time_base = tick
        if pixel_shape:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        if rotation:
            stream.set_display_rotation(-rotation)
        voice = container.add_stream("aac", rate=16_000) if sound else None
        upright = size[::-1] if rotation % 180 else size
        for index in range(count):
            image = np.rot90(numbered(index, *upright), rotation // 90)
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            frame.pts = times_ms[index] if times_ms else index
            frame.time_base = tick
            container.mux(stream.encode(frame))
            if voice is not None:
                assert isinstance(voice, av.AudioStream)
                container.mux(voice.encode(_silence(index, int(16_000 / rate))))
        for each in container.streams:
            assert isinstance(each, av.VideoStream | av.AudioStream)
            container.mux(each.encode(None))
    return path


def write_sound(path: Path, seconds: float = 1.0) -> Path:
    """A file of silence, without pictures."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000)
        assert isinstance(stream, av.AudioStream)
        for index in range(round(seconds * 10)):
            container.mux(stream.encode(_silence(index, 1600)))
        container.mux(stream.encode(None))
    return path


def _silence(index: int, samples: int) -> AudioFrame:
    import av
    import numpy as np

    frame = av.AudioFrame.from_ndarray(np.zeros((1, samples), np.float32), "fltp", "mono")
    frame.sample_rate, frame.pts = 16_000, index * samples
    frame.time_base = Fraction(1, 16_000)
    return frame


def cut_file(path: Path, share: float) -> Path:
    """Keep only this share of the file's bytes, as a broken download does."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def _missing(folder: Path) -> Path:
    return folder / "missing.mp4"


def _empty(folder: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def _text(folder: Path) -> Path:
    path = folder / "text.mp4"
    path.write_text("This is not a video, whatever its name says.\n" * 100)
    return path


def _notes(folder: Path) -> Path:
    path = folder / "notes.txt"  # FFmpeg would show it as a film of typed characters
    path.write_text("Buy milk.\n" * 100)
    return path


def _audio_only(folder: Path) -> Path:
    return write_sound(folder / "audio-only.m4a")


def _zero_frames(folder: Path) -> Path:
    import av

    path = folder / "zero-frames.mp4"
    # Fragmented, for the header of a plain mp4 is only written with its frames.
    options = {"movflags": "frag_keyframe+empty_moov"}
    with av.open(str(path), "w", container_options=options) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        container.start_encoding()
    return path


def _folder(folder: Path) -> Path:
    path = folder / "folder.mp4"
    path.mkdir()
    return path


def _headless(folder: Path) -> Path:
    return cut_file(write_numbered(folder / "headless.mp4"), 0.6)


def _truncated_mp4(folder: Path) -> Path:
    path = folder / "truncated.mp4"
    write_numbered(path, 120, options={"g": "10"}, container_options={"movflags": "faststart"})
    return cut_file(path, 0.6)


def _truncated_mkv(folder: Path) -> Path:
    return cut_file(write_numbered(folder / "truncated.mkv", 120, options={"g": "10"}), 0.6)


def _no_duration(folder: Path) -> Path:
    return write_numbered(folder / "no-duration.mkv", container_options={"live": "1"})


BAD_FILES: dict[str, Callable[[Path], Path]] = {
    "missing": _missing,
    "folder": _folder,
    "empty": _empty,
    "text": _text,
    "notes": _notes,
    "audio_only": _audio_only,
    "zero_frames": _zero_frames,
    "headless": _headless,
    "truncated_mp4": _truncated_mp4,
    "truncated_mkv": _truncated_mkv,
    "no_duration": _no_duration,
}
"""Name -> a function that makes such a file in a folder and returns its path.

The last three can be analysed as far as they go: the truncated ones (of 4.8 seconds) break off,
``no_duration`` is whole but does not say how long it is. ``headless`` is an mp4 whose end, where
its index was, is gone; nothing can be read from it.
"""
