"""A cell in a real kernel: progress that updates itself, and an interrupt that loses nothing."""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

pytestmark = pytest.mark.slow
SLOW = """
import toolkit as tk, time

@tk.analyzer
def slow(frames):
    for _ in range(600 if frames.scene.index else 1):
        time.sleep(0.05)
    return {}
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[tuple[KernelManager, BlockingKernelClient]]:
    manager, client = start_new_kernel(cwd=str(tmp_path))
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)
    manager.context.destroy()


def outputs(
    client: BlockingKernelClient, message: str, until: str = "idle"
) -> list[dict[str, Any]]:
    """What the cell sends until it is done, or until the first message of a type."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            got = client.get_iopub_msg(timeout=1)
        except queue.Empty:
            continue
        if got["parent_header"].get("msg_id") != message:
            continue
        if until in (got["msg_type"], got["content"].get("execution_state")):
            return found
        found.append(got)
    raise AssertionError("the cell did not end")


def test_a_cell_shows_progress_and_the_run(film: Path, kernel: Any) -> None:
    _, client = kernel
    code = f"import toolkit as tk\nrun = tk.analyze({str(film)!r}, analyzer='signals')\nrun.scenes"
    sent = outputs(client, client.execute(code))
    assert not [one["content"] for one in sent if one["msg_type"] == "error"]
    shown = [one for one in sent if one["msg_type"] == "display_data"]
    updates = [one for one in sent if one["msg_type"] == "update_display_data"]
    assert len(shown) == 1
    assert "<progress" in shown[0]["content"]["data"]["text/html"]
    assert "done" in updates[-1]["content"]["data"]["text/plain"]
    (result,) = [one for one in sent if one["msg_type"] == "execute_result"]
    assert "scene_id" in result["content"]["data"]["text/html"]


def test_an_interrupt_stops_the_run_and_frees_the_kernel(film: Path, kernel: Any) -> None:
    manager, client = kernel
    code = f"{SLOW}\nrun = tk.analyze({str(film)!r}, analyzer='slow')"
    message = client.execute(code)
    outputs(client, message, until="update_display_data")
    manager.interrupt_kernel()
    sent = outputs(client, message)
    assert [one["content"]["ename"] for one in sent if one["msg_type"] == "error"] == [
        "KeyboardInterrupt"
    ]
    sent = outputs(client, client.execute("print(tk.runs()['status'].to_list())"))
    text = "".join(one["content"].get("text", "") for one in sent)
    assert "['cancelled']" in text


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_a_run_gives_way_to_other_cells(film: Path, kernel: Any) -> None:
    _, client = kernel
    outputs(client, client.execute(f"{SLOW}\nrun = tk.submit({str(film)!r}, analyzer='slow')"))
    code = """
import os, threading
wanted = {"MainThread", "IOPub", "analyze-0"}
while len(found := [t for t in threading.enumerate() if t.name in wanted]) < 3:
    time.sleep(0.01)
nice = {t.name: os.getpriority(os.PRIO_PROCESS, t.native_id) for t in found}
print({name: one - nice["MainThread"] for name, one in nice.items()})
run.cancel()
"""
    sent = outputs(client, client.execute(code))
    assert not [one["content"] for one in sent if one["msg_type"] == "error"]
    text = "".join(one["content"].get("text", "") for one in sent)
    assert "'analyze-0': 5" in text
    assert "'IOPub': 0" in text


def test_the_command_line_and_questions_are_magics(film: Path, kernel: Any) -> None:
    _, client = kernel

    def cell(code: str) -> tuple[str, list[str]]:
        sent = outputs(client, client.execute(code))
        data = [one["content"].get("data", {}).get("text/plain", "") for one in sent]
        said = [one["content"].get("text", "") for one in sent]
        return "".join(said + data), [one["msg_type"] for one in sent]

    said, _ = cell("%load_ext toolkit\n%toolkit search red")
    assert "There is no workspace" in said
    assert "exit code 1" in said
    cell(f"import toolkit as tk\nrun = tk.analyze({str(film)!r}, analyzer='signals')")
    assert film.name in cell("%toolkit show last")[0]
    assert "None of its analyzers answers" in str(
        outputs(client, client.execute("%%ask run\nIs it red? [yes/no]"))
    )
    assert "Write questions" in cell("%%ask\n# Is it red?")[0]
    assert "no video called 'flm.mp4'" in str(
        outputs(client, client.execute("%%ask flm.mp4\nIs it red?"))
    )
    for code, wanted in {
        "%toolkit ana": "analyze",
        "%toolkit show la": "last",
        "%toolkit show last --ev": "--evidence",
    }.items():
        found = client.complete(code, reply=True, timeout=60)["content"]["matches"]
        assert wanted in found, code
