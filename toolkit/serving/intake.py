"""What clients may ask for: sources that may be fetched, questions that read no files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from toolkit.config import Settings
from toolkit.errors import DownloadError
from toolkit.net.guard import SCHEMES, Guard
from toolkit.records import Question, Source
from toolkit.serving.problems import RefusedError
from toolkit.sources import expand
from toolkit.stages.component import Cancel

__all__ = ["questions_of", "sources_of"]

_LINK = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # one letter is a drive
_FROM_A_FILE = re.compile(r".*\[\s*json\s*:.*\]\s*", re.DOTALL | re.IGNORECASE)


def sources_of(words: Iterable[str], settings: Settings) -> list[str]:
    """What a client named, as it may be given to a run: links, and files without links in them.

    Links of the web are looked at as far as that is possible without resolving names; redirects
    and names are checked by the downloader, where the connection is made.

    Raises:
        RefusedError: One may not be fetched.
        SourceError: One leads to nothing.
    """
    roots = [root for root in settings.serve.roots if "://" not in root]
    folders = [(settings.base / Path(root).expanduser()).absolute() for root in roots]
    clouds = [root for root in settings.serve.roots if "://" in root]
    found: list[str] = []
    for word in words:
        if _LINK.match(word):
            _check_link(word, clouds, settings)
            found.append(word)
        else:
            found += _files(word, folders)
    return list(dict.fromkeys(found))


def _check_link(link: str, clouds: Iterable[str], settings: Settings) -> None:
    scheme = link.partition(":")[0].lower()
    if scheme in SCHEMES:
        options = [
            settings.options.get("download", {}).get(name) for name in settings.chosen("download")
        ]
        allowed = any(getattr(one, "allow_private_hosts", False) for one in options)
        try:
            Guard(allowed, "", 1.0, Cancel()).check(link)
            _ = urlsplit(link).port  # a ValueError, if it is none
        except (DownloadError, ValueError) as error:
            message = error.message if isinstance(error, DownloadError) else "The link is no URL."
            raise RefusedError(403, message) from error
        return
    parts = PurePosixPath(link.partition("://")[2]).parts
    if ".." in parts or not any(_below(link, root) for root in clouds):
        raise RefusedError(
            403,
            f"Links of the kind {scheme}: are not fetched from there.",
            hint="Whoever runs the server can add their folder to roots in [serve].",
        )


def _below(link: str, root: str) -> bool:
    return link == root.rstrip("/") or link.startswith(root.rstrip("/") + "/")


def _files(word: str, folders: Iterable[Path]) -> Iterator[str]:
    """The files that a local path leads to, all of them inside of the folders."""
    roots = [root.resolve() for root in folders]
    path = Path(word)
    # Nothing outside is even looked at: the answer would tell what there is.
    if (
        not path.is_absolute()
        or ".." in path.parts
        or not any(path.is_relative_to(root) for root in (*folders, *roots))
        or not _inside(path.resolve(), roots)
    ):
        raise RefusedError(
            403,
            "This is no path inside of the server's folders.",
            hint="Give an absolute path below one of roots in [serve].",
        )
    for one in expand([word]):
        if not isinstance(one, Source):
            raise one[1]
        if not _inside(Path(one.uri), roots):  # it is resolved
            raise RefusedError(403, f"'{word}' leads out of the server's folders.")
        yield one.uri


def _inside(path: Path, roots: Iterable[Path]) -> bool:
    return any(path.is_relative_to(root) for root in roots)


def questions_of(lines: Iterable[str]) -> list[Question]:
    """Questions with their types.

    Raises:
        RefusedError: One would read a schema from a file of the server.
        ConfigError: One has no such type.
    """
    lines = list(lines)
    if any(_FROM_A_FILE.fullmatch(line) for line in lines):
        raise RefusedError(
            422,
            "A question with [json: FILE] reads a file of the server.",
            hint="Put it into [analysis] questions of the server's config file.",
        )
    return [Question.parse(line) for line in lines]
