"""What is on the disk of a download: a part until it is whole, then a file with its final name.

    .part/<source id>/       while it is under way, kept for the next try
    <source id>.json         what the site said; the name of the file
    <source id>.<lang>.vtt   subtitles, where there are any
    <source id>.mp4          the video

The video comes last of all: its name means that everything is there.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from pydantic import JsonValue

from toolkit.errors import DownloadError
from toolkit.net.containers import ends_early
from toolkit.records import Source
from toolkit.stages.download import Download
from toolkit.stages.private import made, opened

__all__ = ["drop", "keep", "part_of", "refuse_partial", "refuse_text", "whole"]

_PLAIN = re.compile(r"\.[a-z0-9]{1,10}")


def part_of(source: Source, folder: Path) -> Path:
    """The folder where a download grows; it is made where it is missing."""
    return made(folder / ".part" / source.id)


def drop(source: Source, folder: Path) -> None:
    """Throw away what is here of a download that will never be whole."""
    shutil.rmtree(folder / ".part" / source.id, ignore_errors=True)


def refuse_text(path: Path) -> None:
    """See that a file is no text: sites answer with pages where a video was.

    Every container has bytes that no text has.

    Raises:
        DownloadError: It is.
    """
    with path.open("rb") as file:
        start = file.read(1024)
    if not start:
        raise DownloadError("The file is empty.", cause="not-media")
    if b"\0" not in start:
        try:
            start[:-4].decode("utf-8")
        except UnicodeDecodeError:
            return
        raise DownloadError(
            "The link leads to a text, not to a video.",
            hint="Check the link, in a browser, too.",
            cause="not-media",
        )


def refuse_partial(path: Path, *, sized: bool) -> None:
    """See that a file is all there by what its container says.

    Args:
        path: The file.
        sized: Whether the server told its size, and that is what has come.

    Raises:
        DownloadError: It is not; retriable unless the server itself has no more of it.
    """
    if why := ends_early(path):
        raise DownloadError(
            f"The file ends early: {why}.",
            hint="The server has no more of it: it is damaged there."
            if sized
            else "Try again: the connection may have been cut.",
            retriable=not sized,
            cause="damaged" if sized else "incomplete",
        )


def keep(
    fetched: Path,
    source: Source,
    folder: Path,
    info: Mapping[str, JsonValue],
    *,
    suffix: str,
    subtitles: Mapping[str, Path],
) -> Download:
    """Give the whole file its name, and its note and subtitles theirs before it.

    Args:
        fetched: The file, in the download's part.
        source: What was fetched.
        folder: Where it goes.
        info: What the site said about the video.
        suffix: What the name should end in; a strange one is left out.
        subtitles: Files by language, in the download's part.
    """
    suffix = suffix.lower()
    final = folder / f"{source.id}{suffix if _PLAIN.fullmatch(suffix) else ''}"
    named = {
        language: folder / f"{source.id}.{_safe(language)}{path.suffix.lower()}"
        for language, path in subtitles.items()
    }
    for language, path in subtitles.items():
        os.replace(path, named[language])  # noqa: PTH105 - atomic on every system, as rename is not
    said = dict(info)
    if named:
        said["subtitles"] = {language: path.name for language, path in named.items()}
    draft = fetched.with_name("note")
    with opened(draft, "w", encoding="utf-8") as note:
        json.dump({"file": final.name, "info": said}, note, indent=1)
    os.replace(draft, folder / f"{source.id}.json")  # noqa: PTH105
    with fetched.open("rb") as file:
        os.fsync(file.fileno())  # a name survives a power failure only together with its bytes
    os.replace(fetched, final)  # noqa: PTH105
    drop(source, folder)
    return Download(final, said, named)


def whole(source: Source, folder: Path) -> Download | None:
    """What an earlier run has fetched, if it has."""
    try:
        note = json.loads((folder / f"{source.id}.json").read_text(encoding="utf-8"))
        path = folder / note["file"]
        info = note["info"]
        subtitles = {name: folder / file for name, file in info.get("subtitles", {}).items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return Download(path, info, subtitles) if path.is_file() else None


def _safe(language: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", language)[:20] or "und"
