"""How well each scene detector finds the boundaries of films where they are known, and its cost.

The films are those of `films.py --films report`: made of footage that no threshold was chosen on.
All detectors watch the same decoded frames. A boundary counts as found if one is given within two
frames of it, anywhere inside of it if it lasts; every further one given is wrong. The cost is the
detector's own time a frame, the making of its small picture included, in turn with the others.
At the end, how many boundaries our quick methods share, within one frame, with the detectors of
PySceneDetect whose rules they follow.

    python benchmarks/bench_scenes.py --height 720 --count 5
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import films
from toolkit.stages.scenes import DetectorPass, SceneDetector
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder
from toolkit_scenes_planes import PlanesOptions
from toolkit_scenes_planes.detector import PlanesDetector
from toolkit_scenes_pyscenedetect import (
    AdaptiveOptions,
    ContentOptions,
    HashOptions,
    HistogramOptions,
    ThresholdOptions,
)
from toolkit_scenes_pyscenedetect.detector import PySceneDetector
from toolkit_scenes_transnet import TransNetOptions
from toolkit_scenes_transnet.detector import TransNetDetector

SLACK = 2
RULES = ("adaptive", "content")
"""What our quick methods and the detectors of PySceneDetect that they follow are called."""


def detectors() -> dict[str, SceneDetector]:
    """Ours first, then those of PySceneDetect with the values it comes with, and TransNetV2."""
    return {
        "planes": PlanesDetector(PlanesOptions()),
        "planes, adaptive": PlanesDetector(PlanesOptions(method="adaptive")),
        "planes, content": PlanesDetector(PlanesOptions(method="content")),
        "adaptive": PySceneDetector(AdaptiveOptions()),
        "content": PySceneDetector(ContentOptions()),
        "histogram": PySceneDetector(HistogramOptions()),
        "hash": PySceneDetector(HashOptions()),
        "threshold": PySceneDetector(ThresholdOptions()),
        "transnet": TransNetDetector(TransNetOptions(device="cpu")),
    }


@dataclass
class Result:
    """What a detector did over all films."""

    found: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    wrong_cuts: int = 0
    seconds: float = 0.0

    def f1(self, truth: Counter[str]) -> tuple[float, float, float]:
        """Precision, recall and their harmonic mean."""
        hits = self.found.total()
        precision = hits / max(1, hits + self.wrong)
        recall = hits / max(1, truth.total())
        return precision, recall, 2 * hits / max(1, hits + self.wrong + truth.total())


def watch(path: Path, results: dict[str, Result]) -> dict[str, list[tuple[int, str]]]:
    """What each detector finds in a film, as frames and kinds."""
    readings: dict[str, tuple[SceneDetector, DetectorPass]] = {}
    found: dict[str, list[Any]] = {}
    with PyAVDecoder(PyAVOptions()).open(path) as stream:
        for name, detector in detectors().items():
            readings[name] = detector, detector.start(stream.frame_s, colours=stream.colours)
            found[name] = []
        for frame in stream:
            for name, (detector, reading) in readings.items():
                began = time.thread_time()
                height = round(stream.height * detector.width / stream.width / 2) * 2
                image = frame.small(detector.width, height, detector.image_format)
                found[name] += reading.push(frame.pts_s, image)
                results[name].seconds += time.thread_time() - began
        for name, (_, reading) in readings.items():
            found[name] += reading.finish()
    return {
        name: [(round(cut.at_s * films.FPS), cut.kind) for cut in cuts]
        for name, cuts in found.items()
    }


def score(result: Result, found: list[tuple[int, str]], truth: list[films.Boundary]) -> None:
    """Match what was found with what is there, one to one."""
    left = list(found)
    for joint in truth:
        low, high = joint.first - SLACK, joint.end + SLACK
        inside = [one for one in left if low <= one[0] <= high]
        if inside:
            left.remove(min(inside, key=lambda one: abs(2 * one[0] - low - high)))
            result.found[joint.kind] += 1
    result.wrong += len(left)
    result.wrong_cuts += sum(kind == "cut" for _, kind in left)


def agreement(ours: list[int], theirs: list[int]) -> int:
    """How many boundaries both give, within one frame, matched one to one in order."""
    both = place = 0
    for at in sorted(ours):
        while place < len(theirs) and theirs[place] < at - 1:
            place += 1
        if place < len(theirs) and theirs[place] <= at + 1:
            both, place = both + 1, place + 1
    return both


def main() -> None:
    """Make the films, watch them, and print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--height", type=int, nargs="+", default=[720], help="in pixels")
    parser.add_argument("--count", type=int, default=5, help="films of each height")
    parser.add_argument("--films", type=Path, help="folder to keep the films in")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.films or Path(temporary)
        paths = [p for h in options.height for p in films.make(folder, "report", h, options.count)]
        run(paths)


def run(paths: list[Path]) -> None:
    names = list(detectors())
    results = {name: Result() for name in names}
    kinds: Counter[str] = Counter()
    shared, ours, theirs = Counter[str](), Counter[str](), Counter[str]()
    frames = 0
    for path in paths:
        text = path.with_suffix(".json").read_text(encoding="utf-8")
        truth = [films.Boundary(**joint) for joint in json.loads(text)]
        kinds.update(joint.kind for joint in truth)
        found = watch(path, results)
        frames += frames_in(path)
        for name in names:
            score(results[name], found[name], truth)
        for rule in RULES:
            mine, its = ([at for at, _ in found[name]] for name in (f"planes, {rule}", rule))
            ours[rule] += len(mine)
            theirs[rule] += len(its)
            shared[rule] += agreement(mine, sorted(its))
    print(f"{len(paths)} films, {frames} frames; found of each kind, and what was wrongly given")
    head = "".join(f"{f'{kind} ({kinds[kind]})':>15}" for kind in films.KINDS)
    print(f"{'':18}{head}{'wrong':>8}{'P':>7}{'R':>7}{'F1':>7}{'ms/frame':>10}")
    for name, result in results.items():
        cells = "".join(f"{result.found[kind]:>15}" for kind in films.KINDS)
        precision, recall, both = result.f1(kinds)
        cost = 1000 * result.seconds / frames
        print(
            f"{name:18}{cells}{result.wrong:>8}{precision:>7.3f}{recall:>7.3f}{both:>7.3f}"
            f"{cost:>10.2f}"
        )
    hard = results["planes"]
    hits = hard.found["cut"]
    print(
        f"hard cuts of planes alone: recall {hits / max(1, kinds['cut']):.3f},"
        f" precision {hits / max(1, hits + hard.wrong_cuts):.3f}"
    )
    for rule in RULES:
        print(
            f"planes, {rule} gives {shared[rule]} of the {theirs[rule]} boundaries that"
            f" PySceneDetect's {rule} gives, and {ours[rule] - shared[rule]} others"
        )


def frames_in(path: Path) -> int:
    return PyAVDecoder(PyAVOptions()).probe(path).frame_count or 0


if __name__ == "__main__":
    main()
