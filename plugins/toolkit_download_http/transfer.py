"""One file on its way: what is here already, what comes, and whether that is all."""

from __future__ import annotations

import email.utils
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2  # noqa: TID253 - imported by the factory alone
from pydantic import JsonValue

from toolkit.errors import DownloadError
from toolkit.net import causes, keeping
from toolkit.net.containers import duration_s
from toolkit.net.meter import Meter, refuse_long
from toolkit.stages.private import opened

if TYPE_CHECKING:
    from toolkit.net.guard import Guard
    from toolkit.net.options import WebOptions
    from toolkit.net.pace import Pace
    from toolkit.stages.component import Cancel
    from toolkit.stages.download import Progress

__all__ = ["Transfer"]

_PIECE_BYTES = 1 << 20
_FIRST_LOOK_BYTES = 1 << 16
_MOST_TIMES = 100  # video hardly packs at all: more than this is a bomb
_SMALL_BYTES = 10_000_000


class Transfer:
    """Receives a file into a part, from where an earlier try has left off.

    Beside the bytes lies what tells the server's file from another one by the same link: a strong
    ETag or the time of its last change (RFC 9110, 13.1.5), and its size.

    Attributes:
        file: The bytes.
        said: What the server told about the file.
    """

    def __init__(
        self,
        part: Path,
        options: WebOptions,
        pace: Pace,
        guard: Guard,
        progress: Progress,
        cancel: Cancel,
    ) -> None:
        self.file = part / "media"
        self.said: dict[str, JsonValue] = {}
        self._note = part / "validator.json"
        self._options = options
        self._meter = Meter(options, pace, guard, progress, cancel, part)
        self._validator, self._known_total = self._remembered()
        self._sized = False

    def _remembered(self) -> tuple[str, int | None]:
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return str(note["validator"]), note["total"]
        except (OSError, ValueError, KeyError, TypeError):
            return "", None

    @property
    def _here(self) -> int:
        known = self._validator or self._known_total
        return self.file.stat().st_size if known and self.file.exists() else 0

    def headers(self) -> dict[str, str]:
        """What to ask for: all, or the rest of the same file."""
        if not self._here:
            return {}
        condition = {"If-Range": self._validator} if self._validator else {}
        return {"Range": f"bytes={self._here}-", **condition}

    def receive(self, response: httpx2.Response) -> None:
        """Take what the server sends.

        Raises:
            HTTPStatusError: It refuses.
            DownloadError: It sends something else, or too much.
        """
        status, headers = response.status_code, response.headers
        if status not in (200, 206, 416):
            response.raise_for_status()
            raise causes.of_status(status, None)
        start, total = self._place(status, headers)
        if status == 416 and start == total:
            self._sized = True
            return  # the whole file was here already
        if headers.get("Content-Type", "").partition(";")[0].strip().lower() in (
            "text/html",
            "application/xhtml+xml",
        ):
            raise causes.unsupported(
                "The link leads to a page, not to a video file.", "Check the link, in a browser."
            )
        packed = headers.get("Content-Encoding", "identity").strip().lower()
        unpacked = packed in ("", "identity")
        self._remember(headers, total if unpacked else None, resumable=unpacked)
        self._say(headers)
        self._meter.at(start, total)
        self._meter.expect(total - start if total is not None else None)
        pieces = self._pieces(response, packed)
        done, look = start, max(start, _FIRST_LOOK_BYTES)
        with opened(self.file, "r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            for piece in pieces:
                file.write(piece)
                done += len(piece)
                self._meter.at(done, total if unpacked else None)
                if done >= look:
                    look = 2 * done
                    file.flush()
                    refuse_long(duration_s(self.file), self._options)
        self._sized = total is not None
        if unpacked and total is not None and done != total:
            raise causes.broken(f"{done} of {total} bytes came.", silent=False)

    def _place(self, status: int, headers: httpx2.Headers) -> tuple[int, int | None]:
        """Where what comes starts, and the size of the whole, if it is told."""
        here = self._here
        told = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(\d+|\*)", headers.get("Content-Range", ""))
        total = int(told[2]) if told and told[2].isdigit() else None
        if status == 206 and told and told[1] and int(told[1]) == here:
            if here and not self._validator and total != self._known_total:
                self._forget()
                raise causes.broken("the file is another one by now.", silent=False)
            return here, total
        if status == 416 and here and total == here:
            return here, total
        if status in (206, 416):
            # Not what was asked for: with nothing here, the whole is asked for.
            self._forget()
            if here:
                raise causes.broken("the server sends another part than asked for.", silent=False)
            raise causes.of_status(416, None)
        length = headers.get("Content-Length", "")
        return 0, int(length) if length.isdigit() else None

    def _forget(self) -> None:
        self.file.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)
        self._validator, self._known_total = "", None

    def _remember(self, headers: httpx2.Headers, total: int | None, *, resumable: bool) -> None:
        etag = headers.get("ETag", "")
        # A weak one (W/"...") does not promise the same bytes.
        validator = etag if etag.startswith('"') else headers.get("Last-Modified", "")
        if not resumable:
            validator = ""
        note = {"validator": validator, "total": total}
        with opened(self._note, "w", encoding="utf-8") as file:
            json.dump(note, file)

    def _say(self, headers: httpx2.Headers) -> None:
        try:
            day = email.utils.parsedate_to_datetime(headers.get("Last-Modified", ""))
        except ValueError:
            return
        self.said["upload_date"] = day.date().isoformat()

    def _pieces(self, response: httpx2.Response, packed: str) -> Iterator[bytes]:
        if packed not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise DownloadError(
                f"The server packs the file with {packed}, though it was asked not to.",
                cause="encoding",
            )
        unpack = None if packed in ("", "identity") else zlib.decompressobj(47)
        received = given = 0
        for data in response.iter_raw():
            self._meter.came(len(data))
            received += len(data)
            if unpack is None:
                yield data
                continue
            try:
                while piece := unpack.decompress(data, _PIECE_BYTES):
                    given += len(piece)
                    if given > max(_SMALL_BYTES, _MOST_TIMES * received):
                        raise DownloadError(
                            f"{received} bytes unpack to more than {given}: that is no video.",
                            cause="encoding",
                        )
                    yield piece
                    data = unpack.unconsumed_tail  # noqa: PLW2901
            except zlib.error as error:
                raise DownloadError(
                    f"The server's packing is damaged: {error}.", cause="encoding"
                ) from error
        if unpack is not None and not unpack.eof:
            raise causes.broken("the packed file ends early.", silent=False)

    def check(self) -> None:
        """See that what is here is a video file, and all of it.

        Raises:
            DownloadError: It is not.
        """
        keeping.refuse_text(self.file)
        try:
            keeping.refuse_partial(self.file, sized=self._sized)
        except DownloadError:
            self._forget()  # whatever is wrong with it, more of it does not help
            raise
        refuse_long(duration_s(self.file), self._options)
