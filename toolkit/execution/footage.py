"""Videos with their scenes, from a run or found now, as clips and as a sheet."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolkit.acquire import probed
from toolkit.cache import content_id
from toolkit.config import Settings
from toolkit.config.decode import Decode
from toolkit.config.settings import Sampling
from toolkit.errors import EncryptionError, MediaError
from toolkit.hooks.manager import configure
from toolkit.insight import results
from toolkit.isolation.readers import Readers
from toolkit.media import sheet as sheets
from toolkit.media.clip import QUALITY, Clip, clip
from toolkit.media.files import CONTAINERS, Told, check_free
from toolkit.media.making import make
from toolkit.media.pictures import thumbnails
from toolkit.records import Run, Scene, Video
from toolkit.redaction.pictures import Blur
from toolkit.scan import Ended, scan_file
from toolkit.stages.component import Cancel
from toolkit.stages.download import VIDEO_SUFFIXES
from toolkit.stages.private import made
from toolkit.stages.store import Store
from toolkit.thumbnails import size_of
from toolkit.vault.files import plain_name, read

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "Footage",
    "clip_scenes",
    "footage_of",
    "readers_of",
    "scanned",
    "sheet_of",
    "suffix_of",
]


@dataclass(frozen=True)
class Footage:
    """A video and some of its scenes; pictures of them, by scene, where there are any yet."""

    video: Video
    title: str
    scenes: list[Scene]
    pictures: dict[str, Image] = field(default_factory=dict)


def scanned(path: Path, readers: Readers, width: int = 320, told: Told = lambda _: None) -> Footage:
    """A file's scenes, found in one pass, each with a picture from its middle.

    Raises:
        DecodeError: The video cannot be read.
    """
    from PIL import Image

    settings, cancel = readers.settings, Cancel()
    [found] = readers.do(probed, path, settings.decode.stall_s, cancel=cancel)
    video = found.model_copy(update={"id": content_id(path), "path": str(path)})
    footage = Footage(video, path.name, [])
    scenes = settings.scenes.model_copy(update={"thumbnail_width": width})
    options = settings.model_copy(update={"scenes": scenes}), Sampling(frames=1), False
    for one in readers.do(scan_file, video, *options, cancel=cancel):
        if isinstance(one, Ended):
            continue
        cut, size = one
        place = {"start_s": cut.start_s, "end_s": cut.end_s, "kind": cut.kind}
        scene = Scene.of(video.id, scenes.plugin, cut.index, score=cut.score, **place)
        footage.scenes.append(scene)
        for frame in cut.picked:
            footage.pictures[scene.id] = Image.fromarray(frame.rgb(*size_of(size, width)))
        told(min(1.0, cut.end_s / video.duration_s) if video.duration_s else 0.0)
    return footage


def footage_of(
    store: Store, run: Run, *, video_id: str | None = None, scene_ids: set[str] | None = None
) -> list[Footage]:
    """A run's videos with their scenes; one video alone, or some scenes alone."""
    videos = results.videos_of(store, run)
    titles = results.titles_of(videos, results.sources_of(store, run))
    found = []
    for video in videos:
        if video_id in (None, video.id):
            scenes = results.scenes_of(store, run, [video])
            chosen = [scene for scene in scenes if scene_ids is None or scene.id in scene_ids]
            if chosen:
                found.append(Footage(video, titles[video.id], chosen))
    return found


def clip_scenes(
    footage: Iterable[Footage],
    folder: Path,
    readers: Readers,
    *,
    exact: bool = False,
    suffix: str | None = None,
    quality: int = QUALITY,
    force: bool = False,
    told: Told = lambda _: None,
    cancel: Cancel | None = None,
    blur: Blur | None = None,
) -> list[Clip]:
    """Write each scene to a file of its own: ``folder/talk-007.mp4``.

    Args:
        footage: The scenes.
        folder: Where the clips go; it is made where it is missing.
        readers: Who reads the videos.
        exact: Encode anew, exact to the frame; otherwise copy from the keyframe on.
        suffix: Of the files; None for that of each video, and ``.mp4`` if exact.
        quality: Of exact clips: 0 is lossless, 51 the worst.
        force: Replace files that are there.
        told: Told how far it is, from 0 to 1.
        cancel: A request to stop: whole clips stay.
        blur: Blurs what is to be blurred in every frame; such clips are exact.

    Raises:
        MediaError: A file is there already, before any is written; or one cannot be written.
        SourceError: A video's file is gone.
    """
    exact = exact or blur is not None
    jobs = list(_jobs(footage, folder, suffix, exact=exact))
    for to, _, _ in jobs:
        check_free(to, force=force)
    try:
        made(folder)
    except OSError as error:
        raise MediaError(f"The folder '{folder}' cannot be made: {error.strerror}.") from error
    clips = []
    for done, (to, video, scene) in enumerate(jobs):
        work = partial(
            clip,
            start_s=scene.start_s,
            end_s=scene.end_s,
            exact=exact,
            quality=quality,
            redraw=blur,
        )
        clips.append(
            make(
                readers,
                work,
                Path(video.path),
                to,
                force=force,
                told=lambda share, done=done: told((done + share) / len(jobs)),  # type: ignore[misc]
                cancel=cancel,
            )
        )
    return clips


def sheet_of(
    footage: Iterable[Footage],
    *,
    columns: int = 0,
    width: int = 320,
    readers: Readers | None = None,
    blur: Blur | None = None,
) -> Image:
    """A contact sheet of scenes; of very many, an even choice.

    Pictures that are not there yet are the scenes' thumbnails where those are wide enough;
    otherwise they are decoded.

    Args:
        footage: The scenes.
        columns: Pictures in a row; 0 for a sheet about as wide as it is high.
        width: Width of a picture in pixels.
        readers: Who reads the videos; None for those of the config, made if they are needed.
        blur: Blurs what is to be blurred in every picture.

    Raises:
        MediaError: There is no scene.
        DecodeError: A video cannot be read.
    """
    every = [(one, scene) for one in footage for scene in one.scenes]
    shown = [every[place] for place in sheets.evenly(len(every))]
    titles = list(dict.fromkeys(one.title for one, _ in shown))
    with ExitStack() as stack:
        tiles: list[sheets.Tile] = []
        for one in {id(one): one for one, _ in shown}.values():
            scenes = [scene for other, scene in shown if other is one]
            pictures = _pictures(one, scenes, width)
            missing = [scene for scene in scenes if scene.id not in pictures]
            if missing:
                readers = readers or stack.enter_context(Readers.of(*configure()[:2]))
                times_s = [(scene.start_s + scene.end_s) / 2 for scene in missing]
                path = Path(one.video.path)
                for scene, (_, picture) in zip(
                    missing, thumbnails(readers, path, times_s, width), strict=True
                ):
                    pictures[scene.id] = picture
            if blur:
                pictures = {id_: blur.picture(picture) for id_, picture in pictures.items()}
            name = f"{one.title}  " if len(titles) > 1 else ""
            tiles += [
                sheets.Tile(pictures[s.id], f"{name}{s.index}  {sheets.moment(s.start_s)}")
                for s in scenes
            ]
    count = f"{len(shown)} of {len(every)}" if len(shown) < len(every) else f"{len(every)}"
    name = titles[0] if len(titles) == 1 else f"{len(titles)} videos"
    title = f"{name}: {count} scene{'s' * (len(every) != 1)}"
    return sheets.sheet(tiles, title=title, columns=columns)


def _pictures(one: Footage, scenes: Iterable[Scene], width: int) -> dict[str, Image]:
    from PIL import Image

    pictures = dict(one.pictures)
    for scene in scenes:
        if scene.id in pictures or not scene.thumbnail:
            continue
        try:
            with Image.open(io.BytesIO(read(Path(scene.thumbnail)))) as picture:
                enough = picture.width >= min(width, one.video.width, one.video.height)
                if enough:
                    picture.thumbnail((width, picture.height))
                    pictures[scene.id] = picture.copy()
        except (OSError, EncryptionError):
            continue  # it was deleted, or is damaged
    return pictures


def _jobs(
    footage: Iterable[Footage], folder: Path, suffix: str | None, *, exact: bool
) -> Iterator[tuple[Path, Video, Scene]]:
    taken: dict[str, str] = {}
    for one in footage:
        name = Path(one.title)
        words = name.stem if name.suffix.lower() in VIDEO_SUFFIXES else one.title
        stem = re.sub(r"[^\w.-]+", "-", words).strip("-.")[:80] or "video"
        if taken.setdefault(stem, one.video.id) != one.video.id:
            stem = f"{stem}-{one.video.id[:8]}"
        for scene in one.scenes:
            ending = suffix or suffix_of(Path(one.video.path), exact=exact)
            yield folder / f"{stem}-{scene.index:03}{ending}", one.video, scene


def suffix_of(path: Path, *, exact: bool) -> str:
    """The suffix of a clip: the video's own, if such files can be written."""
    if exact:
        return ".mp4"
    suffix = plain_name(path).suffix.lower()
    return suffix if suffix in CONTAINERS else ".mkv"


def readers_of(run: Run) -> Readers:
    """Who reads the videos of a run with the run's own limits, where no decoder is needed."""
    return Readers(Settings(decode=Decode.model_validate(run.settings.get("decode") or {})))
