"""What is erased is in no file of a real MongoDB server either."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from telling import Telling, found_in

import toolkit as tk
from toolkit.testing.mongod import Mongod, mongod, replica_set

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def telling() -> Iterator[type[Telling]]:
    plugin = tk.AnalyzerPlugin(name="telling", factory=lambda options, context: Telling())
    tk.register(plugin)
    yield Telling
    tk.unregister(plugin)


def test_no_byte_is_left_in_the_files_of_a_server_that_stands_alone(
    mongod_program: None, film: Path, tmp_path: Path, telling: type[Telling]
) -> None:
    with mongod(tmp_path / "server") as server:
        words, kept = erased(server, film, tmp_path, telling)
        data = tmp_path / "server" / "data"
        assert found_in(data, words) == {}
        assert found_in(data, kept) != {}  # they would be seen if they were there


def test_a_replica_set_says_what_its_oplog_keeps(
    mongod_program: None, film: Path, tmp_path: Path, telling: type[Telling]
) -> None:
    notes: list[str] = []
    with replica_set(tmp_path / "server") as server:
        erased(server, film, tmp_path, telling, notes)
    assert any("oplog" in note for note in notes)


def erased(
    server: Mongod,
    film: Path,
    tmp_path: Path,
    telling: type[Telling],
    notes: list[str] | None = None,
) -> tuple[list[bytes], list[bytes]]:
    """Two films analyzed, the first of them erased: what was said of each."""
    another = tmp_path / "another.mp4"
    another.write_bytes(film.read_bytes() + b"\0\0\0\x0cfreexxxx")
    config = tmp_path / "config.ini"
    options = {"uri": server.uri, **server.options}
    lines = "\n".join(f"{name} = {value}" for name, value in options.items())
    config.write_text(f"[store]\nplugin = mongodb\n{lines}\n")
    analyze: Any = functools.partial(
        tk.analyze, analyzer="telling", progress=False, config=config, workspace=tmp_path / "w"
    )
    run, other = analyze(film), analyze(another)
    run.review(run.scenes["scene_id"][0], action="add", name="Schmidt-Rottenmeier")
    ids = run.videos["video_id"][0], other.videos["video_id"][0]
    mine, kept = ([telling.words[id_].encode()] for id_ in ids)
    words = [*mine, mine[0][::-1], b"Schmidt-Rottenmeier"]
    data = tmp_path / "server" / "data"
    assert found_in(data, words) != {}
    done = tk.forget(str(film), yes=True, config=config, workspace=tmp_path / "w")
    assert done.left == []
    if notes is not None:
        notes += done.notes
    assert len(other.search("roses")) == 3
    assert len(run.scenes) == 0
    return words, kept
