"""Threads within a file, or files side by side? One, two and four files, CPU and wall time a file.

The scans share a process, as in a run. Each line is one way to use the cores; the first of each
group is the reference. Runs are taken in turn, each in a fresh process.

    python benchmarks/bench_scan_files.py --rounds 5
"""

from __future__ import annotations

from functools import partial

from scanning import arguments, films, interleaved, measure, median
from toolkit.config.machine import cores


def main() -> None:
    """Measure, and print a table."""
    parser = arguments(__doc__)
    parser.add_argument("--height", type=int, default=720, help="of the film, in pixels")
    options = parser.parse_args()
    film = options.film or films(options.height, options.shots)
    print(f"{cores()} cores, {film.name}; medians of {options.rounds}, a file")
    print(f"{'files':>5} {'at once':>8} {'threads':>8} {'CPU s':>7} {'wall s':>7} {'peak MB':>8}")
    for files in (1, 2, 4):
        ways = [(1, 1), (1, cores())]
        if files > 1:
            ways += [(min(files, cores()), 1), (min(files, cores()), cores()), (files, cores())]
        tasks = {
            f"{files:5} {scans:8} {threads:8}": partial(
                measure,
                "scan",
                [film] * files,
                scans=scans,
                threads=threads,
                detector=options.detector,
            )
            for scans, threads in dict.fromkeys(ways)
        }
        for task, runs in interleaved(tasks, options.rounds).items():
            cpu_s, wall_s = median(runs, "cpu_s") / files, median(runs, "wall_s") / files
            print(f"{task} {cpu_s:7.2f} {wall_s:7.2f} {median(runs, 'peak_mb'):8.0f}")


if __name__ == "__main__":
    main()
