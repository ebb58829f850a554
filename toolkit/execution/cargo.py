"""What is brought to a cloud: files that are there, and those of a run.

Of an encrypted workspace only sealed files go, under names that tell nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from toolkit.config.privacy import Redaction
from toolkit.errors import SourceError
from toolkit.exchange.export import export
from toolkit.execution.footage import clip_scenes, footage_of, readers_of
from toolkit.insight import results
from toolkit.records import Run
from toolkit.redaction.pictures import Blur
from toolkit.stages.download import VIDEO_SUFFIXES
from toolkit.stages.private import made
from toolkit.stages.store import Store
from toolkit.vault import scratch
from toolkit.vault.files import SUFFIX, is_sealed, plain_name, seal_file
from toolkit.vault.keys import Vault

__all__ = ["USUAL", "Item", "What", "files", "of_run"]

What = Literal["originals", "clips", "thumbnails", "exports"]
USUAL: tuple[What, ...] = ("thumbnails", "exports")
_PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Item:
    """A local file, where it goes below the target's folder, and the video or run it is of."""

    kind: str
    path: Path
    name: str
    of: str = ""


def files(paths: Iterable[_PathLike]) -> Iterator[Item]:
    """Files, and what is in folders, under their names there.

    Raises:
        SourceError: There is no such file.
    """
    for given in (Path(path).expanduser().resolve() for path in paths):
        if given.is_dir():
            for path in sorted(given.rglob("*")):
                if path.is_file():
                    yield Item("files", path, path.relative_to(given.parent).as_posix())
        elif given.is_file():
            yield Item("files", given, given.name)
        else:
            raise SourceError(f"There is no file {given}.", source=str(given))


def of_run(
    store: Store,
    run: Run,
    what: Iterable[What],
    workspace: Path,
    vault: Vault | None = None,
) -> Iterator[Item]:
    """A run's files of these kinds. Clips are cut and exports written, if they are not there yet.

    Args:
        store: Where the run is.
        run: The run.
        what: The kinds.
        workspace: Where files are kept that are made for this.
        vault: Seals them; an original that is not sealed is copied into the workspace, sealed.

    Raises:
        MediaError: A clip cannot be made.
        StoreError: The store cannot be read.
    """
    wanted = set(what)
    found = results.videos_of(store, run)
    titles = results.titles_of(found, results.sources_of(store, run))
    names = {video.id: video.id if vault else _name(titles[video.id], video.id) for video in found}
    ending = SUFFIX if vault else ""
    if "originals" in wanted:
        for video in found:
            path = Path(video.path)
            if vault and not is_sealed(path):
                path = _sealed(path, workspace / "originals" / f"{video.id}{path.suffix}", vault)
            suffix = plain_name(path).suffix.lower() + ending
            yield Item("originals", path, f"originals/{names[video.id]}{suffix}", video.id)
    if "thumbnails" in wanted:
        for scene in results.scenes_of(store, run, found):
            if scene.thumbnail:
                name = f"thumbnails/{names[scene.video_id]}/{scene.index:05}.jpg{ending}"
                yield Item("thumbnails", Path(scene.thumbnail), name, scene.video_id)
    if "clips" in wanted:
        for path in _clips(store, run, workspace / "clips" / run.id, vault):
            yield Item("clips", path, f"clips/{run.id}/{path.name}", run.id)
    if "exports" in wanted:
        for path in _exports(store, run, workspace / "exports" / run.id, vault):
            yield Item("exports", path, f"exports/{run.id}/{path.name}", run.id)


def _name(title: str, video_id: str) -> str:
    """A name that people know and that no other video has."""
    known = Path(title).suffix.lower() in VIDEO_SUFFIXES
    words = re.sub(r"[^\w.-]+", "-", Path(title).stem if known else title).strip("-.")[:80]
    return f"{words or 'video'}-{video_id[:8]}"


def _sealed(path: Path, to: Path, vault: Vault) -> Path:
    """A sealed copy of a file, made if there is none: bytes that stay the same can be gone on with.

    Sealing twice gives other bytes.
    """
    to = to.with_name(to.name + SUFFIX)
    made(to.parent)
    if not to.exists():
        seal_file(path, to, vault)
    return to


def _clips(store: Store, run: Run, folder: Path, vault: Vault | None) -> list[Path]:
    footage = footage_of(store, run)
    blur = Blur.of(Redaction.model_validate(run.settings.get("redaction") or {}), "exports")
    scenes = [(one.video, scene) for one in footage for scene in one.scenes]
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    if len(there) == len(scenes):  # bytes that stay the same can be gone on with
        return there
    cut = partial(clip_scenes, footage, readers=readers_of(run), force=True, blur=blur)
    if vault is None:
        return [clip.path for clip in cut(folder=made(folder))]
    with scratch.folder(vault.scratch) as plain:
        clips = cut(folder=plain)
        return [
            _sealed(clip.path, folder / f"{video.id}-{scene.index:05}{clip.path.suffix}", vault)
            for clip, (video, scene) in zip(clips, scenes, strict=True)
        ]


def _exports(store: Store, run: Run, folder: Path, vault: Vault | None) -> Iterator[Path]:
    made(folder)
    for what in ("videos", "scenes", "answers", "tags"):
        name = f"{what}.parquet"
        if vault is None:
            yield from export(store, run, folder / name, what=what, force=True)
        else:
            with scratch.folder(vault.scratch) as plain:
                for path in export(store, run, plain / name, what=what, force=True):
                    to = folder / (path.name + SUFFIX)
                    seal_file(path, to, vault)
                    yield to
