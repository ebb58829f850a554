"""HDR pictures come to the analyzers as ordinary ones, and the evidence says so."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

import toolkit as tk
from toolkit.stages.tones import tone_mapped

PQ, HLG = "smpte2084", "arib-std-b67"


def grey(level: float) -> npt.NDArray[np.uint8]:
    return np.full((2, 2, 3), round(level * 255), np.uint8)


def test_ordinary_pictures_are_left_alone() -> None:
    picture = grey(0.3)
    assert tone_mapped(picture, "bt709") is picture


@pytest.mark.parametrize(("transfer", "white", "peak"), [(PQ, 0.5807, 0.7518), (HLG, 0.75, 1.0)])
def test_levels_that_the_standards_name(transfer: str, white: float, peak: float) -> None:
    """Reference white (203 nits) is a light grey in both, the peak (1000 nits) white."""
    assert tone_mapped(grey(white), transfer).mean() == pytest.approx(191, abs=2)
    assert tone_mapped(grey(peak), transfer).mean() == pytest.approx(255, abs=2)
    assert tone_mapped(grey(0), transfer).max() == 0
    ramp = np.arange(256, dtype=np.uint8)[:, None].repeat(3, axis=1)
    levels = tone_mapped(ramp, transfer).astype(int)
    assert (np.diff(levels, axis=0) >= 0).all()
    assert (np.ptp(levels, axis=1) <= 1).all()  # grey stays grey


def test_wide_colours_are_those_of_ordinary_screens() -> None:
    """BT.709's red in BT.2020's primaries comes back as a pure red."""
    light = np.array([0.6274, 0.0691, 0.0164]) * 203 / 10_000  # of BT.2087's matrix, as PQ's share
    power = light ** (2610 / 16384)
    code = ((3424 / 4096 + 2413 / 128 * power) / (1 + 2392 / 128 * power)) ** (2523 / 32)
    red, green, blue = tone_mapped((code * 255).round().astype(np.uint8)[None], PQ)[0].tolist()
    assert red == pytest.approx(188, abs=5)
    assert max(green, blue) < 40


def write_hdr(path: Path, transfer: int) -> Path:
    """Five flat frames in ten bits, of luma 502 of 1023: reference white where it is PQ."""
    with av.open(str(path), "w") as container:
        parameters = f"log-level=error:colorprim=9:colormatrix=9:transfer={transfer}"
        stream = container.add_stream("libx265", rate=25, options={"x265-params": parameters})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p10le"
        for index in range(5):
            frame = av.VideoFrame(64, 64, "yuv420p10le")
            for plane, level in zip(frame.planes, (572, 512, 512), strict=True):
                plane.update(np.full(plane.buffer_size // 2, level, np.uint16).tobytes())
            frame.pts = index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("transfer", "method"), [(16, "reinhard"), (1, "")])
def test_the_evidence_says_what_was_done(tmp_path: Path, transfer: int, method: str) -> None:
    @tk.analyzer
    def brightness(frames: tk.Frames) -> dict[str, float]:
        return {"mean": float(frames.rgb.mean())}

    run = tk.analyze(
        write_hdr(tmp_path / "film.mp4", transfer),
        workspace=tmp_path / "workspace",
        analyzer="brightness",
        progress=False,
    )
    [answer] = run.answers.to_dicts()
    assert answer["tone_mapping"] == method
    assert json.loads(answer["value"])["mean"] == pytest.approx(188 if method else 148, abs=3)
