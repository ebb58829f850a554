"""Runs in a process of their own: they outlive the one that asked for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import toolkit as tk
from toolkit.execution.detach import log_file

pytestmark = pytest.mark.slow
PATIENCE_S = 60
SLOW = """
import time
import toolkit as tk

@tk.analyzer
def slow(frames):
    if frames.scene.index:
        time.sleep(60)
    return {"seen": True}
"""


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


@pytest.fixture
def ends() -> Iterator[list[int]]:
    """Processes that are gone after the test."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        if alive(pid):
            os.kill(pid, signal.SIGKILL)


def test_a_run_outlives_its_process_and_another_one_cancels_it(
    film: Path, workspace: Path, tmp_path: Path, ends: list[int]
) -> None:
    pytest.importorskip("ray")
    code = f"""{SLOW}
run = tk.submit({str(film)!r}, analyzer="slow", workspace={str(workspace)!r}, detach=True)
print(run.id, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as kernel:
        assert kernel.stdout is not None
        run_id = kernel.stdout.readline().decode().strip()
        kernel.kill()
    run = tk.attach(run_id, workspace=workspace)
    pid = run.row.pid
    ends.append(pid)
    assert pid != kernel.pid
    assert run.status == "running"
    if sys.platform == "linux":  # a kernel beside it goes first
        nice = os.getpriority(os.PRIO_PROCESS, pid) - os.getpriority(os.PRIO_PROCESS, os.getpid())
        assert nice == 5
    until(lambda: run.progress.stages.get("tag") and run.progress.stages["tag"].done == 1)
    beat = run.row.heartbeat_at
    until(lambda: run.row.heartbeat_at > beat)
    assert tk.runs(workspace=workspace)["status"].to_list() == ["running"]
    run.cancel()
    assert run.wait(timeout_s=PATIENCE_S).row.status == "cancelled"
    until(lambda: not alive(pid))


def test_a_detached_run_ends_by_itself_and_keeps_its_log(film: Path, workspace: Path) -> None:
    run = tk.submit(
        [film, "nothing.mp4"], analyzer="signals", workspace=workspace, detach=True
    ).wait(timeout_s=PATIENCE_S)
    assert run.status == "done"
    assert run.scenes.height == 3
    pid = run.row.pid
    until(lambda: not alive(pid))
    log = log_file(workspace, run.id)
    assert "nothing.mp4" in log.read_text(encoding="utf-8")
    assert log.stat().st_mode & 0o077 == 0
    assert [path.name for path in log.parent.iterdir()] == [log.name]


def test_what_keeps_it_from_starting_is_told_as_it_is(film: Path, workspace: Path) -> None:
    with pytest.raises(tk.PrivacyError, match="privacy"):
        tk.submit(
            film,
            analyzer="openai",
            analysis={"openai": {"url": "https://models.example.org/v1"}},
            workspace=workspace,
            detach=True,
        )
    assert not list((workspace / "logs").iterdir())


def test_secrets_are_not_on_the_command_line(film: Path, workspace: Path, ends: list[int]) -> None:
    secret = "sesame-of-this-test"
    run = tk.submit(
        film,
        analyzer="signals",
        download={"http": {"proxy": f"http://user:{secret}@127.0.0.1:9"}},
        workspace=workspace,
        detach=True,
    )
    pid = run.row.pid
    ends.append(pid)
    shown = Path(f"/proc/{pid}/cmdline")
    with_it = shown.read_bytes() if shown.exists() else b""
    run.wait(timeout_s=PATIENCE_S)
    assert secret.encode() not in with_it
    kept = [path.read_bytes() for path in workspace.rglob("*") if path.is_file()]
    assert not any(secret.encode() in data for data in kept)


def test_the_command_line_lets_a_run_go_on(film: Path, workspace: Path) -> None:
    words = ["analyze", str(film), "--analyzer", "signals", "--workspace", str(workspace)]
    done = subprocess.run(
        [sys.executable, "-m", "toolkit.cli", *words, "--detach"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    run = tk.attach(done.stdout.strip(), workspace=workspace).wait(timeout_s=PATIENCE_S)
    assert run.status == "done"
    assert f"cancel {run.id}" in done.stderr
    until(lambda: not alive(run.row.pid))
