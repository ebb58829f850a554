"""Films whose frames show their numbers and whose sound beeps with every tenth frame."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from toolkit.testing.media import number_of, numbered
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder

RATE, SOUND_RATE, BEEP_EVERY = 25, 48_000, 10
FRAME_S = 1 / RATE


def write_beeping(
    path: Path,
    count: int = 60,
    *,
    codec: str = "libx264",
    sound: str = "aac",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Frames 10, 20, 30 … beep as long as they are shown."""
    samples = SOUND_RATE // RATE
    tone = 0.5 * np.sin(2 * np.pi * 2000 * np.arange(samples) / SOUND_RATE)
    with av.open(str(path), "w", container_options=container_options or {}) as container:
        pictures: Any = container.add_stream(codec, rate=RATE, options=options or {"g": "12"})
        pictures.width, pictures.height, pictures.pix_fmt = 96, 64, "yuv420p"
        voice: Any = container.add_stream(sound, rate=SOUND_RATE, layout="mono")
        for index in range(count):
            frame = av.VideoFrame.from_ndarray(numbered(index), format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, RATE)
            container.mux(pictures.encode(frame))
            beeps = index and index % BEEP_EVERY == 0
            wave = (tone if beeps else np.zeros(samples)).astype(np.float32)[None]
            heard = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
            heard.sample_rate, heard.pts = SOUND_RATE, index * samples
            heard.time_base = Fraction(1, SOUND_RATE)
            container.mux(voice.encode(heard))
        for stream in (pictures, voice):
            container.mux(stream.encode(None))
    return path


@pytest.fixture
def beeping() -> Callable[..., Path]:
    return write_beeping


@dataclass(frozen=True)
class Seen:
    """What a player finds in a file; times are seconds since its first frame."""

    numbers: list[int]
    times_s: list[float]
    size: tuple[int, int]
    beeps_s: list[float]
    codecs: list[str]

    @property
    def whole(self) -> bool:
        """Whether no frame is missing, doubled, or out of order."""
        return self.numbers == list(range(self.numbers[0], self.numbers[-1] + 1))


@pytest.fixture
def seen() -> Callable[[Path], Seen]:
    def look(path: Path) -> Seen:
        with PyAVDecoder(PyAVOptions()).open(path) as stream:
            size = stream.width, stream.height
            found = [(number_of(frame.rgb(*size)), frame.pts_s) for frame in stream]
        with av.open(str(path)) as container:
            codecs = [stream.codec.canonical_name for stream in container.streams]
            zero_s = next(container.decode(video=0)).time
        beeps = beeps_of(path, zero_s) if len(codecs) > 1 else []
        return Seen([n for n, _ in found], [t for _, t in found], size, beeps, codecs)

    return look


def beeps_of(path: Path, zero_s: float = 0.0) -> list[float]:
    """When beeps start."""
    loud: list[float] = []
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert isinstance(frame, av.AudioFrame)
            start_s = float(frame.pts * frame.time_base) - zero_s  # type: ignore[operator]
            wave = frame.to_ndarray().astype(float)
            scale = 32768 if frame.format.name.startswith("s16") else 1
            values = np.abs(wave.reshape(-1) / scale)
            loud += [start_s + int(i) / frame.sample_rate for i in np.flatnonzero(values > 0.25)]
    return [t for i, t in enumerate(loud) if not i or t - loud[i - 1] > 0.1]


@pytest.fixture
def in_sync() -> Callable[[Seen], None]:
    def check(found: Seen) -> None:
        times = dict(zip(found.numbers, found.times_s, strict=True))
        # The first beep may be cut off; every other one starts with its frame.
        wanted = [t for n, t in times.items() if n % BEEP_EVERY == 0 and n > found.numbers[0] + 2]
        assert wanted
        for time_s in wanted:
            assert min(abs(beep_s - time_s) for beep_s in found.beeps_s) <= FRAME_S

    return check
