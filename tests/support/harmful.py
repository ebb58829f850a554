"""A decoder that does harm where a file's name says so, files of such names, and runs over them."""

from __future__ import annotations

import ctypes
import hashlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import toolkit as tk
from toolkit.media.clip import Clip
from toolkit.stages.decode import FrameSeries
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder

__all__ = ["PATIENCE_S", "alive", "analyzed", "copied", "number", "register", "spoils", "until"]

PATIENCE_S = 60


class Harmful(PyAVDecoder):
    """Does what the first word of a file's name says: as it is opened, or as it is decoded."""

    def __init__(self) -> None:
        super().__init__(PyAVOptions(threads=1))

    def probe(self, path: Path) -> tk.Video:
        first, _, rest = path.stem.partition("-")
        if first == "early":
            harm(rest, path)
        return super().probe(path)

    @contextmanager
    def open(self, path: Path) -> Iterator[Any]:
        with super().open(path) as stream:
            yield Stream(stream, path)

    @contextmanager
    def frames_at(self, path: Path, times_s: Any) -> Iterator[Any]:
        with PyAVDecoder(self._options).frames_at(path, times_s) as series:

            def frames() -> Iterator[Any]:
                yield next(series)
                harm(path.stem, path)
                yield from series

            yield FrameSeries(frames(), series)  # type: ignore[arg-type]  # as large as its stream


class Stream:
    """Does it before the last scene: those before have closed."""

    def __init__(self, stream: Any, path: Path) -> None:
        self.stream, self.path, self.count = stream, path, 0

    def __iter__(self) -> Stream:
        return self

    def __next__(self) -> Any:
        self.count += 1
        if self.count == 120:
            time.sleep(0.5)  # the detector may be behind
            harm(self.path.stem, self.path)
        return next(self.stream)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def harm(word: str, path: Path) -> None:
    """What bad code can do to its process, whose number it leaves beside the file."""
    path.with_suffix(".pid").write_text(str(os.getpid()))
    if word == "crashes":
        ctypes.string_at(0)
    elif word == "leaves":
        os._exit(0)
    elif word == "eats":
        kept = []
        while True:
            kept.append(bytearray(16 << 20))
    elif word == "burns":
        while True:
            pass
    elif word == "freezes":  # and keeps Python's lock: nothing in the process can tell
        ctypes.PyDLL(None).sleep(3600)
    elif word == "sleeps":
        time.sleep(3600)
    elif word == "fails":
        raise ValueError("as any code may")


def spoils(path: Path, part: Path) -> Iterator[float | Clip]:
    """Work that writes half of a file before it does what the video's name says."""
    part.write_bytes(b"half")
    yield 0.5
    harm(path.stem, path)
    yield Clip(part, 0.0, 1.0)


def digest(frames: tk.Frames) -> dict[str, str]:
    """An analyzer that tells each picked pixel from another."""
    return {"digest": hashlib.sha256(frames.rgb.tobytes() + frames.pts_s.tobytes()).hexdigest()}


def register() -> None:
    """Let runs choose it: ``decode.plugin = harmful``; and the analyzer."""
    tk.analyzer(digest)
    tk.register(tk.DecoderPlugin(name="harmful", factory=lambda options, context: Harmful()))


def copied(film: Path, folder: Path, names: Sequence[str]) -> list[Path]:
    """Copies of a film under these names, each of other bytes: the same would be one video."""
    paths = [folder / f"{name}.mp4" for name in names]
    for path in paths:
        box = path.stem.encode()
        path.write_bytes(film.read_bytes() + (8 + len(box)).to_bytes(4, "big") + b"free" + box)
    return paths


def analyzed(paths: Sequence[Path], workspace: Path, **options: Any) -> Any:
    """A run over these files."""
    decode = {"plugin": "harmful", **options.pop("decode", {})}
    return tk.analyze(
        [str(path) for path in paths],
        workspace=workspace,
        decode=decode,
        analyzer="digest",
        progress=False,
        **options,
    )


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.exists() or "Z" not in stat.read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False


def number(path: Path) -> int:
    """Of the process that reads the file, as it is at its worst."""
    note = path.with_suffix(".pid")
    until(lambda: note.exists() and note.read_text())
    return int(note.read_text())
