"""Sums of a run, charts of them, and the run as a page."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image

from toolkit.errors import ConfigError, MediaError, MissingExtraError
from toolkit.execution.run import RunHandle
from toolkit.records import Run, Scene, Tag
from toolkit.stages.store import Store

MARKUP = "<script>alert(1)</script>$5"
CHARTS = (
    "overview",
    "tags",
    "categories",
    "together",
    "timeline",
    "lengths",
    "sentiment",
    "time",
    "failures",
)


class Page(HTMLParser):
    """Which elements and attributes a page has, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def handle(store: Store, run: Run) -> RunHandle:
    return RunHandle(store, run.id)


@pytest.fixture
def nothing(store: Store) -> RunHandle:
    store.save([Run(id="nothing", status="done")])
    return RunHandle(store, "nothing")


def test_tags_are_counted_once_a_scene(handle: RunHandle) -> None:
    rows = handle.tag_counts.rows()
    assert rows == [("car", 4, 2, 40.0, 0.8), ("day", 2, 2, 20.0, 0.4), ("night", 2, 2, 20.0, 0.4)]
    assert handle.tag_pairs.rows() == [("car", "day", 2, 0.5), ("car", "night", 2, 0.5)]


def test_neighbouring_scenes_make_a_stretch(handle: RunHandle) -> None:
    lane = handle.timeline("a").select("label", "start_s", "end_s", "scenes").sort("label").rows()
    assert lane == [("car", 0.0, 20.0, 2), ("day", 10.0, 20.0, 1), ("night", 0.0, 10.0, 1)]
    assert handle.timeline().height == 6
    assert handle.sentiments["label"].to_list() == ["positive", "negative"] * 2


def test_a_gap_ends_a_stretch(handle: RunHandle, store: Store) -> None:
    last = store.find(Scene, video_id="b", detector="detector", index=2)[0]
    store.save([Tag("night").placed(last, "rules", "rules-2")])
    found = handle.timeline("b").select("label", "start_s", "scenes").rows()
    assert [row for row in found if row[0] == "night"] == [("night", 0.0, 1), ("night", 20.0, 1)]


def test_the_overview_has_every_video(handle: RunHandle) -> None:
    shown = handle.overview.select("title", "duration_s", "scenes", "labels", "positive").rows()
    assert shown == [("A <b> & $5", 30.0, 3, 3, 1), ("a.mp4", 20.0, 2, 3, 1)]
    assert handle.scene_lengths.rows()[-1] == (8.0, 16.0, 5, 50.0)
    assert handle.failure_counts.rows() == [("acquire", "DecodeError", "", 1, 0)]


def test_metrics_say_what_the_row_says(store: Store) -> None:
    counts = {"reused": 0, "scan_done": 2, "scan_total": 4, "tag_done": 0, "tag_waiting": 3}
    seconds = {"scan": 6.0, "tag": 2.0, "scan_span": 8.0, "elapsed": 5.0}
    store.save([Run(id="timed", status="done", counts=counts, seconds=seconds)])
    rows = {row["stage"]: row for row in RunHandle(store, "timed").metrics.to_dicts()}
    assert set(rows) == {"scan", "tag"}
    scan, tag = rows["scan"], rows["tag"]
    assert (scan["seconds_per_item"], scan["share"], scan["use"]) == (3.0, 0.75, 0.75)
    assert (tag["waiting"], tag["seconds_per_item"], tag["use"]) == (3, None, None)
    assert (scan["cpu_s"], scan["cache_hits"]) == (None, None)  # an older version's run


def test_the_time_is_told_apart(store: Store) -> None:
    seconds = {"scan": 6.0, "scan_cpu": 2.0, "scan_blocked": 1.0, "scan_video": 60.0}
    seconds |= {"analyze": 5.0, "analyze_cpu": 9.0, "analyze_model": 4.0, "analyze_gpu": 3.0}
    counts = {"scan_done": 1, "analyze_done": 1}
    store.save([Run(id="timed", status="done", counts=counts, seconds=seconds)])
    handle = RunHandle(store, "timed")
    rows = {row["stage"]: row for row in handle.metrics.to_dicts()}
    assert (rows["scan"]["waited_s"], rows["scan"]["speed"]) == (5.0, 10.0)
    assert (rows["analyze"]["waited_s"], rows["analyze"]["gpu_use"]) == (0.0, 0.6)
    bars = handle.charts.time().altair.to_dict()["data"]["values"]
    assert {(bar["stage"], bar["kind"]): bar["seconds"] for bar in bars if bar["seconds"]} == {
        ("scan", "processor"): 2.0,
        ("scan", "waiting"): 5.0,
        ("analyze", "processor"): 1.0,
        ("analyze", "model"): 4.0,
    }


@pytest.mark.parametrize("name", CHARTS)
def test_charts_draw_themselves(name: str, handle: RunHandle, nothing: RunHandle) -> None:
    bundle = getattr(handle.charts, name)()._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<svg")
    assert set(bundle) == {"image/svg+xml", "image/png", "text/plain"}
    empty = getattr(nothing.charts, name)()
    assert "Nothing to show." in empty.svg()
    assert "shape: (0, " in repr(empty)


def test_labels_are_text_in_a_chart_and_in_a_report(
    handle: RunHandle, store: Store, tmp_path: Path
) -> None:
    scene = store.find(Scene, video_id="a", detector="detector")[0]
    store.save([Tag(MARKUP).placed(scene, "rules", "rules-2")])
    drawn = Page(handle.charts.tags().svg())
    assert "script" not in drawn.names
    assert MARKUP in drawn.text
    page = Page(handle.to_html(tmp_path / "report.html").read_text(encoding="utf-8"))
    assert not page.names & {"script", "b", "iframe", "link"}
    assert not [name for name in page.attributes if name.startswith("on")]
    for words in (MARKUP, "A <b> & $5", "A red car in b", "It is broken."):
        assert words in page.text
    face = Page(handle._repr_html_())
    assert not face.names & {"script", "style", "svg"}
    assert MARKUP in face.text
    assert "class" in face.attributes


def test_a_report_of_nothing_and_over_a_file(nothing: RunHandle, tmp_path: Path) -> None:
    file = nothing.to_html(tmp_path / "report.html")
    assert "There are none." in file.read_text(encoding="utf-8")
    with pytest.raises(MediaError):
        nothing.to_html(file)
    nothing.to_html(file, force=True)


def test_charts_go_to_files(handle: RunHandle, tmp_path: Path) -> None:
    chart = handle.charts.lengths()
    with Image.open(chart.save(tmp_path / "lengths.png")) as picture:
        assert picture.width > 400
    assert chart.save(tmp_path / "lengths.svg").read_text().startswith("<svg")
    with pytest.raises(ConfigError, match=r"\.svg or \.png"):
        chart.save(tmp_path / "lengths.pdf")


@pytest.mark.parametrize("library", ["altair", "vl_convert"])
def test_a_missing_library_is_named(
    library: str, handle: RunHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(
        MissingExtraError, match=r"pip install 'video-analysis-toolkit\[notebook\]'"
    ):
        handle.charts.tags().svg()
    assert handle.tag_counts.height == 3  # frames need no more than Polars


def test_records_show_themselves(handle: RunHandle, store: Store, tmp_path: Path) -> None:
    thumbnail = tmp_path / "scene.jpg"
    Image.new("RGB", (640, 360), "red").save(thumbnail)
    found = store.find(Scene, video_id="a", detector="detector")[0]
    scene = found.model_copy(update={"thumbnail": str(thumbnail), "video_id": MARKUP})
    html = scene._repr_html_()
    assert MARKUP in Page(html).text
    assert "src='data:image/jpeg;base64," in html
    assert len(html) < 20_000
    gone = scene.model_copy(update={"thumbnail": str(tmp_path / "gone.jpg")})
    assert "img" not in Page(gone._repr_html_()).names
