"""What yt-dlp tells of a download under way, and of a video."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import JsonValue

from toolkit.net.containers import duration_s
from toolkit.net.meter import Meter, refuse_long
from toolkit_download_ytdlp import YtdlpOptions

__all__ = ["Watch", "info_of"]

_FIRST_LOOK_BYTES = 1 << 16
_INFO = {
    "title": "title",
    "uploader": "uploader",
    "upload_date": "upload_date",
    "license": "licence",
    "description": "description",
    "webpage_url": "webpage_url",
    "duration": "duration_s",
    "extractor": "extractor",
}
"""yt-dlp's names of what a site says about a video, and ours."""


class Watch:
    """yt-dlp's progress hook: adds the files of a download up, and ends it when it must end.

    Attributes:
        sized: Whether the server told the size of every file.
    """

    def __init__(self, meter: Meter, options: YtdlpOptions) -> None:
        self._meter = meter
        self._options = options
        self._done: dict[str, int] = {}
        self._sizes: dict[str, int | None] = {}
        self._looks: dict[str, int] = {}
        self.sized = True

    def __call__(self, event: dict[str, Any]) -> None:
        name = event["filename"]
        first = name not in self._done
        self._done[name] = event.get("downloaded_bytes") or self._done.get(name, 0)
        self._sizes[name] = event.get("total_bytes") or event.get("total_bytes_estimate")
        if event["status"] == "downloading":
            self.sized = self.sized and bool(event.get("total_bytes"))
        done, total = sum(self._done.values()), self._total(event["info_dict"])
        if first:
            self._meter.expect(total - done if total else None)
        self._meter.at(done, total)
        self._look(event.get("tmpfilename") or name, self._done[name])

    def _look(self, file: str, done: int) -> None:
        """Read the length of a file that has grown to twice its size since the last look."""
        if done >= self._looks.get(file, _FIRST_LOOK_BYTES) and Path(file).is_file():
            self._looks[file] = 2 * done
            refuse_long(duration_s(Path(file)), self._options)

    def _total(self, info: dict[str, Any]) -> int | None:
        """Bytes of all files, where picture and sound are two; None if one is not known."""
        sizes = list(self._sizes.values())
        rest = (info.get("requested_formats") or [])[len(sizes) :]
        sizes += [part.get("filesize") or part.get("filesize_approx") for part in rest]
        return sum(size or 0 for size in sizes) if all(sizes) else None


def info_of(said: dict[str, Any]) -> dict[str, JsonValue]:
    """What a site says about a video, under our names."""
    info: dict[str, JsonValue] = {
        ours: said[theirs] for theirs, ours in _INFO.items() if said.get(theirs) not in (None, "")
    }
    day = str(info.get("upload_date", ""))
    if len(day) == len("20260131"):
        info["upload_date"] = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    chapters = said.get("chapters")
    if chapters:
        info["chapters"] = [
            {"start_s": c.get("start_time"), "end_s": c.get("end_time"), "title": c.get("title")}
            for c in chapters
        ]
    return info
