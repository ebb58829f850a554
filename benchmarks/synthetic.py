"""Videos that cost nothing to decode: for measuring what lies around the stages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import toolkit as tk
from toolkit.hooks.local import FunctionAnalyzer
from toolkit.records import Cut, Video
from toolkit.stages.decode import Colours, Decoder, FrameStream
from toolkit.stages.scenes import DetectorPass, SceneDetector

__all__ = ["register", "rounds_in", "work", "write"]

Image = npt.NDArray[np.uint8]
WIDTH, HEIGHT = 448, 448
PER_SCENE = 8
FRAME_S = 0.04


class Frame:
    key_frame = True

    def __init__(self, number: int) -> None:
        self.number = number
        self.pts_s = number * FRAME_S

    def small(self, width: int, height: int, image_format: str) -> Image:
        return np.zeros((height, width), np.uint8)

    def rgb(self, width: int, height: int) -> Image:
        return np.full((height, width, 3), self.number % 256, np.uint8)


class Stream:
    width, height, frame_s = WIDTH, HEIGHT, FRAME_S
    colours = Colours()
    damaged, share_read = 0, 1.0

    def __init__(self, scenes: int) -> None:
        self._frames = iter(range(scenes * PER_SCENE))
        self.end_s = scenes * PER_SCENE * FRAME_S

    def __iter__(self) -> Iterator[Frame]:
        return self

    def __next__(self) -> Frame:
        return Frame(next(self._frames))


class Blank(Decoder):
    """Of a file that says how many scenes it has: still frames, made and not decoded."""

    def probe(self, path: Path) -> Video:
        """As of any file."""
        scenes = int(path.read_text().split()[0])
        return Video(
            id="",
            path=str(path),
            size_bytes=path.stat().st_size,
            container="blank",
            duration_s=scenes * PER_SCENE * FRAME_S,
            width=WIDTH,
            height=HEIGHT,
            codec="blank",
        )

    @contextmanager
    def open(self, path: Path) -> Iterator[FrameStream]:
        """The frames."""
        yield Stream(int(path.read_text().split()[0]))  # type: ignore[misc]


class Counted(SceneDetector):
    """Cuts every so many frames."""

    image_format = "gray"
    width = 16

    def start(self, frame_s: float, *, colours: Colours | None = None) -> DetectorPass:
        """Begin."""
        return _Pass()


class _Pass(DetectorPass):
    def __init__(self) -> None:
        self._seen = 0

    def push(self, pts_s: float, image: Any) -> Iterable[Cut]:
        self._seen += 1
        if self._seen % PER_SCENE == 1 and self._seen > 1:
            yield Cut(at_s=pts_s, score=1.0, kind="cut")

    def finish(self) -> Iterable[Cut]:
        return ()


def write(folder: Path, files: int, scenes: int) -> list[Path]:
    """Files of so many scenes each."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:05}.blank" for number in range(files)]
    for path in paths:
        path.write_text(f"{scenes} {path.stem}\n")
    return paths


def work(rounds: int) -> float:
    """The same computation each time; the seconds of a processor that it took."""
    began_s = time.thread_time()
    for _ in range(rounds):
        sum(range(200))
    return time.thread_time() - began_s


def rounds_in(seconds: float) -> int:
    """How many rounds of work take so long on one core, about."""
    some = 20_000
    return round(some * seconds / work(some))


def register(rounds: int) -> None:
    """Make the decoder and detector known, and an analyzer that works so much on a scene."""

    class Burn(FunctionAnalyzer):
        batch_size = 8  # as analyzers with a model have, or more

    def burn(frames: tk.Frames) -> dict[str, Any]:
        return {"pixels": frames.rgb.nbytes, "work_s": work(rounds), "at_s": time.monotonic()}

    tk.register(tk.DecoderPlugin(name="blank", factory=lambda *_: Blank()))
    tk.register(tk.SceneDetectorPlugin(name="counted", factory=lambda *_: Counted()))
    tk.register(tk.AnalyzerPlugin(name="burn", factory=lambda *_: Burn(burn)))
