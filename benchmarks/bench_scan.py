"""The full scan beside its limit and beside its peers: CPU time as ratios, on 1080p and 720p H.264.

Ours finds the boundaries and converts eight frames a scene to RGB of 448 x 448 pixels' worth. The
limit is PyAV decoding the file and throwing the frames away. The peers are PySceneDetect followed
by decord, which fetches the same frames. All run in turn, each time in a fresh process; imports
are not counted. "One of many" has one thread for the decoder, as a file has in a run of many on no
more cores than are scanned at once; a file alone has all cores.

    python benchmarks/bench_scan.py --rounds 5
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from scanning import Measured, arguments, films, interleaved, measure, median

LIMITS = {"scan, alone": 1.15, "scan, one of many": 1.15, "scan, skip_nonref": 0.8}
"""At most so many times the CPU time of decoding alone, at 1080p."""
AGAINST_PEERS = 0.45


def main() -> None:
    """Measure, and print a table a film."""
    parser = arguments(__doc__)
    parser.add_argument("--height", type=int, action="append", help="of a film, in pixels")
    options = parser.parse_args()
    if options.film:
        compare(options.film.name, options.film, options.detector, options.rounds)
        return
    for height in options.height or (1080, 720):
        film = films(height, options.shots)
        compare(f"{height}p", film, options.detector, options.rounds)


def compare(name: str, film: Path, detector: str, rounds: int) -> None:
    """One film's table."""
    first = measure("scan", [film], detector=detector)
    tasks = {
        "PyAV decode alone": partial(measure, "decode", [film]),
        "scan, alone": partial(measure, "scan", [film], detector=detector),
        "scan, one of many": partial(measure, "scan", [film], detector=detector, threads=1),
        "scan, skip_nonref": partial(measure, "scan", [film], detector=detector, skip_nonref=True),
        "PySceneDetect, then decord": partial(
            measure, "peers", [film], picked_s=first.made["picked_s"]
        ),
    }
    taken = interleaved(tasks, rounds)
    frames, scenes = first.made["frames"], first.made["scenes"]
    print(f"{name}: {frames} frames, {scenes} scenes by '{first.made['detector']}'")
    limit = median(taken["PyAV decode alone"], "cpu_s")
    peers = median(taken["PySceneDetect, then decord"], "cpu_s")
    print(f"{'':28} {'CPU s':>7} {'x decode':>9} {'x peers':>8} {'wall s':>7} {'peak MB':>8}")
    for task, runs in taken.items():
        cpu_s = median(runs, "cpu_s")
        print(
            f"{task:28} {cpu_s:7.2f} {cpu_s / limit:9.3f} {cpu_s / peers:8.3f}"
            f" {median(runs, 'wall_s'):7.2f} {median(runs, 'peak_mb'):8.0f}"
        )
    print(f"{'':28} wanted at 1080p: {verdict(taken, limit, peers)}\n")


def verdict(taken: dict[str, list[Measured]], limit: float, peers: float) -> str:
    """Which limits are kept."""
    said = []
    for task, most in LIMITS.items():
        ratio = median(taken[task], "cpu_s") / limit
        said.append(f"{task} <= {most} x decode {'yes' if ratio <= most else 'NO'}")
    for task in ("scan, alone", "scan, one of many"):
        ratio = median(taken[task], "cpu_s") / peers
        said.append(
            f"{task} <= {AGAINST_PEERS} x peers {'yes' if ratio <= AGAINST_PEERS else 'NO'}"
        )
    return "; ".join(said)


if __name__ == "__main__":
    main()
