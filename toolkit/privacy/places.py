"""The files about a subject: those that the toolkit made, and lines of its logs."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from toolkit.config import Settings, redact
from toolkit.privacy.audit import AuditLog, file_key
from toolkit.privacy.subjects import Subject
from toolkit.records import Scene, Video
from toolkit.sealing.lines import opened_lines
from toolkit.stages.private import opened
from toolkit.stages.store import Store

__all__ = ["Places", "exported", "names_of", "places_of", "remove", "size_of", "strike"]


@dataclass
class Places:
    """Files by what they are.

    Attributes:
        ours: What the toolkit made of it: downloads, thumbnails, clips, exports.
        originals: The user's own files, outside of the workspace.
        logs: Logs with lines about it, and how many.
    """

    ours: list[Path] = field(default_factory=list)
    originals: list[Path] = field(default_factory=list)
    logs: dict[Path, int] = field(default_factory=dict)


def places_of(store: Store, settings: Settings, log: AuditLog, subject: Subject) -> Places:
    """Where files about a subject are."""
    workspace = settings.workspace
    found: dict[Path, None] = dict.fromkeys(_made(settings, subject))
    videos = store.find(Video, id=list(subject.video_ids))
    named = [Path(video.path) for video in videos]
    named += [Path(source.uri) for source in subject.sources if source.kind == "file"]
    originals = []
    for path in dict.fromkeys(named):
        if path.is_file():
            if path.is_relative_to(workspace):
                found[path] = None
            else:
                originals.append(path)
    for scene in store.stream(Scene, video_id=list(subject.video_ids)):
        path = Path(scene.thumbnail)
        if scene.thumbnail and path.is_relative_to(workspace) and path.is_file():
            found[path] = None
    ids, runs = set(subject.video_ids), set(subject.run_ids)
    found |= dict.fromkeys(exported(workspace, log, ids, runs))
    words = names_of(subject)
    logs = {}
    for path in _logs(settings):
        if lines := sum(_telling(line, words) for line in _read(path)):
            logs[path] = lines
    return Places(list(found), originals, logs)


def names_of(subject: Subject) -> list[str]:
    """What a line of a log about it has in it."""
    plain = [*subject.uris, *subject.video_ids, *subject.scene_ids, *subject.source_ids]
    return list(dict.fromkeys([*plain, *map(redact, subject.uris)]))


def _made(settings: Settings, subject: Subject) -> Iterator[Path]:
    workspace = settings.workspace
    thumbnails = workspace / settings.paths.thumbnails
    downloads = workspace / settings.paths.downloads
    for id_ in subject.video_ids:
        yield from _below(thumbnails / id_[:2] / id_)
        yield from (path for path in [downloads / ".locks" / id_] if path.exists())
        yield from sorted((workspace / "serve-clips").glob(f"*/{id_}-*"))  # of the HTTP API
    for id_ in subject.source_ids:
        for place in (downloads, downloads / ".part", downloads / ".locks"):
            for path in sorted(place.glob(f"{id_}*")):
                yield from _below(path) if path.is_dir() else [path]
    for id_ in subject.run_ids:  # they are made anew when they are asked for
        yield from _below(workspace / "clips" / id_)
        yield from _below(workspace / "exports" / id_)


def exported(
    workspace: Path, log: AuditLog, video_ids: Collection[str], run_ids: Collection[str]
) -> Iterator[Path]:
    """Files in the workspace that people had made of videos or of runs that have them.

    The audit log knows them. What is of all that the store holds is of every video.
    """
    keys: set[str] = set()
    for entry in log.entries():
        about = entry.about
        files = about.get("files")
        if entry.what == "export" and isinstance(files, list):
            videos, run = about.get("videos"), about.get("run")
            if isinstance(videos, list) and videos:
                concerned = any(video in video_ids for video in videos)
            else:
                concerned = run in run_ids or (run is None and bool(video_ids))
            if concerned:
                keys.update(map(str, files))
    if keys:
        yield from (path for path in _below(workspace) if file_key(path) in keys)


def _below(folder: Path) -> Iterator[Path]:
    for place, _, names in os.walk(folder):
        for name in sorted(names):
            yield Path(place, name)


def _logs(settings: Settings) -> Iterator[Path]:
    workspace = settings.workspace
    yield from sorted((workspace / "logs").glob("*.log"))
    yield from sorted((workspace / "ray").glob("*.log"))
    if settings.logging.file:
        path = settings.base / Path(settings.logging.file).expanduser()
        if path.is_file():
            yield path


def _read(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().splitlines(keepends=True)
    except OSError:
        return []


def _telling(line: bytes, words: Iterable[str]) -> bool:
    """Whether a line has one of these words; one that is sealed is opened for it."""
    plain = next(opened_lines([line.decode(errors="replace")]))
    return any(word in plain for word in words)


def strike(path: Path, subject: Subject) -> None:
    """Take the lines about a subject out of a log; whoever has it open writes on behind them."""
    words = names_of(subject)
    kept = b"".join(line for line in _read(path) if not _telling(line, words))
    with opened(path, "r+b") as file:
        file.write(kept)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())


def remove(path: Path, workspace: Path) -> None:
    """Delete a file, and the folders above it that are empty then, as far as they are ours."""
    path.unlink(missing_ok=True)
    for above in path.parents:
        if above == workspace or not above.is_relative_to(workspace):
            return
        try:
            above.rmdir()
        except OSError:
            return


def size_of(paths: Iterable[Path]) -> int:
    """Their bytes."""
    return sum(path.stat().st_size for path in paths if path.is_file())
