"""What it costs to read files in processes of their own: a long scan, and runs over short films.

Of the scan, CPU and wall time per film are those of the job itself, the process ready; of the runs,
all from `analyze` to its end, with the start of the processes, in a program that has begun. Both
ways in turn, each time in a fresh process.

    python benchmarks/bench_isolation.py --rounds 5
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from scanning import Measured, arguments, films, first_second, interleaved, median


def main() -> None:
    """Measure, and print a table."""
    parser = arguments(__doc__)
    parser.add_argument("--height", type=int, default=1080, help="of the film, in pixels")
    options = parser.parse_args()
    film = options.film or films(options.height, options.shots)
    with tempfile.TemporaryDirectory() as folder:
        short = _short(Path(folder))
        tasks: dict[str, Any] = {}
        for name, files in (("scan", [film]), ("1 short film", short[:1]), ("12 of them", short)):
            for isolate in (False, True):
                label = f"{name}, {'a process of its own' if isolate else 'in the same process'}"
                tasks[label] = _Task("scan" if name == "scan" else "run", files, isolate)
        taken = interleaved(tasks, options.rounds)
    print(f"{film.name} and films of 6 s, 160 x 120; medians of {options.rounds}")
    print(f"{'':40} {'CPU s':>7} {'ratio':>7} {'wall s':>7} {'more':>7}")
    before = 0.0, 0.0
    for label, runs in taken.items():
        cpu_s, wall_s = median(runs, "cpu_s"), median(runs, "wall_s")
        if "same process" in label:
            before = cpu_s, wall_s
        ratio, more = cpu_s / before[0], wall_s - before[1]
        print(f"{label:40} {cpu_s:7.2f} {ratio:7.2f} {wall_s:7.2f} {more:7.2f}")


class _Task:
    def __init__(self, name: str, files: list[Path], isolate: bool) -> None:
        self._arguments = json.dumps([name, [str(file) for file in files], isolate])

    def __call__(self) -> Measured:
        done = subprocess.run(
            [sys.executable, __file__, self._arguments],
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return Measured(**json.loads(done.stdout.splitlines()[-1]))


def _short(folder: Path) -> list[Path]:
    import random

    from toolkit.testing.clips import Shot, write_film
    from toolkit.testing.world import ClipTruth

    truth = ClipTruth("red", "circle", "one", "left", "white", "day")
    paths = [folder / f"{number}.mp4" for number in range(12)]
    for number, path in enumerate(paths):
        shots = [Shot(truth, 2.0)] * 3
        write_film(path, shots, ["cut", "cut"], rng=random.Random(number), height=120, width=160)
    return paths


def _cpu_s() -> float:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in both)


def _child(given: str) -> None:
    name, files, isolate = json.loads(given)
    measured = _scan(files[0], isolate) if name == "scan" else _run(files, isolate)
    print(json.dumps({**measured, "peak_mb": 0.0, "made": {}}))


def _scan(file: str, isolate: bool) -> dict[str, float]:
    from toolkit.acquire import probed
    from toolkit.hooks.manager import configure
    from toolkit.isolation.readers import Readers
    from toolkit.scan import scan_file
    from toolkit.stages.component import Cancel
    from toolkit.stages.effort import collected, collecting

    settings, plugins, _ = configure(arguments={"decode": {"isolate": isolate}})
    collecting()
    with Readers.of(settings, plugins) as readers:
        options = readers.settings, settings.sampling, True

        def scan(path: str) -> None:
            [video] = readers.do(probed, Path(path), 60.0, cancel=Cancel())
            video = video.model_copy(update={"path": path})
            for _ in readers.do(scan_file, video, *options, cancel=Cancel()):
                pass

        with tempfile.TemporaryDirectory() as folder:
            short = str(Path(folder, "short.mp4"))
            first_second(file, short)
            scan(short)  # all is loaded
        collected()
        cpu_s, began_s = _cpu_s(), time.perf_counter()
        scan(file)
        wall_s, cpu_s = time.perf_counter() - began_s, _cpu_s() - cpu_s
    # Of a process that goes on, what it took is what it told.
    return {"cpu_s": cpu_s + (collected().cpu_s if isolate else 0.0), "wall_s": wall_s}


def _run(files: list[str], isolate: bool) -> dict[str, float]:
    import numpy as np  # noqa: F401  a notebook has it
    import polars as pl  # noqa: F401

    import toolkit as tk
    from toolkit.isolation.bench import end

    with tempfile.TemporaryDirectory() as folder:
        cpu_s, began_s = _cpu_s(), time.perf_counter()
        run = tk.analyze(
            files,
            workspace=folder,
            analyzer="signals",
            decode={"isolate": isolate},
            progress=False,
        )
        wall_s = time.perf_counter() - began_s
        assert run.status == "done"
        assert run.failures.is_empty()
        end()
        return {"cpu_s": _cpu_s() - cpu_s, "wall_s": wall_s}


if __name__ == "__main__":
    _child(sys.argv[1]) if sys.argv[1:] and sys.argv[1].startswith("[") else main()
