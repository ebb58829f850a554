"""Source -> video: find or download the file, hash it, read its metadata, save both rows."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from toolkit import cache
from toolkit.crew import Crew
from toolkit.errors import (
    DecodeError,
    DownloadError,
    ForgottenError,
    NotAVideoError,
    SourceError,
    StalledError,
)
from toolkit.isolation.reading import Pair
from toolkit.net.causes import LIMITS
from toolkit.net.turns import turn
from toolkit.privacy import tombstones
from toolkit.records import Chapter, Scene, Source, Video
from toolkit.sources import stamp
from toolkit.stages.component import Cancel
from toolkit.stages.download import Download, Entry, Playlist, Progress
from toolkit.stages.effort import note
from toolkit.stages.private import hide, made
from toolkit.vault import files, scratch
from toolkit.vault.keys import Vault
from toolkit.watchdog import within
from toolkit.work import pending, scanned

__all__ = ["Skipped", "acquire", "probed"]


def probed(pair: Pair, path: Path, stall_s: float, cancel: Cancel) -> Iterator[Video]:
    """A job: a file's metadata.

    Raises:
        DecodeError: It cannot be read, or the decoder is stuck.
        CancelledError: ``cancel`` was set.
    """
    yield within(lambda: pair.decoder.probe(path), f"Opening '{path}'", stall_s, cancel)


@dataclass(frozen=True)
class Skipped:
    """A source is left out: it was erased on request, or is beyond the limits of a playlist."""

    reason: str


def acquire(
    crew: Crew, source: Source, progress: Progress, cancel: Cancel
) -> Video | Playlist | Skipped:
    """What the source leads to; a video is in the store then, and so is where it came from.

    What was erased on request does not come back. A link is not fetched again if its file is
    there, nor if nobody needs the file any more. A file that was just fetched and cannot be read
    is not kept. Two links to the same bytes share a file.

    Raises:
        ToolkitError: The source leads to no video.
    """
    try:
        return _acquired(crew, source, progress, cancel)
    except ForgottenError as error:
        return Skipped(error.message)


def _acquired(
    crew: Crew, source: Source, progress: Progress, cancel: Cancel
) -> Video | Playlist | Skipped:
    tombstones.refuse(crew.store, source)
    known = next(iter(crew.store.find(Source, id=source.id)), None)
    unchanged = known is not None and _unchanged(crew, known, source, cancel)
    if known and unchanged and (video := _still_there(crew, known, source)):
        note(hits=1)
        return video
    if source.kind == "file":
        path = Path(source.uri)
        crew.readers.start()  # meanwhile
        return _taken_in(crew, source, path, _hashed(path, cancel), source.info, cancel)
    folder = crew.settings.workspace / crew.settings.paths.downloads
    made(folder)
    try:
        with ExitStack() as stack:
            vault = crew.vault
            # What is to be sealed does not touch the disk before it is.
            into = stack.enter_context(scratch.folder(vault.scratch)) if vault else folder
            download, most_s = _fetched(crew, source, into, progress, cancel)
            if isinstance(download, Playlist):
                crew.store.save([source.model_copy(update={"info": {"title": download.title}})])
                return Playlist(download.title, _while(stack.pop_all(), download.entries))
            hide(download.path, *download.subtitles.values())
            crew.readers.start()
            info = {**source.info, **download.info}
            name = _hashed(download.path, cancel)
            stack.enter_context(turn(folder, name, cancel))
            if vault:
                plain, download = download.path, _sealed(download, name, folder, vault, cancel)
                info.update(_names(download))
                stack.enter_context(files.lent(download.path, plain))
            stack.enter_context(_kept_if_good(download))
            return _taken_in(crew, source, download.path, name, info, cancel, most_s)
    except DownloadError as error:
        if "playlist" in source.info and error.context.get("cause") in LIMITS:
            return Skipped(error.message)
        raise


def _fetched(
    crew: Crew, source: Source, folder: Path, progress: Progress, cancel: Cancel
) -> tuple[Download | Playlist, float]:
    """What the first downloader gives that can do something with the link, and its longest."""
    if crew.clouds.find(source.uri):
        return crew.clouds.fetch(source, folder, progress, cancel), 0.0
    last = DownloadError(
        f"No downloader takes {source.uri}.", hint="See: toolkit plugins", cause="scheme"
    )
    for downloader in crew.downloaders:
        if not downloader.accepts(source.uri):
            continue
        try:
            found = downloader.fetch(source, folder, progress, cancel)
        except DownloadError as error:
            if error.context.get("cause") != "unsupported":
                raise
            last = error
        else:
            return found, downloader.max_duration_s
    raise last


def _while(stack: ExitStack, entries: Iterator[Entry]) -> Iterator[Entry]:
    """The same, and what is on the stack stays as long as somebody may want the next."""
    with stack:
        yield from entries


def _names(download: Download) -> dict[str, JsonValue]:
    """What a download's notes have to say of its subtitles, if there are any."""
    named: dict[str, JsonValue] = {lang: path.name for lang, path in download.subtitles.items()}
    return {"subtitles": named} if named else {}


def _sealed(download: Download, name: str, folder: Path, vault: Vault, cancel: Cancel) -> Download:
    """The files of a download, sealed under names that tell nothing of where they are from."""

    def sealed(path: Path, ending: str) -> Path:
        to = folder / f"{name}{ending}{files.SUFFIX}"
        if not to.exists():
            files.seal_file(path, to, vault, cancel.check)
        return to

    subtitles = {
        language: sealed(path, "".join(path.suffixes[-2:]))
        for language, path in download.subtitles.items()
    }
    return Download(sealed(download.path, download.path.suffix), download.info, subtitles)


@contextmanager
def _kept_if_good(download: Download) -> Iterator[None]:
    """Throw the files of a download away that turns out to be no video, too long, or erased."""
    try:
        yield
    except StalledError:
        raise  # the machine may be at fault
    except ForgottenError:
        _thrown_away(download)
        raise
    except (DecodeError, DownloadError) as error:
        _thrown_away(download)
        cause = "not-media" if isinstance(error, NotAVideoError) else "damaged"
        error.context.setdefault("cause", cause)
        raise


def _thrown_away(download: Download) -> None:
    for path in (download.path, *download.subtitles.values(), download.path.with_suffix(".json")):
        path.unlink(missing_ok=True)


def _hashed(path: Path, cancel: Cancel) -> str:
    try:
        return cache.content_id(path, cancel)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error


def _taken_in(
    crew: Crew,
    source: Source,
    path: Path,
    name: str,
    info: dict[str, JsonValue],
    cancel: Cancel,
    most_s: float = 0.0,
) -> Video:
    """Save the source and its video; of a link, throw the file away if there is one like it."""
    tombstones.refuse(crew.store, source, name)
    video = next(iter(crew.store.find(Video, id=name)), None)
    if video is None or not Path(video.path).exists():
        stall_s = crew.settings.decode.stall_s
        [found] = crew.readers.do(probed, path, stall_s, cancel=cancel, brief=True)
        old = video.info if video else {}
        video = found.model_copy(update={"id": name, "path": str(path), "info": old})
    elif source.kind == "link" and _one_of_ours(Path(video.path), path):
        path.unlink(missing_ok=True)
        path = Path(video.path)
    if most_s and (video.duration_s or 0) > most_s:
        raise DownloadError(
            f"The video is {video.duration_s:.0f} s long, which is over the limit of {most_s:g} s.",
            hint="Raise max_duration_s in [download].",
            cause="too-long",
        )
    if source.kind == "link" and not video.info:
        chapters = video.chapters or _chapters(info)
        video = video.model_copy(update={"info": info, "chapters": chapters})
    update = {"video_id": name, "info": info, "stamp": stamp(path)}
    crew.store.save([source.model_copy(update=update), video])
    return video


def _one_of_ours(there: Path, fetched: Path) -> bool:
    """Whether the file that is there was fetched, too: anything else may change or go."""
    return there.parent == fetched.parent and there != fetched


def _chapters(info: dict[str, JsonValue]) -> tuple[Chapter, ...]:
    """The chapters that a site tells, for a file that marks none."""
    told = info.get("chapters")
    found = []
    for one in told if isinstance(told, list) else ():
        if isinstance(one, dict):
            start_s, end_s = one.get("start_s"), one.get("end_s")
            if isinstance(start_s, int | float) and isinstance(end_s, int | float):
                title = str(one.get("title") or "")
                found.append(Chapter(start_s=start_s, end_s=end_s, title=title))
    return tuple(found)


def _unchanged(crew: Crew, known: Source, source: Source, cancel: Cancel) -> bool:
    """Whether a cloud's file is the one that was read then; what is no cloud's has no version."""
    if source.kind == "file" or crew.clouds.find(source.uri) is None:
        return True
    return crew.clouds.version(source.uri, cancel) == known.info.get("version")


def _still_there(crew: Crew, known: Source, source: Source) -> Video | None:
    video = next(iter(crew.store.find(Video, id=known.video_id or "")), None)
    if video is None:
        return None
    path = Path(source.uri if source.kind == "file" else video.path)
    if path.exists():
        return video if stamp(path) == known.stamp else None
    return video if source.kind == "link" and _settled(crew, video) else None


def _settled(crew: Crew, video: Video) -> bool:
    """Whether everything is known that would be read from the video's file."""
    if not scanned(crew, video):
        return False
    scenes = crew.store.find(Scene, video_id=video.id, detector=crew.detector_key)
    return not any(work.missing for work in pending(crew, video, scenes))
