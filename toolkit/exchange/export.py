"""A run's results as files, in the form that the file's suffix names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import ConfigError, choices
from toolkit.exchange import captions, dump, edits, labels, tables
from toolkit.exchange.captions import Cue
from toolkit.exchange.provenance import joined, provenance_of
from toolkit.insight import results
from toolkit.media.files import written
from toolkit.privacy.audited import note_export
from toolkit.records import Analysis, Run, Scene, Video
from toolkit.stages.store import Store

__all__ = ["FORMS", "export"]

_SCENES, _CHAPTERS = "scenes", "chapters"


@dataclass(frozen=True)
class Form:
    """A form of file.

    Attributes:
        suffix: What such files end with.
        whats: What it can show, the default first.
        single: Whether a file is about one video.
        whole: Whether it holds every record, so that it can be read back.
    """

    suffix: str
    whats: tuple[str, ...] = (_SCENES,)
    single: bool = False
    whole: bool = False


FORMS: dict[str, Form] = {
    "jsonl": Form(".jsonl", ("records",), whole=True),
    "jsonl.gz": Form(".jsonl.gz", ("records",), whole=True),
    "parquet": Form(".parquet", tuple(tables.TABLES)),
    "csv": Form(".csv", tuple(tables.TABLES)),
    "vtt": Form(".vtt", (_CHAPTERS, _SCENES), single=True),
    "edl": Form(".edl", single=True),
    "otio": Form(".otio", single=True),
    "fiftyone": Form(".json"),
}
"""Forms of files by name."""


def export(
    store: Store,
    run: Run | None,
    to: Path,
    *,
    video_id: str | None = None,
    what: str | None = None,
    form: str | None = None,
    force: bool = False,
) -> list[Path]:
    """Write results to a file, or to a folder, a file a video.

    Args:
        store: Where they are.
        run: The run; None for all that the store holds, which has the forms ``jsonl`` alone.
        to: The file; or a folder that is there, for the forms of which a file is about one video.
        video_id: One video alone.
        what: What of them, for the forms that can show several things.
        form: A name in :data:`FORMS`; None for that of the file's suffix.
        force: Whether files that are there are replaced.

    Returns:
        The files.

    Raises:
        ConfigError: There is no such form, or it cannot show that.
        MediaError: A file is there already, or cannot be written.
        MissingExtraError: The form needs a library that is not installed.
    """
    kind = _form(to, form)
    files = _written(store, run, to, kind, what or kind.whats[0], video_id, force=force)
    note_export(store, kind.suffix, files, run, [video_id] if video_id else [])
    return files


def _written(
    store: Store,
    run: Run | None,
    to: Path,
    kind: Form,
    chosen: str,
    video_id: str | None,
    *,
    force: bool,
) -> list[Path]:
    if chosen not in kind.whats:
        raise ConfigError(
            f"A file {kind.suffix} cannot hold '{chosen}'.", hint=choices(chosen, kind.whats)
        )
    if run is None:
        if not kind.whole:
            raise ConfigError(
                f"All that the store holds cannot be written as {kind.suffix}.",
                hint="Use .jsonl or .jsonl.gz, or name a run.",
            )
        return [_write(to, lambda part: dump.write(dump.all_records(store), part), force=force)]
    videos = [one for one in results.videos_of(store, run) if video_id in (None, one.id)]
    if kind.whole:
        rows = dump.run_records(store, run, videos)
        return [_write(to, lambda part: dump.write(rows, part), force=force)]
    if kind.single:
        return _one_by_one(store, run, to, videos, kind, chosen, force=force)
    if kind.suffix == ".json":
        text = labels.fiftyone(store, run, videos)
        return [_write(to, lambda part: part.write_text(text, "utf-8"), force=force)]
    frame = tables.TABLES[chosen](store, run)
    if video_id is not None:
        import polars as pl

        frame = frame.filter(pl.col("video_id") == video_id)
    frame = joined(frame, provenance_of(store, videos))
    table = tables.write_csv if kind.suffix == ".csv" else tables.write_parquet
    return [_write(to, lambda part: table(frame, part), force=force)]


def _form(to: Path, form: str | None) -> Form:
    if form is not None:
        if form not in FORMS:
            raise ConfigError(f"There is no form '{form}'.", hint=choices(form, FORMS))
        return FORMS[form]
    for one in FORMS.values():
        if to.name.lower().endswith(one.suffix):
            return one
    suffixes = ", ".join(one.suffix for one in FORMS.values())
    raise ConfigError(
        f"The name '{to}' does not tell a form.",
        hint=f"End it with one of {suffixes}; or, for a folder, name the form (--format).",
    )


def _one_by_one(
    store: Store, run: Run, to: Path, videos: list[Video], kind: Form, what: str, *, force: bool
) -> list[Path]:
    """Write a file a video."""
    if not to.is_dir() and len(videos) != 1:
        raise ConfigError(
            f"A file {kind.suffix} is about one video, and here are {len(videos)}.",
            hint=f"Name one video; or a folder that is there, and the form {kind.suffix[1:]}.",
        )
    titles = results.titles_of(videos, results.sources_of(store, run))
    taken: set[str] = set()
    files = []
    for video in videos:
        text = _text(store, run, video, titles[video.id], kind, what)
        if text is None:
            continue
        file = to
        if to.is_dir():
            stem, number = Path(video.path).stem, 1
            while (name := f"{stem}-{number}" if number > 1 else stem) in taken:
                number += 1
            taken.add(name)
            file = to / f"{name}{kind.suffix}"
        write: Callable[[Path], Any] = lambda part, text=text: part.write_text(text, "utf-8")  # type: ignore[misc]  # noqa: E731
        files.append(_write(file, write, force=force))
    if not files and what == _CHAPTERS:
        raise ConfigError(
            "There are no chapters.",
            hint="Make some with: toolkit analyze --chapters. Or export scenes: --what scenes.",
        )
    return files


def _text(store: Store, run: Run, video: Video, title: str, kind: Form, what: str) -> str | None:
    """The file about a video; None if there is nothing to say."""
    known = provenance_of(store, [video])[video.id]
    if kind.suffix != ".vtt":
        scenes = list(results.scenes_of(store, run, [video]))
        return (edits.edl if kind.suffix == ".edl" else edits.otio)(video, scenes, known)
    if what == _SCENES:
        return captions.webvtt(_scene_cues(store, run, video), title, known)
    (written_,) = results.syntheses_of(store, run, [video]).values()
    chapters = [said for one in written_ if one.kind == "chapters" for said in one.statements]
    cues = [Cue(said.start_s, said.end_s, said.text) for said in chapters]
    return captions.webvtt(cues, title, known) if cues else None


def _scene_cues(store: Store, run: Run, video: Video) -> list[Cue]:
    cues: list[Cue] = []
    for part in results.parts_of(results.scenes_of(store, run, [video])):
        said = results.answers_of(store, run, part)
        cues += [_scene_cue(scene, Analysis.of(scene.id, said[scene.id])) for scene in part]
    return cues


def _scene_cue(scene: Scene, analysis: Analysis) -> Cue:
    words = [analysis.description, *(f"{q} {a}" for q, a in analysis.questions.items())]
    text = "\n".join(filter(None, words)) or f"Scene {scene.index}"
    return Cue(scene.start_s, scene.end_s, text)


def _write(to: Path, write: Callable[[Path], object], *, force: bool) -> Path:
    with written(to, force=force) as part:
        write(part)
    return to
