"""What people name (paths, globs, folders, links, lists) -> sources."""

from __future__ import annotations

import glob
import os
import posixpath
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from toolkit.errors import SourceError
from toolkit.records import Source
from toolkit.stages.download import VIDEO_SUFFIXES

__all__ = ["anchored", "expand", "linked", "stamp"]

_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_PORTS = {"http": 80, "https": 443}
Expanded = Source | tuple[str, SourceError]


def expand(given: Iterable[str | os.PathLike[str]]) -> Iterator[Expanded]:
    """The sources that these words lead to, each once, in order.

    A word is a file, a folder (every video below it, by name), a pattern (``talks/*.mp4``,
    ``**`` for folders of any depth), a link, or ``@list.txt``: a file with one of these a line,
    where ``#`` starts a comment and paths are relative to the list.

    A word that leads to nothing comes as ``(word, error)``, so that the rest is still done.
    """
    if isinstance(given, str | os.PathLike):
        given = [given]
    seen: set[str] = set()
    for word in given:
        for found in _one(os.fspath(word), Path(), ()):
            key = found.id if isinstance(found, Source) else found[0]
            if key not in seen:
                seen.add(key)
                yield found


def anchored(word: str) -> str:
    """The word as it may be used from any folder: a relative path becomes an absolute one."""
    if not word or _LINK.match(word):
        return word
    mark = "@" if word.startswith("@") and not Path(word).exists() else ""
    return f"{mark}{Path(word.removeprefix(mark)).expanduser().absolute()}"


def linked(link: str, **data: Any) -> Source:
    """The source of a link.

    Raises:
        SourceError: It names no host.
        ValueError: It is no link.
    """
    return Source.of(_normalised(link), "link", **data)


def stamp(path: Path) -> str:
    """What tells that a file changed: its size in bytes and modification time in nanoseconds."""
    facts = path.stat()
    return f"{facts.st_size}-{facts.st_mtime_ns}"


def _one(word: str, base: Path, lists: tuple[Path, ...]) -> Iterator[Expanded]:
    try:
        if not word:
            raise SourceError("An empty word names no source.")
        if _LINK.match(word):
            yield linked(word)
        elif word.startswith("@") and not (base / word).exists():
            yield from _listed(base / Path(word[1:]).expanduser(), lists)
        else:
            yield from _local(word, base / Path(word).expanduser())
    except SourceError as error:
        yield word, error
    except (OSError, ValueError) as error:
        yield _unreadable(word, error)


def _local(word: str, path: Path) -> Iterator[Expanded]:
    if path.is_dir():
        yield from _folder(word, path)
    elif path.exists():
        yield _file(path)
    elif glob.has_magic(word):
        # Path.glob takes no absolute pattern.
        matches = glob.glob(str(path), recursive=True)  # noqa: PTH207
        files = [Path(match) for match in sorted(matches) if Path(match).is_file()]
        if not files:
            raise SourceError(f"No file fits the pattern {word}.", source=word)
        yield from _files(files)
    else:
        raise SourceError(f"There is no file {word}.", hint=_near(path), source=word)


def _folder(word: str, folder: Path) -> Iterator[Expanded]:
    files: list[Path] = []
    closed: list[OSError] = []
    for place, _, names in os.walk(folder, onerror=closed.append):
        files += [Path(place, n) for n in names if Path(n).suffix.lower() in VIDEO_SUFFIXES]
    if not files and not closed:
        raise SourceError(
            f"There is no video in the folder {word}.",
            hint=f"Looked for {', '.join(sorted(VIDEO_SUFFIXES))}.",
            source=word,
        )
    yield from _files(sorted(files))
    for error in closed:
        yield _unreadable(str(error.filename), error)


def _files(paths: Iterable[Path]) -> Iterator[Expanded]:
    for path in paths:
        try:
            yield _file(path)
        except OSError as error:
            yield _unreadable(str(path), error)


def _file(path: Path) -> Source:
    whole = path.resolve(strict=True)
    if not whole.is_file():
        raise SourceError(f"{path} is not a regular file.", source=str(path))
    return Source.of(str(whole), "file", stamp=stamp(whole))


def _listed(file: Path, lists: tuple[Path, ...]) -> Iterator[Expanded]:
    file = file.resolve()
    if file in lists:
        raise SourceError(f"The list {file} leads to itself.", source=str(file))
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise SourceError(f"There is no list {file}.", source=str(file)) from None
    words = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not words:
        raise SourceError(f"The list {file} names nothing.", source=str(file))
    for word in words:
        yield from _one(word, file.parent, (*lists, file))


def _normalised(link: str) -> str:
    """The link as RFC 3986 (6.2.2 and 6.2.3) writes it, without its fragment.

    Scheme and host in lower case, no default port, a path of at least ``/``; the rest is the
    site's own and stays as it is, but that what a URL may not hold is percent-encoded.
    """
    parts = urlsplit(link.strip())
    scheme, host = parts.scheme.lower(), parts.hostname
    if scheme not in _PORTS:  # names in a cloud may hold anything, # and ? included
        return f"{scheme}://{link.strip().partition('://')[2]}"
    if not host:
        raise SourceError(f"The link {link} names no host.", source=link)
    if not host.isascii():
        host = host.encode("idna").decode()
    user = parts.netloc.rpartition("@")[0]
    place = f"{user}@" if user else ""
    place += f"[{host}]" if ":" in host else host.rstrip(".")
    if parts.port not in (None, _PORTS[scheme]):
        place += f":{parts.port}"
    path = _no_dots(quote(parts.path, safe="%/:=&?~#+!$,;'@()*[]")) or "/"
    query = quote(parts.query, safe="%/:=&?~#+!$,;'@()*[]|")
    return urlunsplit((scheme, place, path, query, ""))


def _no_dots(path: str) -> str:
    """The path without ``.`` and ``..`` segments, its last slash kept."""
    if not re.search(r"(^|/)\.\.?(/|$)", path):
        return path
    clean = posixpath.normpath(path)
    return clean + "/" if path.endswith(("/", "/.", "/..")) and clean != "/" else clean


def _near(path: Path) -> str | None:
    import difflib

    if not path.parent.is_dir():
        return f"There is no folder {path.parent} either."
    near = difflib.get_close_matches(path.name, os.listdir(path.parent), n=1)  # noqa: PTH208
    return f"Did you mean {path.parent / near[0]}?" if near else None


def _unreadable(word: str, error: OSError | ValueError) -> tuple[str, SourceError]:
    reason = error.strerror if isinstance(error, OSError) else None
    refusal = SourceError(f"{word} cannot be read: {reason or error}.", source=word)
    refusal.__cause__ = error
    return word, refusal
