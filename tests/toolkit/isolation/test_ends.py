"""Processes that read files come to an end with whoever wanted them read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from harmful import copied, register

import toolkit as tk

PATIENCE_S = 60
CODE = """
import sys
import harmful
harmful.register()
harmful.analyzed([harmful.Path(sys.argv[1])], harmful.Path(sys.argv[2]))
"""


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.exists() or "Z" not in stat.read_text().rpartition(")")[2].split()[0]
    except ProcessLookupError:
        return False


def number(path: Path) -> int:
    """Of the process that reads the file, as it is at its worst."""
    note = path.with_suffix(".pid")
    until(lambda: note.exists() and note.read_text())
    return int(note.read_text())


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a frozen process is not ended")
def test_a_run_that_is_killed_leaves_no_process_not_even_a_frozen_one(
    film: Path, workspace: Path, tmp_path: Path
) -> None:
    (path,) = copied(film, tmp_path, ["freezes"])
    path_to = os.pathsep.join(sys.path)
    with subprocess.Popen(
        [sys.executable, "-c", CODE, str(path), str(workspace)],
        env={**os.environ, "PYTHONPATH": path_to},
    ) as parent:
        reader = number(path)
        assert reader != parent.pid
        assert alive(reader)
        parent.kill()
    until(lambda: not alive(reader))


def test_cancelling_ends_the_process_at_once_and_ctrl_c_does_not_reach_it(
    film: Path, workspace: Path, tmp_path: Path
) -> None:
    register()
    (path,) = copied(film, tmp_path, ["sleeps"])
    run = tk.submit(
        str(path), workspace=workspace, decode={"plugin": "harmful"}, analyzer="signals"
    )
    reader = number(path)
    os.kill(reader, signal.SIGINT)
    time.sleep(0.2)
    assert alive(reader)
    run.cancel()
    assert run.wait(timeout_s=PATIENCE_S).status == "cancelled"
    until(lambda: not alive(reader))
