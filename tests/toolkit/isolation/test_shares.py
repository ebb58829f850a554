"""How many cores a file is read by: all, or its share where many are read side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from harmful import copied
from sharing import register, told

import toolkit as tk
from toolkit.config.machine import cores


@pytest.mark.parametrize(
    ("files", "long_s", "by"),
    [(16, 1200.0, max(1, cores() // 2)), (15, 1200.0, cores()), (16, 1.0, cores())],
    ids=["many", "few", "many long ones"],
)
def test_files_of_a_long_run_share_the_cores(
    film: Path, workspace: Path, tmp_path: Path, files: int, long_s: float, by: int
) -> None:
    register()
    paths = copied(film, tmp_path, [f"{number:02}" for number in range(files)])
    run = tk.analyze(
        paths,
        workspace=workspace,
        decode={"plugin": "telling"},
        execution={"scan_threads": 2, "chunk_s": long_s},
        analysis={"plugin": ()},
        progress=False,
    )
    assert run.status == "done"
    assert told(paths) == {by}
