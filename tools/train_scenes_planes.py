"""Trains the weights of the scene detector "planes" on films whose boundaries are known.

The films are those of `benchmarks/films.py --films tune`; others may be added by hand, as pairs of
NAME.npy (small planes, uint8 (frames, height * 3 // 2, width)) and NAME.json (boundaries) in the
folder. Candidates are what the detector looks at; a logistic regression on their features and the
products of these tells boundaries from the rest. Films are left out in turn (by the part of their
name before the first dash, then by name) to show what holds for films it has not seen.

    python tools/train_scenes_planes.py films/ --write
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))

from toolkit_scenes_planes import blends, jumps  # noqa: E402
from toolkit_scenes_planes.differences import changes  # noqa: E402
from toolkit_scenes_planes.fades import blank_near  # noqa: E402
from toolkit_scenes_planes.judge import terms  # noqa: E402
from toolkit_scenes_planes.picture import cell_side, pictures  # noqa: E402
from toolkit_scenes_planes.reel import Reel  # noqa: E402

Rows: TypeAlias = npt.NDArray[np.float64]
WEIGHTS = ROOT / "plugins" / "toolkit_scenes_planes" / "weights.json"
PENALTY = {"cut": 8.0, "dissolve": 15.0, "wipe": 15.0, "dissolve_glance": 2.0, "wipe_glance": 2.0}
DULL = "recoloured"
"""A feature that boundaries of our films show more than those of a film of one colour would."""
WIDTH = 128
"""Of the small planes, in pixels: the detector's own."""
CHEAP = 11
"""How many of a blend's features a glance gives."""


def planes(path: Path) -> npt.NDArray[np.uint8]:
    """The film's small planes, kept beside it."""
    kept = path.with_suffix(".npy")
    if not kept.exists():
        from toolkit_decode_pyav import PyAVOptions
        from toolkit_decode_pyav.decoder import PyAVDecoder

        with PyAVDecoder(PyAVOptions()).open(path) as stream:
            height = round(stream.height * WIDTH / stream.width / 2) * 2
            np.save(kept, np.stack([frame.small(WIDTH, height, "yuv420p") for frame in stream]))
    loaded: npt.NDArray[np.uint8] = np.load(kept, mmap_mode="r")
    return loaded


def label_jump(at: int, truth: list[dict[str, Any]]) -> int | None:
    """1 for a cut, 0 for none, None for what either answer would be right for."""
    for joint in truth:
        if joint["kind"] == "cut" and abs(at - joint["first"]) <= 2:
            return 1 if at == joint["first"] else None
        if joint["kind"] != "cut" and joint["first"] - 2 <= at <= joint["end"] + 2:
            return None
    return 0


def label_blend(at: int, half: int, truth: list[dict[str, Any]]) -> str | None:
    """Kind of the blend that a stretch shows, "" for none, None for one that shows a part."""
    start, end = at - half, at + half
    for joint in truth:
        first, last = joint["first"] - 1, joint["end"]
        if joint["kind"] == "cut":
            if start - 3 <= joint["first"] <= end + 3:
                return None
        elif joint["kind"] == "fade":
            if start <= last and first <= end:
                inside = joint["first"] - 2 <= at <= joint["end"] + 2
                return None if inside else ""
        else:
            length, common = last - first, min(end, last) - max(start, first)
            if common > 0:
                near = joint["first"] <= at <= joint["end"]
                fits = common >= 0.7 * length and 2 * half <= 1.7 * length + 3
                return joint["kind"] if near and fits else None
            if min(abs(start - last), abs(end - first)) < 4:
                return None
    return ""


def candidates(film: npt.NDArray[np.uint8], truth: list[dict[str, Any]]) -> dict[str, Any]:
    """Features and labels of what the detector would look at."""
    side = cell_side(film.shape[2], film.shape[1] * 2 // 3)
    reel = Reel(len(film))
    for start in range(0, len(film), 8):
        taken = pictures([np.array(image) for image in film[start : start + 8]], side)
        reel.extend(taken, changes(reel[start - 1] if start else None, taken))
    cuts = [
        (at, jumps.features(reel, at), label_jump(at, truth))
        for at in range(1, len(film))
        if jumps.stands_out(reel, at)
    ]
    kept = [(x, y, at) for at, x, y in cuts if y is not None]
    shown = []
    for half, step in blends.HALVES.items():
        for at in range(-(-half // step) * step, len(film) - half, step):
            label = label_blend(at, half, truth)
            seen = blends.glance(reel, at, half) if label is not None else None
            if seen is None:
                continue
            if blank_near(reel, at - half, at + half):
                continue
            shown.append((blends.look(reel, at, half, seen), label, at))
    missed = [
        joint["first"]
        for joint in truth
        if joint["kind"] == "cut" and all(at != joint["first"] for at, _, _ in cuts)
    ]
    return {"cuts": kept, "blends": shown, "missed": missed}


def fit(x: Rows, y: Rows, share: Rows, penalty: float) -> dict[str, Any]:
    """Logistic regression with a penalty on the squares of the weights, by Newton's method.

    `share` is how much each candidate counts.
    """
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    values = np.c_[terms((x - mean) / scale), np.ones(len(x))]
    weights = np.zeros(values.shape[1])
    ridge = np.full(values.shape[1], penalty)
    ridge[x.shape[1] : -1] *= 4  # products are believed less than the features themselves
    ridge[-1] = 1e-3
    for _ in range(30):
        chance = 1 / (1 + np.exp(-(values @ weights).clip(-30, 30)))
        slope = values.T @ (share * (y - chance)) - ridge * weights
        curve = (values.T * (share * chance * (1 - chance))) @ values + np.diag(ridge)
        step = np.linalg.solve(curve, slope)
        weights += step
        if np.abs(step).max() < 1e-4:
            break
    return {"mean": mean, "scale": scale, "weights": weights}


def dulled(x: Rows, y: Rows, names: tuple[str, ...]) -> tuple[Rows, Rows, Rows]:
    """Features, labels and weights, with part of each boundary's given to one of duller colours."""
    if x.shape[1] < len(names):
        return x, y, np.ones(len(y))
    more = x[y == 1].copy()
    more[:, names.index(DULL)] *= np.random.default_rng(0).uniform(0.1, 0.8, len(more))
    weights = np.r_[np.where(y == 1, 0.65, 1.0), np.full(len(more), 0.35)]
    return np.r_[x, more], np.r_[y, np.ones(len(more))], weights


def odds(model: dict[str, Any], x: Rows) -> Rows:
    values = terms((x - model["mean"]) / model["scale"])
    result: Rows = values @ model["weights"][:-1] + model["weights"][-1]
    return result


def tasks(found: dict[str, dict[str, Any]]) -> dict[str, tuple[Rows, Rows, list[str]]]:
    """Features, label and film of each candidate, by what is to be learned."""
    cuts = [(x, y, film) for film, all_ in found.items() for x, y, _ in all_["cuts"]]
    blend = [(x, y, film) for film, all_ in found.items() for x, y, _ in all_["blends"]]
    rows: dict[str, list[Any]] = {"cut": cuts}
    for kind in ("dissolve", "wipe"):
        either = [(x, float(y == kind), f) for x, y, f in blend if y in {"", kind}]
        rows[kind] = either
        rows[f"{kind}_glance"] = [(x[:CHEAP], y, f) for x, y, f in either]
    return {
        name: (
            np.array([row[0] for row in all_]),
            np.array([row[1] for row in all_], dtype=float),
            [row[2] for row in all_],
        )
        for name, all_ in rows.items()
    }


def main() -> None:
    """Train, show what holds, and write the weights."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="of the films")
    parser.add_argument("--write", action="store_true", help="write the weights")
    parser.add_argument("--without", default="report", help="start of names of films left out")
    options = parser.parse_args()
    found = {}
    for path in sorted(options.folder.glob("*.json")):
        if path.name.startswith(("report", options.without)):
            continue
        known = options.folder / f"{path.stem}.features"
        if not known.exists():
            truth = json.loads(path.read_text(encoding="utf-8"))
            all_ = candidates(planes(path.with_suffix(".mp4")), truth)
            known.write_text(json.dumps(all_), encoding="utf-8")
        found[path.stem] = json.loads(known.read_text(encoding="utf-8"))
        if found[path.stem]["missed"]:
            print(path.stem, "cuts that do not stand out:", found[path.stem]["missed"])
    weights = {}
    for name, (x, y, films) in tasks(found).items():
        sources = sorted({film.split("-")[0] for film in films})
        names = np.array(films)
        names_of = jumps.FEATURES if name == "cut" else blends.FEATURES
        parts = [np.char.startswith(names, source) for source in sources]
        if len(sources) == 1:
            each = sorted(set(films))
            parts = [np.isin(names, each[part::5]) for part in range(min(5, len(each)))]
        titles = sources if len(sources) > 1 else [f"every fifth, {n}" for n in range(len(parts))]
        for title, part in zip(titles, parts, strict=True):
            result = odds(fit(*dulled(x[~part], y[~part], names_of), PENALTY[name]), x[part])
            report(f"{name}, without {title}", result, y[part])
        model = fit(*dulled(x, y, names_of), PENALTY[name])
        report(f"{name}, trained on all", odds(model, x), y)
        weights[name] = {
            key: [float(f"{value:.5g}") for value in values] for key, values in model.items()
        }
    if options.write:
        WEIGHTS.write_text(json.dumps(weights), encoding="utf-8")


def report(title: str, result: Rows, y: Rows) -> None:
    hits = int(((result > 0) & (y == 1)).sum())
    print(
        f"{title}: {int(y.sum())} of {len(y)}, found {hits},"
        f" wrong {int(((result > 0) & (y == 0)).sum())},"
        f" above -4: {int(((result > -4) & (y == 1)).sum())} and"
        f" {int(((result > -4) & (y == 0)).sum())}"
    )


if __name__ == "__main__":
    main()
