from __future__ import annotations

from datetime import UTC
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import JsonValue

from toolkit.insight import frames, videos
from toolkit.records import Answer, Ask, Failure, Lineage, Run, Scene, Source, Tag, Video
from toolkit.stages.store import Store
from toolkit.testing.samples import full_records

EVERY = (videos.videos, frames.scenes, frames.tags, frames.answers, frames.failures)


def test_videos_come_once_in_the_order_of_their_sources(store: Store, run: Run) -> None:
    table = videos.videos(store, run)
    assert table["video_id"].to_list() == ["b", "a"]
    assert table["title"].to_list() == ["A <b> & $5", "a.mp4"]
    assert table["sources"].to_list() == [
        ["https://example.org/2", "/films/copy of b.mp4"],
        ["/films/a.mp4"],
    ]
    assert table.select("scenes", "reused").rows() == [(3, 3), (2, 0)]
    assert table["duration_s"].to_list() == [None, 20.0]
    assert table["tags"].to_list()[0] == [{"key": "artist", "value": "Zoë"}]
    assert {"width", "codec", "audio", "chapters", "truncated"} <= set(table.columns)


def test_videos_have_every_kind_of_metadata(store: Store, run: Run) -> None:
    full = full_records()[Video].model_copy(update={"id": "a"})
    store.save([full])
    row = videos.videos(store, run).row(1, named=True)
    data = full.model_dump()
    assert row["audio"] == list(data["audio"])
    assert row["chapters"] == list(data["chapters"])
    for name in set(Video.model_fields) - {"id", "audio", "subtitles", "chapters", "tags", "info"}:
        assert row[name] == data[name]


def test_videos_have_what_the_site_says_of_them(store: Store, run: Run) -> None:
    said = {"uploader": "Ann", "licence": "CC BY", "subtitles": {"en": "x.en.vtt"}}
    [video] = store.find(Video, id="a")
    store.save([video.model_copy(update={"path": "/films/x.mp4", "info": said})])
    rows = {row["video_id"]: row for row in videos.videos(store, run).to_dicts()}
    assert (rows["a"]["uploader"], rows["a"]["licence"]) == ("Ann", "CC BY")
    assert rows["a"]["subtitle_files"] == [{"key": "en", "value": "/films/x.en.vtt"}]
    assert rows["a"]["upload_date"] is None
    assert rows["b"]["uploader"] is None
    assert rows["b"]["subtitle_files"] is None


def test_scenes_come_video_by_video_with_what_this_run_knows(store: Store, run: Run) -> None:
    table = frames.scenes(store, run)
    places = table.select("video_id", "index", "start_s", "end_s", "duration_s").rows()
    assert places[0] == ("b", 0, 0.0, 10.0, 10.0)
    assert [place[:2] for place in places] == [("b", 0), ("b", 1), ("b", 2), ("a", 0), ("a", 1)]
    first, unanswered = table.row(0, named=True), table.row(2, named=True)
    assert first["title"] == "A <b> & $5"
    assert first["path"] == "/films/b.mp4"
    assert first["description"] == "A red car in b"
    assert (first["sentiment"], first["sentiment_confidence"]) == ("positive", 0.75)
    assert first["How many people?"] == "two"
    assert first["tags"] == ["night", "car"]
    assert first["thumbnail"] is None
    for name in ("description", "sentiment", "sentiment_confidence", "How many people?", "signals"):
        assert unanswered[name] is None
    assert unanswered["tags"] == []


def test_signals_become_columns_of_their_own_type(store: Store, run: Run) -> None:
    table = frames.scenes(store, run)
    struct = table.schema["signals"]
    assert isinstance(struct, pl.Struct)
    assert struct.to_schema() == {
        "motion": pl.Float64,
        "black": pl.Boolean,
        "faces": pl.Int64,
        "shot": pl.String,
        "colours": pl.String,
        "mixed": pl.String,
    }
    flat = table.unnest("signals")
    assert flat["motion"].to_list() == [1.0, 0.5, None, 1.0, 0.5]
    assert flat["colours"][0] == '["red", "blue"]'
    assert flat["mixed"].to_list()[:2] == ['"none"', "3"]
    assert flat["shot"].to_list()[:2] == ["wide", None]


@pytest.mark.parametrize(
    ("values", "kind", "shown"),
    [
        ([True, False], pl.Boolean(), [True, False]),
        ([2, 3], pl.Int64(), [2, 3]),
        ([2, 0.5], pl.Float64(), [2.0, 0.5]),
        (["sun", "rain"], pl.String(), ["sun", "rain"]),
        ([["car"], []], pl.List(pl.String()), [["car"], []]),
        ([{"a": 1}, [1]], pl.String(), ['{"a": 1}', "[1]"]),
        ([True, None], pl.Boolean(), [True, None]),
        ([2, "two"], pl.String(), ["2", "two"]),
    ],
)
def test_a_typed_question_has_a_column_of_its_type(
    store: Store, run: Run, values: list[JsonValue], kind: pl.DataType, shown: list[object]
) -> None:
    ask = Ask(kind="question", name="Well?")
    labels = Ask(kind="labels")
    scenes = store.find(Scene, video_id="a", detector="detector")
    for scene, value in zip(scenes, values, strict=False):
        told: dict[str, Any] = {"text": "told"}
        if value is None:
            told = {"text": "not visible", "abstained": True}
        store.save([Answer.of(scene, "qwen", "qwen2vl", ask, value=value, **told)])
        store.save([Answer.of(scene, "qwen", "qwen2vl", labels, value={"car": 0.25, "": 1})])
    asks = (*run.lineage.asks, ("qwen", ask.key), ("qwen", labels.key))
    lineage = run.lineage.model_copy(update={"asks": asks})
    table = frames.scenes(store, run.model_copy(update={"lineage": lineage}))
    table = table.filter(pl.col("video_id") == "a").head(2)
    assert table.schema["Well?"] == kind
    assert table["Well?"].to_list() == shown
    assert table["labels"].to_list() == [{"car": 0.25, "": 1.0}] * 2
    table = frames.answers(store, run.model_copy(update={"lineage": lineage}))
    assert table.filter(pl.col("name") == "Well?")["abstained"].to_list() == [
        value is None for value in values
    ]


def test_a_question_may_be_called_like_a_column(store: Store, run: Run) -> None:
    ask = Ask(kind="question", name="score")
    (scene, *_) = store.find(Scene, video_id="a", detector="detector")
    store.save([Answer.of(scene, "qwen", "qwen2vl", ask, text="3 to 1")])
    lineage = run.lineage.model_copy(update={"asks": (*run.lineage.asks, ("qwen", ask.key))})
    table = frames.scenes(store, run.model_copy(update={"lineage": lineage}))
    assert table["score"].to_list() == [0, 1, 2, 0, 1]
    assert table["score (question)"].to_list() == [None, None, None, "3 to 1", None]


def test_tags_say_where_and_why(store: Store, run: Run) -> None:
    store.save([Tag("interview", id="whole", video_id="a", generation="rules-2", tagger="rules")])
    table = frames.tags(store, run)
    rows = table.select("video_id", "index", "label", "score").rows()
    assert rows[:3] == [("b", 0, "night", 0.9), ("b", 0, "car", 0.5), ("b", 1, "day", 0.9)]
    assert rows[4:6] == [("a", None, "interview", 1.0), ("a", 0, "night", 0.9)]
    assert len(rows) == 9
    assert "stale" not in table["label"]
    assert table.row(1, named=True)["why"] == "a rule"
    assert table.row(1, named=True)["tagger"] == "rules, labels"


def test_answers_come_in_the_order_asked(store: Store, run: Run) -> None:
    table = frames.answers(store, run)
    assert len(table) == 4 * 4
    first = table.head(4)
    assert first["kind"].to_list() == ["description", "question", "sentiment", "signals"]
    assert first["value"].to_list()[:3] == [None, None, '"positive"']
    assert first["name"][1] == "How many people?"
    assert first["frame_times_s"].to_list() == [[]] * 4


def test_failures_are_those_of_the_run(store: Store, run: Run) -> None:
    (row,) = frames.failures(store, run).rows(named=True)
    assert row["source"] == "/films/broken.mp4"
    assert (row["stage"], row["error"], row["message"]) == (
        "acquire",
        "DecodeError",
        "It is broken.",
    )
    assert row["retriable"] is False
    assert row["at"] == store.find(Failure, run_id="run-1")[0].at.astimezone(UTC)


def test_frames_without_rows_have_the_same_columns(store: Store, run: Run) -> None:
    empty = Run(id="nothing", lineage=Lineage(detector="detector"))
    for make in EVERY:
        none, some = make(store, empty), make(store, run)
        chosen = ["How many people?", "signals"] if make is frames.scenes else []
        assert len(none) == 0
        assert none.drop(chosen, strict=False).schema == some.drop(chosen).schema


def test_frames_join_and_can_be_written(store: Store, run: Run, tmp_path: Path) -> None:
    for make in EVERY:
        for which in (run, Run(id="nothing")):
            make(store, which).write_parquet(tmp_path / "frame.parquet")
            assert pl.read_parquet(tmp_path / "frame.parquet").equals(make(store, which))
    joined = frames.tags(store, run).join(frames.scenes(store, run), on="scene_id")
    assert len(joined) == 8


def test_a_video_that_another_link_leads_to_now_stays_where_it_was(store: Store, run: Run) -> None:
    (link,) = store.find(Source, kind="link")
    store.save([link.model_copy(update={"video_id": "c"})])
    assert videos.videos(store, run)["video_id"].to_list() == ["b", "a"]
    assert videos.videos(store, run)["sources"].to_list()[0][0] == link.uri


@pytest.mark.parametrize("make", EVERY)
def test_a_run_the_store_does_not_know_is_empty(store: Store, make: object) -> None:
    assert callable(make)
    assert make(store, Run(id="unknown")).is_empty()
