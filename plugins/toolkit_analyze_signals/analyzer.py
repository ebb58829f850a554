"""The analyzer: one answer a scene, whose value holds all signals."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, starmap
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING

from pydantic import JsonValue

from toolkit.errors import AnalysisError, ModelError
from toolkit.hooks.specs import Context
from toolkit.records import Answer, Ask, AskKind, Evidence, Frames
from toolkit.stages.analysis import Analyzer, Look, Reply
from toolkit.stages.component import Cancel
from toolkit_analyze_signals import SignalsOptions, measures
from toolkit_analyze_signals.colours import ColourNames
from toolkit_analyze_signals.faces import FaceFinder, shot_scale
from toolkit_analyze_signals.words import sentence

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["SignalsAnalyzer"]

MIN_SHARE = 0.05
"""Share from which a colour is named."""


class SignalsAnalyzer(Analyzer):
    """Measures a scene's frames. Belongs to one thread.

    Raises:
        ModelError: The options name a face model that cannot be read.
    """

    kinds: frozenset[AskKind] = frozenset({"signals"})

    def __init__(self, options: SignalsOptions, context: Context) -> None:
        self._options = options
        self._colours = ColourNames()
        self._faces: FaceFinder | None = None
        if options.face_model:
            model = context.base / Path(options.face_model).expanduser()
            self._faces = FaceFinder(model, options.face_score)

    def identity(self) -> dict[str, JsonValue]:
        return {"face_model": self._faces.digest if self._faces else ""}

    def asks(self, wanted: Iterable[Ask]) -> Sequence[Ask]:
        return list(wanted)

    def analyze(
        self, looks: Sequence[Look], fingerprint: str, cancel: Cancel
    ) -> Iterator[Sequence[Reply]]:
        for look in looks:
            cancel.check()
            yield self._reply(look, fingerprint)

    def _reply(self, look: Look, fingerprint: str) -> list[Reply]:
        frames, begin = look.frames, time.perf_counter()
        try:
            value = self._measure(frames)
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001  one scene's trouble is its own, whatever it is
            failure = AnalysisError(
                f"The frames of scene {frames.scene.index} could not be measured: {error}",
                scene=frames.scene.id,
            )
            failure.__cause__ = error
            return [(ask, failure) for ask in look.asks]
        evidence = Evidence(
            frame_times_s=tuple(float(at) for at in frames.pts_s),
            frame_size=(frames.rgb.shape[2], frames.rgb.shape[1]),
            model=self._faces.model.name if self._faces else "",
            revision=self._faces.digest if self._faces else "",
            seconds=round(time.perf_counter() - begin, 6),
        )
        return [
            Answer.of(
                frames.scene,
                fingerprint,
                "signals",
                ask,
                text=sentence(value),
                value=dict(value),
                evidence=evidence,
            )
            for ask in look.asks
        ]

    def _measure(self, frames: Frames) -> dict[str, JsonValue]:
        """All signals of a scene, as docs/signals.md lists them.

        Of the frames' values the mean is given, except of sharpness, where a frame blurred by
        motion would hide that the others are sharp: there it is the median.
        """
        if not len(frames):
            raise ValueError("there are none")
        options = self._options
        pictures = [measures.shrink(rgb) for rgb in frames.rgb]
        greys = [measures.luma(picture) for picture in pictures]
        numbers = {
            "scene_duration_s": frames.scene.duration_s,
            "brightness": mean(map(measures.brightness, greys)),
            "contrast": mean(map(measures.contrast, greys)),
            "saturation": mean(map(measures.saturation, pictures)),
            "colourfulness": mean(map(measures.colourfulness, pictures)),
            "warmth": mean(map(measures.warmth, pictures)),
            "sharpness": median(map(measures.sharpness, greys)),
        }
        return {
            "frames": len(frames),
            # Four digits: the rest is noise of the decoder, and makes rows longer.
            **{name: round(number, 4) for name, number in numbers.items()},
            "black": all(
                measures.is_black(grey, options.black_level, options.black_share) for grey in greys
            ),
            "single_colour": all(
                measures.is_single_colour(picture, options.colour_tolerance) for picture in pictures
            ),
            **self._compare(pictures),
            **self._named_colours(pictures),
            **self._look_for_faces(frames.rgb),
        }

    def _compare(self, pictures: list[npt.NDArray[np.uint8]]) -> dict[str, JsonValue]:
        pairs = list(pairwise(pictures))
        if not pairs:
            return {"motion": None, "frozen": None}
        share = self._options.frozen_share
        return {
            "motion": round(mean(starmap(measures.change, pairs)), 4),
            "frozen": all(measures.is_same(before, after, share) for before, after in pairs),
        }

    def _named_colours(self, pictures: list[npt.NDArray[np.uint8]]) -> dict[str, JsonValue]:
        shares = self._colours.shares(pictures)
        named = [(name, share) for name, share in shares.items() if share >= MIN_SHARE][:3]
        found: dict[str, JsonValue] = {"colours": ", ".join(name for name, _ in named)}
        for place, (name, share) in enumerate(named, start=1):
            found[f"colour_{place}"] = name
            found[f"colour_{place}_share"] = round(share, 4)
        return found

    def _look_for_faces(self, rgb: npt.NDArray[np.uint8]) -> dict[str, JsonValue]:
        if self._faces is None:
            return {"faces": None, "shot_scale": "unknown"}
        heights = [self._faces.heights(frame) for frame in rgb]
        return {
            "faces": max(map(len, heights)),
            "shot_scale": shot_scale([max(found) for found in heights if found]),
        }
