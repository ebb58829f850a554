"""TransNetV2 behind our contract: frames come one by one, the network looks at a hundred at once.

As in the authors' code (see the package's docstring) a window of 100 frames moves on by 50, and
only the 50 in its middle are judged: the 25 on each side are what the network knows of before and
after. The first and the last frame are repeated where the film has no more.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Sequence
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from toolkit.errors import ModelError
from toolkit.records import Cut
from toolkit.stages.decode import Colours
from toolkit.stages.scenes import DetectorPass, SceneDetector
from toolkit_scenes_transnet import TransNetOptions
from toolkit_scenes_transnet.network import WAY_OUT, Network, packaged_weights

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from pydantic import JsonValue

__all__ = ["TransNetDetector"]

_SIDE = 25
_JUDGED = 50
_WINDOW = _SIDE + _JUDGED + _SIDE
_LONGEST = 100
"""Most frames of a boundary; one that the network never sees the end of is told after these."""


class TransNetDetector(SceneDetector):
    """One network for all the videos it is shown; loaded for the first.

    Frames are squeezed to 48 x 27 pixels whatever their shape: so the network was trained, and
    bars at the sides would leave it less to see. They come wider than that, because the cheapest
    way down from full size skips pixels.
    """

    def __init__(self, options: TransNetOptions, base: Path = Path()) -> None:
        # Looked up here so that a missing library shows when the detector is made.
        self._weights = base / Path(options.weights).expanduser() if options.weights else None
        self._packaged = packaged_weights()
        self.width = options.width
        self._options = options
        self._lock = threading.Lock()
        self._network: Network | None = None
        self._hash = ""

    def identity(self) -> dict[str, JsonValue]:
        # Read once: a file that changes under a run must not change its keys halfway.
        with self._lock:
            self._hash = self._hash or _hash(self._weights or self._packaged)
        return {"weights": self._hash}

    def start(self, frame_s: float, *, colours: Colours | None = None) -> DetectorPass:
        return self.resume(frame_s, 0, colours=colours)

    def _loaded(self) -> Network:
        if self._network is None:
            self._network = Network(self._weights or self._packaged, self._options.device)
        return self._network

    def context(self, frame_s: float) -> int | None:
        return max(2 * _WINDOW, _LONGEST) + ceil(self._options.min_scene_s / frame_s)

    def resume(
        self, frame_s: float, number: int, *, colours: Colours | None = None
    ) -> DetectorPass:
        with self._lock:
            return _Pass(self._loaded(), self._options, number)

    def close(self) -> None:
        with self._lock:
            network, self._network = self._network, None
        if network is not None:
            network.close()


class _Pass(DetectorPass):
    """At most 100 frames at 48 x 27, and 75 as they come, are kept."""

    def __init__(self, network: Network, options: TransNetOptions, number: int) -> None:
        # The network sees the same windows of frames wherever it begins.
        self._passed_over = -number % _JUDGED
        self._network = network
        self._judge = _Judge(options.threshold, options.min_scene_s)
        self._window: npt.NDArray[np.uint8] | None = None
        self._new: list[npt.NDArray[np.uint8]] = []
        self._pts_s: list[float] = []

    def push(self, pts_s: float, image: npt.NDArray[np.uint8]) -> Iterable[Cut]:
        if self._passed_over:
            self._passed_over -= 1
            return []
        self._new.append(image)
        self._pts_s.append(pts_s)
        known = _SIDE if self._window is None else len(self._window)
        return self._look() if known + len(self._new) == _WINDOW else []

    def finish(self) -> Iterable[Cut]:
        cuts: list[Cut] = []
        while self._pts_s:
            cuts += self._look()
        return [*cuts, *self._judge.finish()]

    def state(self) -> bytes:
        told = (self._passed_over, self._pts_s, self._judge.state(self._pts_s))
        state = hashlib.blake2b(repr(told).encode())
        for images in (self._window, *self._new):
            state.update(b"" if images is None else images.tobytes())
        return state.digest()

    def _look(self) -> list[Cut]:
        """Judge the next 50 frames, or those that are left of the film."""
        import numpy as np

        parts = [] if self._window is None else [self._window]
        if self._new:
            fresh = self._network.shrink(np.stack(self._new))
            parts += [fresh] if parts else [fresh[:1].repeat(_SIDE, 0), fresh]
        window = np.concatenate(parts)
        missing = _WINDOW - len(window)
        window = np.concatenate([window, window[-1:].repeat(missing, 0)])
        middle, whole = self._network.predict(window)
        judged = slice(_SIDE, _SIDE + _JUDGED)
        times = self._pts_s[:_JUDGED]
        del self._pts_s[:_JUDGED]
        self._new.clear()
        self._window = window[_JUDGED:]
        cuts: list[Cut] = []
        for time_s, one, many in zip(times, middle[judged], whole[judged], strict=False):
            cuts += self._judge.next(time_s, float(one), float(many))
        return cuts


class _Judge:
    """Turns the network's two opinions of each frame into cuts.

    The first is the probability that the frame is the middle of a transition (at a hard cut: the
    last frame before it), the second that it is any frame of one. A stretch of frames above the
    threshold by the first is one boundary, and the new scene begins after its likeliest frame.
    The transition is gradual if, by the second, the frames on both sides of that belong to it.
    """

    def __init__(self, threshold: float, min_scene_s: float) -> None:
        self._threshold = threshold
        self._min_scene_s = min_scene_s
        self._scene_s: float | None = None  # when the scene that is open began
        self._whole = 0.0  # of the frame before
        self._lasting = 0  # frames of the boundary that is open
        self._peak: tuple[float, float] | None = None  # its likeliest frame, until the next came
        self._cut: Cut | None = None  # what the boundary comes to as far as seen

    def state(self, coming_s: Sequence[float]) -> object:
        """What matters of the frames so far, if these are the times of the next."""
        scene_s = self._scene_s
        soonest_s = min([*coming_s[:1], *([self._cut.at_s] if self._cut else [])], default=0.0)
        if scene_s is not None and soonest_s - scene_s >= self._min_scene_s:
            scene_s = -1.0  # long enough ago for any cut to come
        return scene_s, self._whole, self._lasting, self._peak, self._cut

    def next(self, pts_s: float, middle: float, whole: float) -> list[Cut]:
        """Take the next frame's probabilities; give the cut that is now certain, if one is."""
        if self._scene_s is None:
            self._scene_s = pts_s
        if self._peak:
            score, before = self._peak
            kind: Literal["cut", "dissolve"] = "dissolve" if before + whole > 1 else "cut"
            self._cut, self._peak = Cut(at_s=pts_s, kind=kind, score=score), None
        inside = middle > self._threshold
        cuts = [] if inside and self._lasting < _LONGEST else self.finish()
        if inside:
            self._lasting += 1
            if self._cut is None or middle > self._cut.score:
                self._peak = middle, self._whole
        self._whole = whole
        return cuts

    def finish(self) -> list[Cut]:
        """The cut that is open, unless it is too soon or the film ends with it."""
        cut, self._cut, self._peak, self._lasting = self._cut, None, None, 0
        if cut is None or cut.at_s - (self._scene_s or 0.0) < self._min_scene_s:
            return []
        self._scene_s = cut.at_s
        return [cut]


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(
            f"The weights of TransNetV2 cannot be read from '{path}' ({error.strerror}).",
            hint=WAY_OUT,
            path=str(path),
        ) from error
