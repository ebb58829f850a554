"""The Qwen2-VL analyzer beside one ``generate`` for each scene and prompt.

Asked are a description, three questions and the sentiment, then the same and twenty labels; both
see the same frames with the same model. They run in turn, each time in a fresh process, whose
imports, loading and first look are not counted. Two models: the tiny trained one of the tests, and
one in the shape of Qwen2-VL-2B with random weights, all of it cut to a seventh, so that a CPU gets
through it and the shares of its parts stay.

    python benchmarks/bench_analyze.py --rounds 3
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import looks
import shapes
from toolkit.stages.verdicts import SENTIMENTS

TIMES_FASTER = 2.5
"""Wanted with the shape of the 2B model."""
LAYERS = 4
MODELS: dict[str, dict[str, Any]] = {
    "tiny": {"scenes": 16, "size": (160, 120), "limits": (48, 16)},
    "2b": {"scenes": 4, "size": (224, 126), "limits": (48, 16)},
}
TASKS = {"ours": looks.ours, "one generate each": looks.one_by_one}


def main() -> None:
    """Measure, and print a table a model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=2, help="how often each runs")
    parser.add_argument("--model", choices=MODELS, action="append", help="both, if none is named")
    parser.add_argument("--scenes", type=int, help="how many")
    parser.add_argument("--frames", type=int, default=8, help="of a scene")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--labels", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task:
        [model] = options.model
        plan = MODELS[model] | ({"scenes": options.scenes} if options.scenes else {})
        frames = looks.scenes(plan["scenes"], options.frames, *plan["size"])
        done = TASKS[options.task](options.folder, frames, options.labels, plan["limits"])
        print(json.dumps(done.data()))
        return
    with tempfile.TemporaryDirectory() as folder:
        for model in options.model or MODELS:
            place = shapes.TINY
            if model != "tiny":
                shape = shapes.SHAPES[model].cut(LAYERS)
                place = shapes.write(Path(folder, model), shape)
            for labels in (0, len(looks.LABELS)):
                compare(model, place, labels, options)


def compare(model: str, folder: Path, labels: int, options: argparse.Namespace) -> None:
    """One table."""
    runs: dict[str, list[looks.Done]] = {task: [] for task in TASKS}
    for _ in range(options.rounds):
        for task, done in runs.items():
            done.append(run(task, model, folder, labels, options))
    count = options.scenes or MODELS[model]["scenes"]
    asked = "a description, 3 questions, sentiment" + (f", {labels} labels" if labels else "")
    print(f"{model}: {count} scenes of {options.frames} frames; {asked}")
    print(
        f"{'':20} {'wall s':>8} {'CPU s':>8} {'written':>8} {'a second':>9} {'read':>8}"
        f" {'patches':>8} {'peak MB':>8}"
    )
    for task, done in runs.items():
        wall_s = median(done, "wall_s")
        print(
            f"{task:20} {wall_s:8.2f} {median(done, 'cpu_s'):8.2f} {done[0].written:8}"
            f" {done[0].written / wall_s:9.1f} {done[0].read:8} {done[0].patches:8}"
            f" {median(done, 'peak_mb'):8.0f}"
        )
    ours, peer = runs.values()
    faster, cheaper = (median(peer, name) / median(ours, name) for name in ("wall_s", "cpu_s"))
    print(f"{'':20} {faster:.1f} times faster, {cheaper:.1f} times less CPU; {equal(ours, peer)}")
    if model != "tiny" and labels:
        kept = "yes" if faster >= TIMES_FASTER else "NO"
        print(f"{'':20} wanted: {TIMES_FASTER} times faster {kept}")
    print()


def run(
    task: str, model: str, folder: Path, labels: int, options: argparse.Namespace
) -> looks.Done:
    """One task in a process of its own."""
    words = ["--task", task, "--model", model, "--folder", folder, "--labels", labels]
    words += ["--frames", options.frames]
    words += ["--scenes", options.scenes] if options.scenes else []
    command = [sys.executable, __file__, *map(str, words)]
    # Ours sets it by itself: threads that wait do not spin. Without, the peer is slower still.
    passive = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True, env=passive)
    return looks.Done(**json.loads(done.stdout.splitlines()[-1]))


def median(runs: list[looks.Done], name: str) -> float:
    """The median of a figure."""
    return float(statistics.median(getattr(done, name) for done in runs))


def equal(ours: list[looks.Done], peer: list[looks.Done]) -> str:
    """How many answers are the same. Ours compares sentiments, the peer writes one."""
    told, known = ours[0].texts, peer[0].texts
    words = [name for name in told if " sentiment " not in name]
    same = sum(told[name] == known[name] for name in words)
    said = f"{same} of {len(words)} texts equal"
    # A random model's text names no sentiment, and there is nothing to compare.
    feelings = [name for name in told if " sentiment " in name and known[name] in SENTIMENTS]
    if feelings:
        said += f", {sum(told[name] == known[name] for name in feelings)} of {len(feelings)}"
        said += " sentiments"
    if scores := ours[0].scores:
        apart = max(abs(scores[name] - peer[0].scores[name]) for name in scores)
        said += f", label scores at most {apart:.1e} apart"
    return said


if __name__ == "__main__":
    main()
