"""Clips, sounds and previews made in this process, or in that of other readers."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from toolkit.hooks.manager import configure
from toolkit.isolation.readers import Readers
from toolkit.media import audio
from toolkit.media import clip as clips
from toolkit.media import preview as previews
from toolkit.media.clip import Clip
from toolkit.media.making import make

__all__ = ["HERE", "clip", "extract_audio", "preview", "readers"]


def readers(**decode: Any) -> Readers:
    """Those of the usual settings, but for these; in this process unless they say otherwise."""
    settings, plugins, _ = configure(None, {"decode": {"isolate": False, **decode}})
    return Readers.of(settings, plugins)


HERE = readers()


def clip(path: Path, to: Path, *times_s: float | None, by: Readers = HERE, **options: Any) -> Clip:
    return _made(clips.clip, path, to, times_s, by, options)


def extract_audio(
    path: Path, to: Path, *times_s: float | None, by: Readers = HERE, **options: Any
) -> Clip:
    return _made(audio.extract_audio, path, to, times_s, by, options)


def preview(path: Path, to: Path, *times_s: float | None, by: Readers = HERE, **more: Any) -> Clip:
    return previews.preview(by, path, to, *times_s, **more)  # type: ignore[arg-type]  # two at most


def _made(
    work: Any,
    path: Path,
    to: Path,
    times_s: tuple[float | None, ...],
    by: Readers,
    options: dict[str, Any],
) -> Clip:
    stretch = dict(zip(("start_s", "end_s"), times_s, strict=False))
    how = {key: options.pop(key) for key in ("force", "told", "cancel") if key in options}
    return make(by, partial(work, **stretch, **options), path, to, **how)
