"""Small files that unpack to huge pictures cost themselves, and say so."""

from __future__ import annotations

import struct
from pathlib import Path

from bombs import film_of, png, vp9
from harmful import copied

import toolkit as tk


def test_small_files_of_huge_pictures_cost_themselves_alone(
    film: Path, workspace: Path, tmp_path: Path
) -> None:
    (good,) = copied(film, tmp_path, ["good"])
    names = ["png-30000", "png-16000", "vp9-16000", "picture"]
    paths = [tmp_path / f"{name}.mp4" for name in names]
    huge = png(16_000)
    film_of(paths[0], huge[:16] + struct.pack(">II", 30_000, 30_000) + huge[24:])
    film_of(paths[1], huge)
    paths[2].write_bytes(vp9(16_000))
    paths[3].write_bytes(huge)
    run = tk.analyze(
        [*map(str, paths), str(good)],
        workspace=workspace,
        decode={"memory_mb": 200},
        analyzer="signals",
        progress=False,
    )
    assert run.status == "done"
    failures = {Path(row["source"]).stem: row for row in run.failures.to_dicts()}
    assert {name: row["error"] for name, row in failures.items()} == {
        "png-30000": "NotAVideoError",  # FFmpeg takes no picture as large as that
        "png-16000": "LimitError",
        "vp9-16000": "LimitError",
        "picture": "NotAVideoError",
    }
    assert "takes more than 200 MB of memory" in failures["vp9-16000"]["message"]
    assert run.scenes.height == 3
