"""Scenes as films that browsers play, kept for a while in a private folder."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections import OrderedDict
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from toolkit.isolation.readers import Readers
from toolkit.media.clip import clip
from toolkit.media.making import make
from toolkit.records import Scene, Video, new_id
from toolkit.records.base import digest
from toolkit.serving.files import file_of
from toolkit.vault.files import SUFFIX, is_sealed, private, seal_file
from toolkit.vault.keys import vaults

__all__ = ["ClipShelf"]

_PLAYABLE = frozenset({"av1", "h264", "vp9"})  # by browsers, in an mp4
_COPIED_S, _ENCODED_S = 300.0, 60.0  # longest clips
_MOST_BYTES = 1_000_000_000
_IN_USE_S = 60.0  # so long after it was asked for, a clip may still be being sent
_FOLDER = "serve-clips"


class ClipShelf:
    """Clips of scenes. The folder is wiped at the end, or, after a crash, by the next server.

    Args:
        workspace: Where the folder is made.
        readers: Who reads the videos.
    """

    def __init__(self, workspace: Path, readers: Readers) -> None:
        self._readers = readers
        base = workspace / _FOLDER
        base.mkdir(parents=True, exist_ok=True, mode=0o700)
        _sweep(base)
        self._folder = base / new_id()
        self._alive = FileLock(f"{self._folder}.lock", mode=0o600)
        self._alive.acquire()  # before there is a folder that another server could sweep away
        self._folder.mkdir(mode=0o700)
        self._lock = threading.Lock()
        self._made: OrderedDict[str, tuple[Path, float]] = OrderedDict()  # with when it was asked

    def of(self, scene: Scene, video: Video) -> Path:
        """The scene's film: its first minutes as an mp4, from the keyframe at its start on.

        What browsers cannot play is encoded anew. Call it from one thread at a time.

        Raises:
            SourceError: The video's file is gone.
            DecodeError: The video cannot be read.
            MediaError: No clip can be made of it.
        """
        key = digest("clip", video.id, scene.start_s, scene.end_s)
        with self._lock:
            made = self._made.pop(key, None)
            if made and made[0].exists():
                self._made[key] = (made[0], time.monotonic())
                return made[0]
        path = self._folder / f"{video.id}-{key}.mp4"  # by which erasing knows it
        source = file_of(video)
        if is_sealed(source):
            path = path.with_name(f"{path.name}{SUFFIX}")
            with private(source) as folder:
                self._cut(source, folder / "clip.mp4", scene, video)
                seal_file(folder / "clip.mp4", path, vaults()[0])
        else:
            self._cut(source, path, scene, video)
        with self._lock:
            self._made[key] = (path, time.monotonic())
            self._trim()
        return path

    def _cut(self, path: Path, to: Path, scene: Scene, video: Video) -> None:
        exact = video.codec not in _PLAYABLE
        end_s = min(scene.end_s, scene.start_s + (_ENCODED_S if exact else _COPIED_S))
        work = partial(clip, start_s=scene.start_s, end_s=end_s, exact=exact)
        make(self._readers, work, path, to, force=True)

    def _trim(self) -> None:
        sizes = {key: path.stat().st_size for key, (path, _) in self._made.items()}
        total = sum(sizes.values())
        for key, (path, asked) in list(self._made.items()):
            if total <= _MOST_BYTES or time.monotonic() - asked < _IN_USE_S:
                return
            path.unlink(missing_ok=True)
            total -= sizes[key]
            del self._made[key]

    def close(self) -> None:
        """Wipe the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._alive.release()
        Path(self._alive.lock_file).unlink(missing_ok=True)


def _sweep(base: Path) -> None:
    """Wipe what servers that crashed have left behind: nobody holds its lock."""
    for folder in [path for path in base.iterdir() if path.is_dir()]:
        lock = FileLock(f"{folder}.lock", mode=0o600)
        with contextlib.suppress(Timeout), lock.acquire(timeout=0):
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)
