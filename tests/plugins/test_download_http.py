from __future__ import annotations

from pathlib import Path

from toolkit.hooks.specs import Context
from toolkit.stages.download import Downloader
from toolkit.testing.download_faults import DownloadFaultSuite
from toolkit.testing.downloaders import DownloaderSuite
from toolkit_download_http import HttpOptions, make


class Http:
    def make(
        self, workspace: Path, *, allow_private_hosts: bool, retries: int, timeout_s: float
    ) -> Downloader:
        options = HttpOptions(
            allow_private_hosts=allow_private_hosts,
            retries=retries,
            timeout_s=timeout_s,
            backoff_s=0.01,
            max_size_bytes=50_000_000,
        )
        return make(options, Context(workspace=workspace, base=workspace))


class TestHttp(Http, DownloaderSuite):
    pass


class TestFaults(Http, DownloadFaultSuite):
    pass
