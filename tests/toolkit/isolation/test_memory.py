"""Processes that read files take their memory in large pages, and do not sit on it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

import toolkit as tk
from toolkit.isolation import bench
from toolkit.isolation.memory import environment

PATIENCE_S = 60
linux = pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="Linux tells")


@pytest.fixture
def no_process() -> Iterator[None]:
    """None that was started before, nor any that is left."""
    bench.end()
    yield
    bench.end()


def test_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIBC_TUNABLES", "glibc.malloc.arena_max=4:glibc.rtld.nns=2")
    monkeypatch.setenv("ELSE", "also")
    tuned = environment()
    values = tuned.pop("GLIBC_TUNABLES").split(":")
    assert values.count("glibc.malloc.arena_max=4") == 1
    assert "glibc.rtld.nns=2" in values
    assert [value for value in values if "arena_max" in value] == ["glibc.malloc.arena_max=4"]
    assert "glibc.malloc.hugetlb=1" in values
    assert tuned["ELSE"] == "also"
    assert os.environ["GLIBC_TUNABLES"] == "glibc.malloc.arena_max=4:glibc.rtld.nns=2"


@linux
@pytest.mark.usefixtures("no_process")
def test_what_a_scan_took_is_given_back_while_no_file_comes(
    tmp_path: Path, workspace: Path
) -> None:
    path = tmp_path / "large.mp4"
    with av.open(path, "w") as file:
        stream = file.add_stream("mpeg4", 25)
        stream.width, stream.height = 1920, 1080
        for number in range(50):
            picture = np.full((1620, 1920), 16 + number, np.uint8)
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "yuv420p")))
        file.mux(stream.encode(None))
    run = tk.analyze(path, analyzer="signals", workspace=workspace, progress=False)
    assert run.failures.is_empty()
    [reader] = bench._bench.every
    given = Path(f"/proc/{reader.pid}/environ").read_bytes().split(b"\0")
    assert any(one.startswith(b"GLIBC_TUNABLES=glibc.malloc.") for one in given)
    most = taken_mb(reader.pid, "VmHWM")
    deadline = time.monotonic() + PATIENCE_S
    while taken_mb(reader.pid, "VmRSS") > most - 80:  # of 50 frames of 3 MB, 32 and more were kept
        assert time.monotonic() < deadline
        time.sleep(0.05)


def taken_mb(pid: int, name: str) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith(name))
