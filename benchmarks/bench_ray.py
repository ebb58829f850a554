"""The engine on Ray beside the work itself, on a cluster of this machine.

- overhead: scenes of about 50 ms of work, against that work (and the scans') divided by the cores:
  the processor time that it took in the run itself, for a machine that others share is a tenth
  faster or slower a minute later, and of the cores the share that as many processes by hand get
  (the rest has the system: interrupts, what else runs);
  how much of their time the analyzers were at work, by their own clocks;
- scans: films of real footage (720p), then short clips (rendered, 360p), scanned by as many
  workers as there are cores, against as many processes by hand;
- frames: videos of 100 MB of frames through a small object store, against the bound that
  docs/ray.md states; then a tenth of them with an eighth of the frames a scene, which travel in
  bundles.

    python benchmarks/bench_ray.py --scenes 2000 --films 60 --videos 1000
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import struct
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import scanning
import synthetic
import toolkit as tk
from toolkit.execution.ray.bundles import BUNDLE_BYTES
from toolkit.execution.ray.machine import LAZILY, RAY
from toolkit.testing.clips import Shot, write_film
from toolkit.testing.world import ClipTruth

CORES = len(os.sched_getaffinity(0))
STORE_BYTES = 10**9
WORK_S = 0.05
OVERHEAD, SCANS, BUSY = 1.05, 0.95, 0.95
PLAIN: dict[str, Any] = {
    "decode": {"plugin": "blank", "isolate": False},  # as in a worker on Ray
    "scenes": {"plugin": "counted", "thumbnail_width": 0},
    "analysis": {"plugin": ()},
    "tags": {"plugin": ()},
}
SMALL = {"frames": 1}
TRUTH = ClipTruth("red", "circle", "one", "left", "white", "day")


def main() -> None:
    """Measure, and print a line for each bound."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--films", type=int, default=60)
    parser.add_argument("--videos", type=int, default=200)
    options = parser.parse_args()
    from ray.cluster_utils import Cluster

    # As a cluster of this machine is started.
    paths = [str(LAZILY), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ.update(RAY, PYTHONPATH=os.pathsep.join(paths))
    arguments = {
        "num_cpus": CORES,
        "object_store_memory": STORE_BYTES,
        "include_dashboard": False,
        "include_log_monitor": False,
        "no_monitor": True,
    }
    cluster: Any = Cluster(initialize_head=True, head_node_args=arguments)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder, address = Path(name), str(cluster.address)
            if options.films:
                film = scanning.films(720, 16)
                scans("films", film, options.films, folder, address)
                clip = _clip(folder / "clip.mp4")
                scans("clips", clip, 2 * options.films, folder, address)
            if options.scenes:
                overhead(folder / "overhead", address, options.scenes)
            if options.videos:
                frames(folder / "frames", address, options.videos, per_scene=8)
                frames(folder / "small", address, options.videos // 10, per_scene=1)
    finally:
        cluster.shutdown()


def overhead(folder: Path, address: str, scenes: int) -> None:
    """From the moment when a tenth is done, so that nothing starts any more."""
    files = synthetic.write(folder, scenes // 50, 50)
    options: dict[str, Any] = {**PLAIN, "sampling": SMALL}
    synthetic.register(0)
    for some in files[:10], files[10:30]:  # the first for what comes once
        began = time.process_time()
        tk.analyze(some, workspace=folder / "hand", progress=False, **options)
        scan_s = (time.process_time() - began) / (50 * len(some))
    rounds = synthetic.rounds_in(WORK_S)
    rounds = round(rounds * WORK_S / _worked(rounds)[0])  # with all cores at work
    synthetic.register(rounds)
    _, before = _worked(rounds)
    ray = {
        "address": address,
        "ship": "nothing",
        "cpus_per_analyzer": 0.9,
        "cpus_per_scan": 0.1,
        "analyzers_min": CORES,
        "analyzers_max": CORES,
        "scans_max": 1,
    }
    run = tk.submit(files, workspace=folder / "ray", engine="ray", ray=ray, **options)
    with Processors() as processors:
        times, used = _followed(run, "scene", processors)
    first = len(times) // 10
    done = sorted((row["at_s"], row["work_s"]) for row in run.scenes["signals"])
    took_s = done[-1][0] - done[first][0]
    share = (before + _worked(rounds)[1]) / 2
    work_s = [seconds for _, seconds in done[first + 1 :]]
    item_s = sum(work_s) / len(work_s) + scan_s
    ideal_s = len(work_s) * item_s / CORES
    stage = run.progress.stages["analyze"]
    last = len(times) * 9 // 10  # after it workers end, whose time is then not known
    cpu_s = (used[last] - used[first]) / (last - first)
    print(
        f"overhead: {len(times)} scenes of {item_s * 1e3:.1f} ms ({scan_s * 1e3:.1f} of them "
        f"scan) in {took_s:.1f} s, {took_s / ideal_s * share:.3f} times the work by {CORES} cores "
        f"(wanted {OVERHEAD} at most), of which processes by hand get {share:.4f}; processor time "
        f"of all processes: {cpu_s / item_s:.3f} times the work"
    )
    print(f"analyzers at work: {stage.use or 0:.3f} of their time (wanted {BUSY})")


def _worked(rounds: int) -> tuple[float, float]:
    """Seconds of a scene's work where each core does it, and how much of them that is."""
    with multiprocessing.get_context("spawn").Pool(CORES) as pool:
        pool.map(_alone, [(rounds, 4)] * CORES, 1)
        done = pool.map(_alone, [(rounds, 100)] * CORES, 1)
    worked_s, took_s = map(sum, zip(*done, strict=True))
    return worked_s / (100 * CORES), worked_s / took_s


def _alone(asked: tuple[int, int]) -> tuple[float, float]:
    rounds, times = asked
    began_s = time.monotonic()
    worked_s = sum(synthetic.work(rounds) for _ in range(times))
    return worked_s, time.monotonic() - began_s


def _clip(path: Path) -> Path:
    """Twenty seconds that take little to decode."""
    write_film(path, [Shot(TRUTH, 4.0) for _ in range(5)], ["cut"] * 4, rng=random.Random(1))
    return path


def scans(name: str, film: Path, count: int, folder: Path, address: str) -> None:
    """Films a second from the moment when every worker has some behind it to the last round."""
    folder = folder / name
    folder.mkdir()
    paths = [folder / f"{number}.mp4" for number in range(count)]
    content = film.read_bytes()
    for number, path in enumerate(paths):  # a box that players skip: another file, the same film
        path.write_bytes(content + struct.pack(">I4sQ", 16, b"free", number))
    options: dict[str, Any] = {"analysis": {"plugin": ()}, "tags": {"plugin": ()}}
    hand, hand_s = _by_hand(paths, folder)
    by_hand = _rate(hand)
    ray = {"address": address, "ship": "nothing", "scans_max": CORES, "downloads_max": 1}
    ray |= {"cpus_per_scan": 0.9}
    run = tk.submit(paths, workspace=folder / "ray", engine="ray", ray=ray, **options)
    with Processors() as processors:
        times, used = _followed(run, "video", processors)
    skip = 2 * CORES
    last = len(times) * 9 // 10
    cpu_s = (used[last] - used[skip]) / (last - skip)
    print(
        f"{name}: {_rate(times):.2f}/s by {CORES} workers, {by_hand:.2f} by {CORES} processes"
        f": {_rate(times) / by_hand:.3f} (wanted {SCANS}); processor time of each: "
        f"{cpu_s:.3f} s by workers and all around them, {hand_s:.3f} s by hand"
    )


def _rate(times: list[float]) -> float:
    """How many a second while all workers have some: two may end together, or in between."""
    import numpy as np

    steady = sorted(times)[2 * CORES : -CORES]
    return float(np.polyfit(steady, range(len(steady)), 1)[0])


def _followed(
    run: tk.RunHandle, kind: str, processors: Processors
) -> tuple[list[float], list[float]]:
    """When each event was, and the processor time that all had taken when it was heard of."""
    times, heard = [], []
    for event in run.events():
        if event.kind == kind:
            times.append(event.at_s)
            heard.append(time.monotonic())
    run.wait()
    return times, processors.used(heard)


class Processors:
    """The processor time of the cluster's processes, also of those that have ended."""

    def __init__(self) -> None:
        self._spent: dict[int, float] = {}
        self._seen: list[tuple[float, float]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def used(self, at: list[float]) -> list[float]:
        """Seconds of processor time that all had taken by these times of the monotonic clock."""
        import numpy as np

        seen_s, spent_s = np.array(self._seen).T
        return [float(one) for one in np.interp(at, seen_s, spent_s)]

    def _watch(self) -> None:
        self._look()
        while not self._stop.wait(3.0):  # to look takes 4 ms of a core
            self._look()

    def _look(self) -> None:
        parents: dict[int, int] = {}
        spent: dict[int, float] = {}
        for place in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                fields = place.read_text().rpartition(") ")[2].split()
                pid = int(place.parent.name)
                parents[pid] = int(fields[1])
                spent[pid] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        for pid, seconds in spent.items():
            above = pid
            while above in parents and above != os.getpid():
                above = parents[above]
            if above == os.getpid() != pid:
                self._spent[pid] = seconds
        self._seen.append((time.monotonic(), sum(self._spent.values())))


def _by_hand(paths: list[Path], folder: Path) -> tuple[list[float], float]:
    context = multiprocessing.get_context("spawn")
    todo, done = context.Queue(), context.Queue()
    for path in [*map(str, paths), *[""] * CORES]:
        todo.put(path)
    workers = [
        context.Process(target=_hand, args=(todo, done, str(folder / f"hand{number}")))
        for number in range(CORES)
    ]
    for worker in workers:
        worker.start()
    done_at = [done.get() for _ in paths]
    for worker in workers:
        worker.join()
    spent = [seconds for _, seconds in done_at]
    return [at_s for at_s, _ in done_at], sum(spent) / len(spent)


def _hand(todo: Any, done: Any, workspace: str) -> None:
    from toolkit.hooks.manager import configure
    from toolkit.pipeline import Pipeline
    from toolkit.records import Source, Video
    from toolkit.sources import expand
    from toolkit.stages.component import Cancel

    arguments: dict[str, dict[str, Any]] = {"paths": {"workspace": Path(workspace)}}
    arguments |= {"analysis": {"plugin": ()}, "tags": {"plugin": ()}}
    settings, plugins, _ = configure(None, arguments)
    pipeline = Pipeline(settings, plugins)
    while path := todo.get():
        began = time.process_time()
        [source] = expand([path])
        assert isinstance(source, Source)
        video = pipeline.acquire(source, lambda *_: None, Cancel())
        assert isinstance(video, Video)
        for work in pipeline.scan(video, Cancel()):
            pipeline.store.save(work.new)
        done.put((time.monotonic(), time.process_time() - began))
    pipeline.close()


def frames(folder: Path, address: str, videos: int, *, per_scene: int) -> None:
    """The most that lay in the object store, and what was spilled."""
    scene = per_scene * synthetic.WIDTH * synthetic.HEIGHT * 3
    files = synthetic.write(folder, videos, max(1, 100_000_000 // scene))
    synthetic.register(0)
    ray = {"address": address, "ship": "nothing", "scans_max": CORES, "cpus_per_scan": 0.5}
    ray |= {"cpus_per_analyzer": 0.5, "analyzers_max": 1}
    options: dict[str, Any] = {**PLAIN, "sampling": {"frames": per_scene}}
    run = tk.submit(files, workspace=folder / "ray", engine="ray", ray=ray, **options)
    began = time.monotonic()
    peak, spilled = _watched(run)
    run.wait()
    scenes = run.progress.stages["tag"].done
    rate = scenes / (time.monotonic() - began)
    bound = STORE_BYTES / 2 + 2 * CORES * max(scene, BUNDLE_BYTES)  # of one node alone
    print(
        f"frames, {per_scene} a scene: {scenes * scene / 1e9:.1f} GB through the object store "
        f"at {rate:.0f} scenes/s, at most {peak / 1e6:.0f} MB at once (bound {bound / 1e6:.0f}), "
        f"{spilled / 1e6:.0f} MB spilled"
    )


def _watched(run: tk.RunHandle) -> tuple[int, int]:
    import ray
    from ray._private.internal_api import node_stats

    peak = spilled = 0
    [node] = [node for node in ray.nodes() if node["Alive"]]
    while not run.done:  # at its end Ray is left
        stats = node_stats(node["NodeManagerAddress"], node["NodeManagerPort"]).store_stats
        peak = max(peak, stats.object_store_bytes_used)
        spilled = max(spilled, stats.spilled_bytes_total)
        time.sleep(0.2)
    return peak, spilled


if __name__ == "__main__":
    main()
