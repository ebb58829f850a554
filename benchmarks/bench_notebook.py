"""How long another cell takes while a run of many videos goes on, beside an idle kernel.

A real kernel, asked as JupyterLab asks it; the run is shown by a control panel, whose widgets send
their messages. The run is of this process, then of one of its own (``detach=True``).
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from jupyter_client.manager import start_new_kernel

from toolkit.testing.clips import random_shots, write_film

BEFORE = """
import toolkit as tk
panel = tk.panel(workspace={workspace!r})
panel.draft.put("analysis", "plugin", "signals")
panel.draft.put("execution", "nice", "{nice}")
panel.draft.detach = {detach}
panel.sources.words.value = {folder!r}
panel
"""
START = 'panel.buttons["run"].click()'
GOING = "panel.run is not None and panel.run.status == 'running'"
SCENES = "panel.run.progress.stages['tag'].done"


def films(folder: Path, count: int, seconds: float) -> None:
    """One film, so many times, each another file by some bytes that players pass over."""
    rng = random.Random(3)
    first = folder / "0.mp4"
    shots = random_shots(rng, max(2, round(seconds / 3)))
    write_film(first, shots, rng=rng, height=360, width=640)
    data = first.read_bytes()
    for number in range(1, count):
        box = (16).to_bytes(4, "big") + b"free" + number.to_bytes(8, "big")
        (folder / f"{number}.mp4").write_bytes(data + box)


STALLS = """
import os, sys, time
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)) if sys.argv[1] == "first" else None
worst = 0.0
print("here", flush=True)
parent = os.getppid()
while os.getppid() == parent:
    begun = time.perf_counter()
    time.sleep(0.005)
    worst = max(worst, time.perf_counter() - begun - 0.005)
    if os.path.exists(sys.argv[2]):
        print(worst, flush=True)
        break
"""


class Stalls:
    """How late a process that only sleeps wakes up: what the machine does to everybody."""

    def __init__(self, folder: Path) -> None:
        self._end = folder / "end-of-stalls"
        self._end.unlink(missing_ok=True)
        first = "first" if sys.platform == "linux" and os.geteuid() == 0 else "as-others"
        self._process = subprocess.Popen(
            [sys.executable, "-c", STALLS, first, str(self._end)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def worst_s(self) -> float:
        """The latest wake-up in seconds; call it once."""
        self._end.touch()
        return float(self._process.communicate(timeout=60)[0])


def ask(client: Any, code: str, value: str = "None") -> tuple[float, str]:
    """Seconds until a cell's reply, and the value of an expression after it."""
    started = time.perf_counter()
    sent = client.execute(code, user_expressions={"value": value}, store_history=False)
    while True:
        reply = client.get_shell_msg(timeout=120)
        if reply["parent_header"].get("msg_id") == sent:
            break
    seconds = time.perf_counter() - started
    content = reply["content"]
    if content["status"] != "ok":
        raise RuntimeError("\n".join(content["traceback"]))
    return seconds, content["user_expressions"]["value"]["data"]["text/plain"]


def measure(client: Any, *, until: str = "", seconds: float = 5.0) -> list[float]:
    """The times of a small cell, ten a second, while an expression holds."""
    found = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        took, value = ask(client, "1 + 1", until or "True")
        if value != "True":
            break
        found.append(took)
        time.sleep(0.1)
    return found


def show(name: str, times: list[float]) -> None:
    ordered = sorted(1000 * one for one in times)
    p95 = ordered[int(0.95 * (len(ordered) - 1))]
    print(
        f"{name:<28} {len(ordered):4} cells  median {statistics.median(ordered):6.1f} ms  "
        f"95% {p95:6.1f} ms  most {ordered[-1]:6.1f} ms (cell {1 + times.index(max(times))})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--videos", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=12.0, help="length of each")
    parser.add_argument("--most", type=float, default=90.0, help="longest measurement in seconds")
    parser.add_argument("--nice", type=int, default=5, help="[execution] nice; 0: as equals")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "films"
        folder.mkdir()
        films(folder, options.videos, options.seconds)
        for detach in (False, True):
            manager, client = start_new_kernel(cwd=name)
            try:
                workspace = str(Path(name) / f"workspace-{detach}")
                code = BEFORE.format(
                    workspace=workspace, detach=detach, folder=str(folder), nice=options.nice
                )
                ask(client, code)
                time.sleep(1)
                show("idle", measure(client))
                click, _ = ask(client, START)
                while ask(client, "None", GOING)[1] != "True":
                    time.sleep(0.02)
                stalls, began_s = Stalls(Path(name)), time.perf_counter()
                times = measure(client, until=GOING, seconds=options.most)
                took_s, stalled_s = time.perf_counter() - began_s, stalls.worst_s()
                done = ask(client, "None", SCENES)[1]
                ask(client, "panel.run.cancel()")
                show("detached run" if detach else "run in this kernel", times)
                print(
                    f"  the click took {1000 * click:.1f} ms; {done} scenes in {took_s:.1f} s; "
                    f"a sleeping process woke up to {1000 * stalled_s:.0f} ms late; "
                    f"load {os.getloadavg()[0]:.1f}"
                )
                ask(client, "panel.run.wait()")
            finally:
                client.stop_channels()
                manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
