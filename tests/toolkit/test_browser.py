"""What the scene browser answers to its page, without a page."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import toolkit as tk
from toolkit.hooks.specs import Context
from toolkit.media.reel import Reel
from toolkit.records import Lineage, Run, RunSource, Scene, Source, Tag, Video
from toolkit.widgets.browser import of_run
from toolkit.widgets.catalogue import PAGE, Catalogue
from toolkit.widgets.view import SceneBrowser
from toolkit_store_sqlite import SQLiteOptions, make

MARKED = "<script>alert(1)</script>"


@pytest.fixture
def run(film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tk.RunHandle:
    monkeypatch.chdir(tmp_path)

    @tk.tagger
    def marked(scene: Scene, analysis: tk.Analysis) -> list[Tag]:
        return [Tag(MARKED, score=0.4, why="<b>so</b>"), Tag("plain", score=0.9)]

    return tk.analyze(film, analyzer="signals", tags={"plugin": "marked"}, progress=False)


class Page:
    """The other side of a browser: asks, and keeps what was sent."""

    def __init__(self, browser: SceneBrowser, monkeypatch: pytest.MonkeyPatch) -> None:
        self.browser = browser
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        monkeypatch.setattr(browser, "send", self.hear)

    def hear(self, content: dict[str, Any], buffers: Any = None) -> None:
        json.dumps(content, allow_nan=False)
        self.sent.append((content, [bytes(one) for one in buffers or ()]))

    def ask(self, kind: str, **data: Any) -> tuple[dict[str, Any], list[bytes]]:
        seq = f"test-{len(self.sent)}"
        message = {"method": "custom", "content": {"kind": kind, "seq": seq, **data}}
        self.browser._handle_msg({"content": {"data": message}, "buffers": []})
        answer, buffers = self.sent[-1]
        assert answer["seq"] == seq
        return answer, buffers


@pytest.fixture
def page(run: tk.RunHandle, monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(run.browse(), monkeypatch)


def ids(run: tk.RunHandle) -> list[str]:
    return run.scenes["scene_id"].to_list()


def test_scenes_come_with_all_that_was_said(run: tk.RunHandle, page: Page) -> None:
    films = page.ask("films")[0]["films"]
    assert [one["title"] for one in films] == ["film.mp4"]
    rows = page.ask("page", page=0)[0]["rows"]
    assert [row["id"] for row in rows] == ids(run)
    assert [[row["start"], row["end"]] for row in rows] == [[0, 2], [2, 4], [4, 6]]
    assert rows[0]["tags"] == [["plain", 0.9, "", "marked"], [MARKED, 0.4, "<b>so</b>", "marked"]]
    assert page.ask("page", page=1)[0]["rows"] == []


def test_pictures_and_clips_come_as_files(run: tk.RunHandle, page: Page) -> None:
    first, second, third = ids(run)
    Path(run.scenes["thumbnail"][1]).unlink()
    buffers = page.ask("thumbs", ids=[first, second, "stranger"])[1]
    assert Image.open(io.BytesIO(buffers[0])).format == "JPEG"
    assert buffers[1:] == [b"", b""]
    answer, (data,) = page.ask("clip", id=third)
    assert answer["start"] == pytest.approx(4.0)
    Path("clip.mp4").write_bytes(data)
    with Reel(Path("clip.mp4")) as reel:
        assert reel.video.codec.canonical_name == "h264"
    assert b"moof" in data  # in fragments


def test_evidence_and_export(run: tk.RunHandle, page: Page, tmp_path: Path) -> None:
    first, *_ = ids(run)
    (evidence,) = page.ask("evidence", id=first)[0]["evidence"]
    assert evidence["plugin"] == "signals"
    assert len(evidence["times"]) > 1
    folder = str(tmp_path / "clips")
    paths = page.ask("export", ids=[first], folder=folder, exact=False)[0]["paths"]
    assert [Path(path).name for path in paths] == ["film-000.mp4"]
    again = page.ask("export", ids=[first], folder=folder, exact=False)[0]
    assert "There is a file" in again["error"]


def test_what_cannot_be_done_is_told_and_breaks_nothing(run: tk.RunHandle, page: Page) -> None:
    assert "no scene 'x'" in page.ask("clip", id="x")[0]["error"]
    assert "KeyError" in page.ask("clip")[0]["error"]
    assert "does not answer" in page.ask("dance")[0]["error"]
    Path(run.videos["path"][0]).rename("elsewhere.mp4")
    try:
        assert page.ask("clip", id=ids(run)[0])[0]["error"]
    finally:
        Path("elsewhere.mp4").rename(run.videos["path"][0])
    assert page.ask("page", page=0)[0]["rows"]


def test_the_review_queue_ranks_all_scenes(
    run: tk.RunHandle, page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.review(ids(run)[2], action="accept", name="fog", reviewer="ann")
    run.review(ids(run)[2], action="reject", name="fog", reviewer="zoe")
    told = threading.Event()

    def hear(*sent: Any, **more: Any) -> None:
        page.hear(*sent, **more)
        told.set()

    monkeypatch.setattr(page.browser, "send", hear)
    message = {"method": "custom", "content": {"kind": "queue", "seq": "q"}}
    page.browser._handle_msg({"content": {"data": message}, "buffers": []})
    assert told.wait(60)
    order = page.sent[-1][0]["order"]
    assert order[0] == 2
    assert sorted(order) == [0, 1, 2]
    first = run.review_queue()["scene_id"].to_list()
    assert [ids(run)[place] for place in order][: len(first)] == first


def test_a_saved_notebook_shows_text_without_scripts(run: tk.RunHandle) -> None:
    data, _ = run.browse()._repr_mimebundle_()
    assert data["text/plain"].startswith("SceneBrowser(3 scenes of 1 video")
    assert MARKED not in data["text/html"]
    assert "&lt;script&gt;" in data["text/html"]
    assert data["text/html"].count("<img") == 3


def test_a_video_is_found_by_path_or_id(run: tk.RunHandle, film: Path) -> None:
    later = tk.analyze(film, analyzer="signals", progress=False)
    video_id = run.videos["video_id"][0]
    for named in (film, str(film), video_id, video_id[:8]):
        assert later.id in repr(tk.browse(named))
    with pytest.raises(tk.SourceError, match=r"nowhere\.mp4"):
        tk.browse("nowhere.mp4")
    with pytest.raises(tk.SourceError, match="no video"):
        run.browse("0" * 32)


def test_a_review_comes_back_with_the_row(run: tk.RunHandle, page: Page) -> None:
    first, *_ = ids(run)
    said = {"id": first, "target": "tag", "action": "reject", "name": MARKED, "value": None}
    row = page.ask("review", **said)[0]["row"]
    assert [tag[0] for tag in row["tags"]] == ["plain"]
    assert row["reviews"] == [["tag", "reject", MARKED, None]]
    row = page.ask("review", **{**said, "action": "withdraw"})[0]["row"]
    assert [tag[0] for tag in row["tags"]] == ["plain", MARKED]
    assert row["reviews"] == []
    assert page.ask("review", **{**said, "action": "dance"})[0]["error"]


def test_a_moved_boundary_makes_the_page_ask_again(run: tk.RunHandle, page: Page) -> None:
    first, *_ = ids(run)
    stamp = page.browser.stamp
    said = {"id": first, "target": "boundary", "action": "add", "name": "", "value": 1.0}
    assert "error" not in page.ask("review", **said)[0]
    assert page.browser.count == 4
    assert page.browser.stamp == stamp + 1


def test_ten_thousand_scenes_come_in_pages(tmp_path: Path) -> None:
    film = Video(
        id="long", path="/films/long.mp4", size_bytes=1, container="mp4", duration_s=40_000.0,
        width=640, height=360, codec="h264",
    )  # fmt: skip
    source = Source.of("long.mp4", "file", video_id=film.id)
    run = Run(lineage=Lineage(detector="cuts", generations=("tags",)))
    scenes = [
        Scene.of(film.id, "cuts", i, start_s=4.0 * i, end_s=4.0 * i + 4) for i in range(10_000)
    ]
    tags = [Tag("a tag", why="because").placed(scene, "tagger", "tags") for scene in scenes]
    with make(SQLiteOptions(), Context(tmp_path, tmp_path)) as store:
        store.save([film, source, run, RunSource.of(run.id, source, video_id=film.id)])
        store.save([*scenes, *tags])
        browser = of_run(tk.RunHandle(store, run.id), store, None, 600)
        data, _ = browser._repr_mimebundle_()
        first = len(json.dumps(browser.get_state(), default=str)) + len(json.dumps(data))
        assert first < 300_000
        catalogue = Catalogue(store, run)
        pages = [catalogue.page(number) for number in range(10_000 // PAGE)]
    assert [row["id"] for rows in pages for row in rows] == [scene.id for scene in scenes]
    assert max(len(json.dumps(rows)) for rows in pages) < 100_000
