"""Clips, sheets and thumbnails of files: what ``toolkit.clip`` and its siblings are."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.errors import MediaError, StoreError
from toolkit.execution.footage import scanned, sheet_of, suffix_of
from toolkit.execution.looking import known_store
from toolkit.hooks.manager import configure
from toolkit.isolation.readers import Readers
from toolkit.media.audio import SOUND_SUFFIXES, extract_audio
from toolkit.media.clip import QUALITY, Clip
from toolkit.media.clip import clip as cut
from toolkit.media.files import CONTAINERS, Told
from toolkit.media.making import Work, make
from toolkit.media.pictures import thumbnails
from toolkit.media.preview import PREVIEW_SUFFIXES, preview
from toolkit.privacy.audited import note_export
from toolkit.records import Scene, Video
from toolkit.redaction.pictures import Blur
from toolkit.stages.store import Store

if TYPE_CHECKING:
    from PIL.Image import Image

    from toolkit.config import Settings
    from toolkit.hooks.manager import PluginManager

__all__ = ["Clip", "clip", "export", "pictures", "sheet"]

_PathLike = str | os.PathLike[str]


def clip(
    source: _PathLike | Scene,
    start_s: float | None = None,
    end_s: float | None = None,
    to: _PathLike | None = None,
    *,
    exact: bool = False,
    quality: int = QUALITY,
    fragmented: bool = False,
    force: bool = False,
    progress: Told | None = None,
    config: _PathLike | None = None,
    workspace: _PathLike | None = None,
) -> Clip:
    """Write a part of a video to a file of its own.

    What it becomes is told by the suffix of ``to``: a video (``.mp4``, ``.mkv``, ``.mov``,
    ``.webm``, ``.ts``), its sound alone (``.wav``, ``.flac``, ``.m4a``, ``.mka``), or a moving
    picture (``.webp``, ``.gif``).

    Args:
        source: A file, or a scene of the workspace.
        start_s: Where to start, in seconds since the first frame; None for the start.
        end_s: Where to end; None for the end (for a moving picture: 3 seconds later).
        to: The file; None for one in this folder, named after the video and the times.
        exact: Encode the video anew, exact to the frame. Otherwise its packets are copied, from
            the keyframe at or before ``start_s`` on: the clip says where it truly starts and ends.
        quality: Of an exact clip: 0 is lossless, 51 the worst.
        fragmented: An mp4 that a browser can play while it comes.
        force: Replace a file that is there.
        progress: Told how far it is, from 0 to 1.
        config: A config file; None for the usual one.
        workspace: Where the scene is, if not where the config says.

    Raises:
        SourceError: There is no such video.
        DecodeError: The video cannot be read.
        MediaError: There is nothing to write, or it cannot be written.
        MissingExtraError: PyAV is not installed.
    """
    arguments = {"paths": {"workspace": Path(workspace).absolute()}} if workspace else {}
    settings, plugins, _ = configure(config, arguments)
    if isinstance(source, Scene):
        start_s = source.start_s if start_s is None else start_s
        end_s = source.end_s if end_s is None else end_s
        path = _file_of(source, settings, plugins)
    else:
        path = Path(source)
    return export(
        path,
        Path(to) if to is not None else None,
        start_s or 0.0,
        end_s,
        settings,
        plugins,
        exact=exact,
        quality=quality,
        fragmented=fragmented,
        force=force,
        told=progress or (lambda _: None),
    )


def export(
    path: Path,
    to: Path | None,
    start_s: float,
    end_s: float | None,
    settings: Settings,
    plugins: PluginManager,
    *,
    exact: bool = False,
    quality: int = QUALITY,
    fragmented: bool = False,
    force: bool = False,
    told: Told = lambda _: None,
) -> Clip:
    """The same as :func:`clip`, with settings that are already made."""
    made = _made(
        path,
        to,
        start_s,
        end_s,
        settings,
        plugins,
        exact=exact,
        quality=quality,
        fragmented=fragmented,
        force=force,
        told=told,
    )
    with known_store(settings, plugins) as store:
        ids = [one.id for one in store.find(Video, path=str(path.resolve()))] if store else []
        if store and ids:
            note_export(store, "clips", [made.path], video_ids=ids)
    return made


def _made(
    path: Path,
    to: Path | None,
    start_s: float,
    end_s: float | None,
    settings: Settings,
    plugins: PluginManager,
    *,
    exact: bool,
    quality: int,
    fragmented: bool,
    force: bool,
    told: Told,
) -> Clip:
    if to is None:
        until = "" if end_s is None else f"{end_s:g}"
        to = Path(f"{path.stem} {start_s:g}-{until}{suffix_of(path, exact=exact)}")
    suffix = to.suffix.lower()
    blur = Blur.of(settings.redaction, "exports")
    if (exact or fragmented) and suffix not in CONTAINERS:
        raise MediaError(f"'{to.name}' is no video: exact and fragmented do not go with it.")
    if suffix in SOUND_SUFFIXES:
        work: Work = partial(extract_audio, start_s=start_s, end_s=end_s)
    elif suffix in PREVIEW_SUFFIXES:
        with Readers.of(settings, plugins) as readers:
            return preview(readers, path, to, start_s, end_s, force=force, told=told, blur=blur)
    else:
        work = partial(
            cut,
            start_s=start_s,
            end_s=end_s,
            exact=exact,
            quality=quality,
            fragmented=fragmented,
            redraw=blur,
        )
    return make(Readers(settings), work, path, to, force=force, told=told)


def pictures(
    path: _PathLike,
    times_s: Iterable[float],
    *,
    width: int = 320,
    config: _PathLike | None = None,
) -> list[Image]:
    """The pictures of a video that are shown at these times, in the order of the times.

    Args:
        path: The video.
        times_s: Times in seconds since the first frame, in any order.
        width: Largest width of a picture in pixels.
        config: A config file; None for the usual one.

    Raises:
        DecodeError: The video cannot be read.
    """
    settings, plugins, _ = configure(config)
    wanted = list(times_s)
    with Readers.of(settings, plugins) as readers:
        found = [picture for _, picture in thumbnails(readers, Path(path), wanted, width)]
    if blur := Blur.of(settings.redaction, "exports"):
        found = [blur.picture(picture) for picture in found]
    order = sorted(range(len(wanted)), key=wanted.__getitem__)
    by_place = dict(zip(order, found, strict=True))
    return [by_place[place] for place in range(len(wanted))]


def sheet(
    path: _PathLike, *, columns: int = 0, width: int = 320, config: _PathLike | None = None
) -> Image:
    """A contact sheet of a file's scenes, which are looked for now; nothing is stored.

    Args:
        path: The video.
        columns: Pictures in a row; 0 for a sheet about as wide as it is high.
        width: Width of a picture in pixels.
        config: A config file; None for the usual one.

    Raises:
        DecodeError: The video cannot be read.
    """
    settings, plugins, _ = configure(config)
    blur = Blur.of(settings.redaction, "exports")
    with Readers.of(settings, plugins) as readers:
        footage = [scanned(Path(path), readers, width)]
        return sheet_of(footage, columns=columns, width=width, readers=readers, blur=blur)


def _file_of(scene: Scene, settings: Settings, plugins: PluginManager) -> Path:
    made = plugins.make(Store, "store", settings.store.plugin, settings)
    with made.component as store:
        found = store.find(Video, id=scene.video_id)
    if not found:
        raise StoreError(
            f"The workspace {settings.workspace} does not know the scene's video.",
            hint="Name the workspace that the scene is from.",
        )
    return Path(found[0].path)
