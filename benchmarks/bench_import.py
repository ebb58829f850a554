"""How long `import toolkit` and `toolkit --help` take, beside an interpreter that does nothing.

Prints medians of fresh processes and their ratio to `python -c pass`, taken in turn so that a busy
machine slows all of them alike.

    python benchmarks/bench_import.py --rounds 15
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "import toolkit": ("-c", "import toolkit"),
    "toolkit --help": ("-m", "toolkit.cli", "--help"),
    "toolkit plugins": ("-m", "toolkit.cli", "plugins"),
}
BARE = "python -c pass"


def seconds(arguments: tuple[str, ...]) -> float:
    """Wall time of one fresh interpreter."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, *arguments],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def main() -> None:
    """Measure, and print one line a command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="fresh processes a command")
    rounds = parser.parse_args().rounds
    for arguments in COMMANDS.values():  # writes the bytecode and warms the disk's cache
        seconds(arguments)
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds):
        for name, arguments in COMMANDS.items():
            times[name].append(seconds(arguments))
    bare = statistics.median(times[BARE])
    for name, taken in times.items():
        median = statistics.median(taken)
        print(f"{name:16} {median * 1000:7.0f} ms   {median / bare:5.1f} x bare python")


if __name__ == "__main__":
    main()
