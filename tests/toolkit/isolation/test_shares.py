"""How many cores a file is read by: all, or its share where many are read side by side."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from harmful import copied

import toolkit as tk
from toolkit.config.machine import cores
from toolkit.hooks.specs import Context
from toolkit_decode_pyav import PyAVOptions
from toolkit_decode_pyav.decoder import PyAVDecoder


class Telling(PyAVDecoder):
    """Leaves beside a file how many cores there were for it."""

    def __init__(self, context: Context) -> None:
        super().__init__(PyAVOptions(threads=1))
        self._context = context

    @contextmanager
    def open(self, path: Path) -> Iterator[Any]:
        path.with_suffix(".cores").write_text(str(self._context.cores))
        with super().open(path) as stream:
            yield stream


@pytest.mark.parametrize(
    ("files", "long_s", "by"),
    [(16, 1200.0, max(1, cores() // 2)), (15, 1200.0, cores()), (16, 1.0, cores())],
    ids=["many", "few", "many long ones"],
)
def test_files_of_a_long_run_share_the_cores(
    film: Path, workspace: Path, tmp_path: Path, files: int, long_s: float, by: int
) -> None:
    tk.register(tk.DecoderPlugin(name="telling", factory=lambda _, context: Telling(context)))
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
    assert {path.with_suffix(".cores").read_text() for path in paths} == {str(by)}
