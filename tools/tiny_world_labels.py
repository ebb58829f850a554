"""Labels that may be scored for a clip of the tiny world, and whether they fit.

A phrase fits the clips for which `fitting` lists it, and no others.
"""

from __future__ import annotations

import dataclasses
from random import Random

from toolkit.testing.clips import ATTRIBUTES, ClipTruth, random_truth

COLOUR_WORDS = {"red": "crimson", "green": "emerald", "blue": "azure", "yellow": "golden"}
SHAPE_WORDS = {
    "circle": ["round", "round shape", "disc"],
    "square": ["box", "square shape"],
    "triangle": ["triangular", "triangle shape"],
}
COUNT_WORDS = {
    "one": ["one", "1 shape", "single shape", "a single shape", "one object"],
    "two": ["two", "2 shapes", "a pair", "pair of shapes", "two objects"],
    "three": ["three", "3 shapes", "trio", "three objects"],
}
MOTION_WORDS = {
    "left": ["left", "moves left", "leftward motion", "moving to the left", "to the left"],
    "right": ["right", "moves right", "rightward motion", "moving to the right", "to the right"],
    "up": ["up", "moves up", "upward motion", "moving upwards", "rising"],
    "down": ["down", "moves down", "downward motion", "moving downwards", "falling"],
    "still": ["static", "standing still", "not moving", "no motion", "motionless"],
}
TIME_WORDS = {
    "day": ["daytime", "by day", "daylight", "bright"],
    "night": ["night time", "at night", "nighttime", "dark"],
}
ABSENT_WORDS = (
    "car person people dog cat face text tree ball bird bus bicycle house boat plane train truck"
    " horse flower cloud rain snow fog sun moon water sea beach river mountain forest grass street"
    " road city building bridge door window chair table bed phone computer screen book bottle cup"
    " glass food fruit apple bread cake meat hat shoe shirt dress man woman child baby boy girl"
    " crowd player dancer singer actor teacher doctor soldier police hand eye hair smile fire smoke"
    " explosion gun knife fight kiss wedding party concert music guitar piano football tennis"
    " swimming running walking driving cooking eating drinking talking reading writing sleeping"
    " shopping interview news advert logo subtitles map chart star hexagon oval cross line arrow"
    " purple orange brown grey ten indoor outdoor kitchen office school church hospital hotel"
    " station airport stage garden field desert island sky storm wind lion tiger bear elephant"
    " monkey cow pig sheep fish shark snake spider insect butterfly robot rocket tank helicopter"
)
ABSENT = ABSENT_WORDS.split()
"""What this world lacks."""
UNSEEN = ("giraffe", "camera", "sofa", "lamp", "waterfall", "castle", "pencil", "violin")
"""More of that, which the trainer never says: for measuring."""


def fitting(truth: ClipTruth) -> dict[str, list[str]]:
    """The phrases that fit a clip, by family, the most usual first."""
    t, facts, moves = truth, truth.statements(), truth.motion != "still"
    nouns = f"{t.shape}s" if t.number > 1 else t.shape
    verb = "standing still" if not moves else f"moving {t.motion}"
    sideways = ["horizontal motion", "moving sideways"]
    return {
        "colour": [
            t.colour,
            f"{t.colour} shape",
            f"{t.colour} shapes",
            f"{t.colour} object",
            f"something {t.colour}",
            COLOUR_WORDS[t.colour],
        ],
        "shape": [t.shape, f"{t.shape}s", f"a {t.shape}", *SHAPE_WORDS[t.shape]],
        "count": [facts["count"], *COUNT_WORDS[t.count]]
        + (["several shapes", "more than one shape"] if t.number > 1 else []),
        "motion": [facts["motion"], *MOTION_WORDS[t.motion]]
        + (["moving", "motion", "movement"] if moves else [])
        + (sideways if t.motion in {"left", "right"} else [])
        + (["vertical motion"] if t.motion in {"up", "down"} else []),
        "background": [facts["background"], t.background, f"on {t.background}"],
        "time": [t.time, *TIME_WORDS[t.time]],
        "mood": [t.sentiment, f"{t.sentiment} mood", f"{t.sentiment} sentiment"],
        "pair": [
            f"{t.colour} {t.shape}",
            f"{t.colour} {t.shape}s",
            f"{t.count} {nouns}",
            f"{t.shape} {verb}",
            f"{t.colour} on {t.background}",
            f"{t.shape} {'at night' if t.time == 'night' else 'by day'}",
        ],
        "triple": [f"{t.count} {t.colour} {nouns}", f"{t.colour} {t.shape} {verb}"],
    }


FAMILIES = (*fitting(random_truth(Random(0))), "absent")
OFTEN = (*FAMILIES, "shape", "motion", "motion", "pair", "triple")
"""The families to draw from when training: those that are hard to learn more often."""
ATTRIBUTES_OF_FAMILY = {
    "mood": ("motion", "time"),
    "pair": tuple(ATTRIBUTES),
    "triple": ("colour", "shape", "count", "motion"),
}


def pick_label(
    truth: ClipTruth, family: str, rng: Random, right: float = 0.5, usual: float = 0.6
) -> tuple[str, bool]:
    """A label of a family, and whether it fits: with probability `right`, if any of it can.

    One that does not would fit another clip, one that differs in a single attribute.
    With probability `usual` it is the family's most usual phrase.
    """
    if family == "absent":
        return _absent(truth, rng), False
    fits = fitting(truth)[family]
    if rng.random() < right:
        return _pick(fits, rng, usual), True
    while True:
        name = rng.choice(ATTRIBUTES_OF_FAMILY.get(family, (family,)))
        other = dataclasses.replace(truth, **{name: rng.choice(ATTRIBUTES[name])})
        if (label := _pick(fitting(other)[family], rng, usual)) not in fits:
            return label, False


def _pick(phrases: list[str], rng: Random, usual: float) -> str:
    return phrases[0] if rng.random() < usual else rng.choice(phrases)


def _absent(truth: ClipTruth, rng: Random) -> str:
    """A word for what this world lacks, or a colour of the clip in a place where it cannot be."""
    if rng.random() < 0.7:
        return rng.choice(ABSENT)
    return rng.choice(
        [
            f"{truth.colour} background",
            f"{truth.background} {truth.shape}",
            f"{truth.colour} {rng.choice(ABSENT)}",
        ]
    )
