"""How long another cell takes while a run of many videos goes on, beside an idle kernel.

A real kernel, asked as JupyterLab asks it; the run is shown by a control panel, whose widgets send
their messages. The run is of this process, then of one of its own (``detach=True``).
"""

from __future__ import annotations

import argparse
import random
import statistics
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
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "films"
        folder.mkdir()
        films(folder, options.videos, options.seconds)
        for detach in (False, True):
            manager, client = start_new_kernel(cwd=name)
            try:
                workspace = str(Path(name) / f"workspace-{detach}")
                code = BEFORE.format(workspace=workspace, detach=detach, folder=str(folder))
                ask(client, code)
                time.sleep(1)
                show("idle", measure(client))
                click, _ = ask(client, START)
                while ask(client, "None", GOING)[1] != "True":
                    time.sleep(0.02)
                times = measure(client, until=GOING, seconds=options.most)
                done = ask(client, "None", SCENES)[1]
                ask(client, "panel.run.cancel()")
                show("detached run" if detach else "run in this kernel", times)
                print(f"  the click took {1000 * click:.1f} ms; {done} scenes meanwhile")
                ask(client, "panel.run.wait()")
            finally:
                client.stop_channels()
                manager.shutdown_kernel(now=True)


if __name__ == "__main__":
    main()
