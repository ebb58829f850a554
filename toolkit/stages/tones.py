"""HDR pictures -> what an ordinary screen, and a model that learned from such, would show."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from toolkit.records import Answer, Video

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

__all__ = ["tone_mapped", "with_method"]

METHOD = "reinhard"
_WHITE_NITS, _PEAK_NITS = 203.0, 1000.0
"""Reference white and peak of a usual HDR display (ITU-R BT.2408)."""
_STEPS = 4096


class _Curves(NamedTuple):
    linear: Floats
    """Light for each of 256 coded values; 1 is reference white."""
    coded: npt.NDArray[np.uint8]
    """The sRGB value for each of 4096 steps of light, 0 to 1."""
    primaries: Floats
    """BT.2020 to BT.709, linear light (ITU-R BT.2087), to be multiplied from the right."""


def with_method(answer: Answer, video: Video) -> Answer:
    """The answer, whose evidence says what was done to the pictures of an HDR video."""
    if not video.hdr:
        return answer
    method = METHOD if video.colour_transfer in _TRANSFERS else "none"
    evidence = answer.evidence.model_copy(update={"tone_mapping": method})
    return answer.model_copy(update={"evidence": evidence})


def tone_mapped(rgb: npt.NDArray[np.uint8], transfer: str) -> npt.NDArray[np.uint8]:
    """Bring the pixels of an HDR picture to sRGB; those of other videos come back as they are.

    Light is decoded (SMPTE ST 2084, or BT.2100 HLG on a display of 1000 nits), its primaries
    changed to BT.709, and its range compressed by Reinhard's extended operator (Reinhard et al.,
    SIGGRAPH 2002, equation 4), channel by channel: reference white becomes a light grey, the
    peak white.

    Args:
        rgb: Pixels as decoded, as (..., 3) uint8: with HDR's transfer and BT.2020 primaries.
        transfer: The transfer's name, as in :class:`toolkit.records.Video`.
    """
    import numpy as np

    if transfer not in _TRANSFERS:
        return rgb
    curves = _curves(transfer)
    light = (curves.linear[rgb] @ curves.primaries).clip(0)
    light = light * (1 + light * (_WHITE_NITS / _PEAK_NITS) ** 2) / (1 + light)
    steps = (light * (_STEPS - 1) + 0.5).clip(max=_STEPS - 1)
    coded: npt.NDArray[np.uint8] = curves.coded[steps.astype(np.int32)]
    return coded


@cache
def _curves(transfer: str) -> _Curves:
    import numpy as np

    nits = _TRANSFERS[transfer](np.linspace(0, 1, 256))
    light = np.linspace(0, 1, _STEPS)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    primaries = np.array(
        [
            [1.6605, -0.5876, -0.0728],
            [-0.1246, 1.1329, -0.0083],
            [-0.0182, -0.1006, 1.1187],
        ],
        np.float32,
    )
    return _Curves(
        linear=(nits / _WHITE_NITS).astype(np.float32),
        coded=(coded * 255).round().astype(np.uint8),
        primaries=np.ascontiguousarray(primaries.T),
    )


def _pq(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    m1, m2 = 2610 / 16384, 2523 / 32
    c1, c2, c3 = 3424 / 4096, 2413 / 128, 2392 / 128
    power = code ** (1 / m2)
    nits: npt.NDArray[np.float64] = 10_000 * ((power - c1).clip(0) / (c2 - c3 * power)) ** (1 / m1)
    return nits


def _hlg(code: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    import numpy as np

    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    nits: npt.NDArray[np.float64] = _PEAK_NITS * scene**1.2
    return nits


_TRANSFERS = {"smpte2084": _pq, "arib-std-b67": _hlg}
