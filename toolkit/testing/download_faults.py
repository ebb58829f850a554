"""Every fault of a server, in front of real videos: the whole file, or an error that is typed.

Subclass it as :class:`~toolkit.testing.downloaders.DownloaderSuite`; ``differs`` says where yours
does better or worse than the table.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from toolkit.errors import DownloadError
from toolkit.records import Source
from toolkit.testing.downloading import PATIENCE_S, Downloads
from toolkit.testing.server import MediaServer

__all__ = ["OUTCOMES", "DownloadFaultSuite"]

OUTCOMES: dict[str, str] = {
    "drop": "whole",
    "cut/200000": "whole",
    "stall": "whole",
    "slow": "whole",
    "flaky/2": "whole",
    "limited/1": "whole",
    "unsized": "whole",
    "half/1": "whole",
    "half/99": "incomplete",
    "refused": "whole",
    "misplaced": "whole",
    "unnamed": "whole",
    "packed": "whole",
    "chain/5": "whole",
    "hang": "timeout",
    "trickle": "connection",
    "short": "whole",
    "long": "damaged",
    "endless": "too-large",
    "bomb": "encoding",
    "chain/50": "redirects",
    "status/401": "private",
    "status/403": "refused",
    "status/404": "not-found",
    "status/410": "gone",
    "status/429": "rate-limited",
    "status/451": "legal",
    "status/500": "busy",
    "status/503": "busy",
}
"""Fault of :mod:`toolkit.testing.server` -> "whole", or the cause of the error."""
_MAY_PASS = frozenset({"timeout", "connection", "busy", "rate-limited", "incomplete"})


class DownloadFaultSuite(Downloads):
    """What becomes of a download when the server misbehaves.

    Attributes:
        differs: Other outcomes than those of the table.
    """

    differs: ClassVar[dict[str, str]] = {}

    @pytest.mark.parametrize("fault", OUTCOMES)
    def test_the_whole_file_or_a_typed_error(
        self, web: MediaServer, folder: Path, fault: str
    ) -> None:
        expected = self.differs.get(fault, OUTCOMES[fault])
        url = web.url(f"{fault}/clip.mp4")
        part = folder / ".part" / Source.of(url, "link").id
        with ThreadPoolExecutor(1) as pool:
            fetching = pool.submit(self.fetch, url, folder, timeout_s=0.5, retries=4)
            error = fetching.exception(PATIENCE_S)  # in bounded time, whatever happens
        if expected == "whole":
            assert error is None, error
            whole = (web.folder / "clip.mp4").read_bytes()
            assert fetching.result().path.read_bytes() == whole
            assert not part.exists()
        else:
            assert isinstance(error, DownloadError), error
            assert error.context.get("cause") == expected, error
            assert error.retriable == (expected in _MAY_PASS)
            assert part.exists() <= error.retriable  # only what can be taken up again
        left = {path.relative_to(folder).parts[0] for path in folder.iterdir()}
        names = {fetching.result().path.name} if error is None else set()
        assert left - {f"{Path(name).stem}.json" for name in names} <= {".locks", ".part", *names}
