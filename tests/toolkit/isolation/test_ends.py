"""Processes that read files come to an end with whoever wanted them read."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harmful import PATIENCE_S, alive, copied, number, register, until

import toolkit as tk

CODE = """
import sys
import harmful
harmful.register()
harmful.analyzed([harmful.Path(sys.argv[1])], harmful.Path(sys.argv[2]))
"""


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
