"""``toolkit upload``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloud_servers import BUCKET
from fault_proxy import Proxy, Status

TO = ("--to", f"s3://{BUCKET}/out", "--set", "privacy.remote=allow")


def test_a_runs_files_go_up(toolkit: Callable[..., Any], s3: Proxy, film: Path) -> None:
    toolkit("analyze", film, "--analyzer", "signals", "--quiet")
    dry = toolkit("upload", "last", "--what", "thumbnails", "--dry-run", "--json", *TO)
    assert dry.code == 0
    assert [one["status"] for one in dry.data["files"]] == ["missing"] * 3
    assert not s3.asked("PUT", "")
    ended = toolkit("upload", "last", "--what", "thumbnails", "--what", "exports", *TO)
    assert ended.code == 0
    assert "7 uploaded" in ended.out
    assert "7 there" in toolkit("upload", "last", *TO).out


def test_files_go_up_and_a_failure_is_told(
    toolkit: Callable[..., Any], s3: Proxy, film: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.mp4").write_bytes(b"x")
    s3.spoil("PUT", r"other\.mp4", Status(403), times=9)
    ended = toolkit("upload", film, tmp_path / "other.mp4", "--json", *TO)
    assert ended.code == 1
    first, second = ended.data["files"]
    assert (first["status"], second["status"]) == ("uploaded", "failed")
    assert "not allow" in second["error"]


def test_what_is_wrong_is_told_before_anything_goes_up(
    toolkit: Callable[..., Any], s3: Proxy, film: Path
) -> None:
    refused = toolkit("upload", film, "--to", f"s3://{BUCKET}/out")
    assert refused.code == 2
    assert "remote = allow" in refused.err
    wrong = toolkit("upload", "last", "--what", "clip", *TO)
    assert wrong.code == 2
    assert "Did you mean 'clips'?" in wrong.err
    assert toolkit("upload", "no-such-run", *TO).code == 1
    assert not s3.requests
