from __future__ import annotations

import polars as pl

from toolkit.insight import frames
from toolkit.insight.search import search
from toolkit.records import Run
from toolkit.stages.store import Store


def test_hits_say_which_scene_of_which_video(store: Store, run: Run) -> None:
    table = search(store, 'two "red car" b')
    (row,) = table.rows(named=True)
    scene = frames.scenes(store, run).row(0, named=True)
    for name in ("video_id", "title", "path", "index", "start_s", "end_s", "scene_id"):
        assert row[name] == scene[name]
    assert "[red car]" in row["snippet"] or "[two]" in row["snippet"]


def test_it_searches_every_run(store: Store, run: Run) -> None:
    assert len(search(store, "cars", limit=100)) == 5  # one scene is of another detector
    assert len(search(store, "cars", limit=2)) == 2
    assert "Theirs" in search(store, "cars")["title"]


def test_nothing_found_has_the_same_columns(store: Store, run: Run) -> None:
    none = search(store, "submarine")
    assert none.is_empty()
    assert none.schema == search(store, "car").schema
    assert none.schema["index"] == pl.Int64
