"""Views of a run, read again by what people read them with."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import opentimelineio as otio
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from toolkit.errors import ConfigError, MediaError
from toolkit.exchange.captions import Cue, webvtt
from toolkit.exchange.export import FORMS, export
from toolkit.exchange.provenance import NAMES, joined, provenance_of
from toolkit.exchange.tables import TABLES
from toolkit.insight import frames, results
from toolkit.records import Run, Source, Synthesis, Video
from toolkit.stages.store import Store

OpenStore = Callable[[str], Store]


@pytest.mark.parametrize("what", TABLES)
def test_parquet_is_the_frame(store: Store, run: Run, tmp_path: Path, what: str) -> None:
    (file,) = export(store, run, tmp_path / "x.parquet", what=what)
    frame = TABLES[what](store, run)
    written = pl.read_parquet(file)
    assert_frame_equal(written.select(frame.columns), frame)
    assert {*written.columns} - {*frame.columns} <= {*NAMES}


def test_every_form_says_where_a_video_came_from(store: Store, run: Run, tmp_path: Path) -> None:
    (source,) = store.find(Source, video_id="two")
    info = {"licence": "CC BY 4.0", "uploader": "Zoë\n--> &"}
    store.save([source.model_copy(update={"info": info, "requested_by": "Anna"})])
    (table,) = export(store, run, tmp_path / "x.parquet", what="tags", video_id="two")
    for row in pl.read_parquet(table).iter_rows(named=True):
        told = [row[name] for name in ("source", "licence", "requested_by")]
        assert told == ["/films/two.mp4", "CC BY 4.0", "Anna"]
    for name in ("x.vtt", "x.edl", "x.otio"):
        (file,) = export(store, run, tmp_path / name, video_id="two")
        text = file.read_text("utf-8")
        for word in ("/films/two.mp4", "CC BY 4.0", "Anna"):
            assert word in text, name
    assert len(_cues(tmp_path / "x.vtt")) == 1  # what the site says is no cue
    (file,) = export(store, run, tmp_path / "x.json")
    labels = json.loads(file.read_text("utf-8"))["labels"]
    assert labels["/films/two.mp4"][0]["attributes"]["licence"] == "CC BY 4.0"


@pytest.mark.parametrize("what", TABLES)
def test_csv_holds_all_values_and_no_formula(
    store: Store, run: Run, tmp_path: Path, what: str
) -> None:
    (file,) = export(store, run, tmp_path / "x.csv", what=what)
    with file.open(encoding="utf-8", newline="") as opened:
        names, *rows = list(csv.reader(opened))
    for cell in [*names, *(cell for row in rows for cell in row)]:
        assert cell[:1] not in {"@", "=", "\t", "\r", "\n"}
        assert cell[:1] not in {"+", "-"} or cell[1:].replace(".", "").isdigit()
    videos = results.videos_of(store, run)
    frame = joined(TABLES[what](store, run), provenance_of(store, videos))
    assert [name.removeprefix("'") for name in names] == frame.columns
    assert len(rows) == len(frame)
    for cells, values in zip(rows, frame.rows(), strict=True):
        for cell, value in zip(cells, values, strict=True):
            assert _read(cell, value) == value


def _read(cell: str, like: Any) -> Any:
    """What a cell says, in the type of this value."""
    if like is None:
        return cell or None
    if isinstance(like, str):
        return cell.removeprefix("'")
    if isinstance(like, bool):
        return cell == "true"
    if isinstance(like, int | float):
        return type(like)(cell)
    return json.loads(cell) if isinstance(like, list | dict) else like


def test_a_formula_is_text(store: Store, run: Run, tmp_path: Path) -> None:
    (file,) = export(store, run, tmp_path / "x.csv")
    text = file.read_text(encoding="utf-8")
    assert "'=HYPERLINK" in text
    assert "'=Is it raining?" in text.splitlines()[0]


def test_no_text_is_not_null_in_csv(tmp_path: Path) -> None:
    from toolkit.exchange.tables import write_csv

    frame = pl.DataFrame({"x": ["", None, "'", "-"], "y": [-1.5, None, 5e-324, 0.1 + 0.2]})
    write_csv(frame, tmp_path / "x.csv")
    assert (
        tmp_path / "x.csv"
    ).read_text() == "x,y\n\"\",-1.5\n,\n'',5e-324\n'-,0.30000000000000004\n"


def test_players_read_the_chapters(store: Store, run: Run, tmp_path: Path) -> None:
    (file,) = export(store, run, tmp_path / "two.vtt", video_id="two")
    assert file.read_text("utf-8").startswith("WEBVTT - two.mp4\n\nNOTE\nsource: /films/two.mp4\n")
    assert _cues(file) == [(0.0, 20.0, "Chapter of two --> & <i>")]


def test_players_read_the_scenes(store: Store, run: Run, tmp_path: Path) -> None:
    (file,) = export(store, run, tmp_path / "two.vtt", video_id="two", what="scenes")
    cues = _cues(file)
    assert [cue[:2] for cue in cues] == [(0.0, 10.0), (10.0, 20.0), (20.0, 30.0)]
    assert "A car <b>in</b> two & rain" in cues[0][2]
    assert "=Is it raining? yes" in cues[1][2]


def _cues(file: Path) -> list[tuple[float, float, str]]:
    found = []
    with av.open(str(file)) as container:
        for packet in container.demux():
            if not packet.size:
                continue
            assert packet.pts is not None
            assert packet.duration is not None
            text = bytes(packet).decode()
            for escaped, plain in (("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")):
                text = text.replace(escaped, plain)
            start_s = float(packet.pts * packet.time_base)
            found.append((start_s, start_s + float(packet.duration * packet.time_base), text))
    return found


def test_cues_are_never_empty_nor_backwards() -> None:
    text = webvtt(
        [Cue(-1.0, -2.0, "a\n \nb"), Cue(1.0, 2.0, " "), Cue(3600.0, 3600.0, "c")], "x\ny"
    )
    assert text == (
        "WEBVTT - x y\n\n00:00:00.000 --> 00:00:00.001\na\nb\n\n01:00:00.000 --> 01:00:00.001\nc\n"
    )


def test_editing_programs_read_the_scenes(store: Store, run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "edits"
    folder.mkdir()
    assert export(store, run, folder, form="edl") == [folder / "one.edl", folder / "two.edl"]
    assert (folder / "one.edl").read_text().count("FROM CLIP NAME: one.mp4") == 3
    (file,) = export(store, run, tmp_path / "two.otio", video_id="two")
    timeline = otio.adapters.read_from_file(str(file))
    clips = list(timeline.find_clips())
    ends = [clip.source_range.end_time_exclusive().to_seconds() for clip in clips]
    assert ends == [10.0, 20.0, 30.0]


def test_videos_of_one_name_have_files_of_their_own(store: Store, run: Run, tmp_path: Path) -> None:
    (two,) = store.find(Video, id="two")
    store.save([two.model_copy(update={"path": "/elsewhere/one.mov"})])
    files = export(store, run, tmp_path, form="edl")
    assert [file.name for file in files] == ["one.edl", "one-2.edl"]


def test_fiftyones_form(store: Store, run: Run, tmp_path: Path) -> None:
    # As FiftyOneTemporalDetectionDatasetImporter reads it: names of videos are absolute paths.
    (file,) = export(store, run, tmp_path / "labels.json")
    data = json.loads(file.read_text("utf-8"))
    assert data["classes"] == ["scene", "@car"]
    assert list(data["labels"]) == ["/films/one.mp4", "/films/two.mp4"]
    whole, tag = data["labels"]["/films/two.mp4"][2:4]
    assert (whole["label"], whole["support"]) == ("scene", [251, 500])  # at 25 frames a second
    assert whole["attributes"]["description"].startswith("=HYPERLINK")
    assert (tag["label"], tag["confidence"], tag["support"]) == ("@car", 0.5, [251, 500])
    for label in data["labels"]["/films/two.mp4"]:
        assert all(name.isidentifier() for name in label["attributes"])


def test_fiftyone_counts_no_frames_that_come_as_they_like(
    store: Store, run: Run, tmp_path: Path
) -> None:
    (two,) = store.find(Video, id="two")
    store.save([two.model_copy(update={"variable_frame_rate": True})])
    (file,) = export(store, run, tmp_path / "labels.json", video_id="two")
    (labels,) = json.loads(file.read_text("utf-8"))["labels"].values()
    assert labels[2]["timestamps"] == [10.0, 20.0]


def test_a_file_that_is_there_is_kept(store: Store, run: Run, tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("mine")
    with pytest.raises(MediaError, match="There is a file"):
        export(store, run, file)
    assert file.read_text() == "mine"
    export(store, run, file, force=True)
    assert file.read_text() != "mine"
    with pytest.raises(MediaError, match="cannot be written"):
        export(store, run, tmp_path / "missing" / "x.csv")
    assert {path.name for path in tmp_path.iterdir()} >= {"x.csv"}
    assert not list(tmp_path.glob(".toolkit-*"))


def test_what_does_not_fit_together_is_said(store: Store, run: Run, tmp_path: Path) -> None:
    def refused(to: str, **options: Any) -> str:
        with pytest.raises(ConfigError) as caught:
            export(store, options.pop("run", run), tmp_path / to, **options)
        return str(caught.value)

    for form in FORMS.values():
        assert form.suffix in refused("x.xlsx")
    assert "Did you mean 'parquet'?" in refused("x", form="parket")
    assert "scenes" in refused("x.csv", what="scene")
    assert "about one video, and here are 2" in refused("x.vtt")
    assert "name a run" in refused("x.csv", run=None)
    store.save(one.model_copy(update={"kind": "summary"}) for one in store.find(Synthesis))
    assert "--what scenes" in refused("x.vtt", video_id="two")


def test_a_run_without_results_is_an_empty_table(store: Store, run: Run, tmp_path: Path) -> None:
    (file,) = export(store, Run(id="new"), tmp_path / "x.csv")
    columns = frames.scenes(store, Run(id="new")).columns
    assert file.read_text().splitlines() == [",".join([*columns, *NAMES])]
